import { describe, expect, it } from 'vitest'
import { compileScope, type ScopeRule, scopeText } from '../../src/core/scope.ts'
import { liveCore } from '../support/live-core.ts'
import { canaryPlan, happen, releasePlan } from '../support/releases.ts'

const tenants: ScopeRule = {
  source: { from: 'header', name: 'x-tenant' },
  fits: { kind: 'in', values: ['acme', 'globex'] },
}
const beta: ScopeRule = { source: { from: 'cookie', name: 'plan' }, fits: { kind: 'prefix', prefix: 'beta-' } }

describe('a scope', () => {
  const cases: [string, { header?: string; cookie?: string }, boolean][] = [
    ['takes a value that is named', { header: 'globex' }, true],
    ['takes no other value', { header: 'initech' }, false],
    ['takes no value that only begins so', { header: 'acme-eu' }, false],
    ['takes a value with the prefix', { cookie: 'beta-2' }, true],
    ['takes a request that one of its rules fits', { header: 'initech', cookie: 'beta-2' }, true],
    ['takes no request without values', {}, false],
  ]
  it.each(cases)('%s', (_rule, { header, cookie }, isIn) => {
    const reader = {
      header: (name: string) => (name === 'x-tenant' ? header : undefined),
      cookie: (name: string) => (name === 'plan' ? cookie : undefined),
    }
    expect(compileScope([tenants, beta])(reader)).toBe(isIn)
  })

  it('is told in words', () => {
    expect([tenants, beta].map(scopeText)).toEqual(['header x-tenant in acme, globex', 'cookie plan begins with beta-'])
  })
})

describe('the table of a scoped release', () => {
  const begun = () => {
    const live = liveCore()
    live.happen(
      happen.applied(),
      happen.released(releasePlan({ match: [tenants], stages: [canaryPlan()], probationMs: 1e6 })),
    )
    return live
  }
  const scopeOf = (live: ReturnType<typeof begun>) => live.state().endpoints['digits']?.table.scope

  it('has the scope in every step, and keeps the others on the stable version', () => {
    const live = begun()
    expect(scopeOf(live)).toEqual({ rules: [tenants], outside: 'v1' })
    live.happen(happen.judged('pass'))
    expect(scopeOf(live)).toEqual({ rules: [tenants], outside: 'v1' })
  })

  it('has none after the promotion, which is for everybody, nor after the way back', () => {
    const promoted = begun()
    promoted.happen(happen.told('promote'))
    expect(scopeOf(promoted)).toBeUndefined()
    const aborted = begun()
    aborted.happen(happen.told('abort'))
    expect(scopeOf(aborted)).toBeUndefined()
  })
})
