/** Flags through the whole controller: what the gateway is told, what a restart gives back, what the doors refuse. */
import { describe, expect, it } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import type { FlagSpec } from '../../src/core/flags/flag.ts'
import { limits } from '../../src/core/limits.ts'
import { flag } from '../core/flags/support.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'
import { thrownBy } from '../support/thrown.ts'

const word = { actor: 'ann', note: null, dryRun: false }

function apply(rig: ControlRig, ...specs: FlagSpec[]): void {
  for (const spec of specs) rig.controller.applyFlag({ spec, ...word })
}

function refusal(rig: ControlRig, spec: FlagSpec): string {
  const { code, problems } = thrownBy(() => rig.controller.applyFlag({ spec, ...word }))
  return `${code} ${problems.map(({ path, message }) => `${path} ${message}`).join('; ')}`
}

const needs = (name: string, ...others: string[]) =>
  flag({ name, requires: others.map(other => ({ flag: other, is: ['on'] })) })

describe('a change of a flag', () => {
  it('is told to the gateway at once, and again by the next server', () => {
    const log = createMemoryEventLog()
    const rig = controlRig(log)
    apply(rig, flag())
    rig.controller.applySegment({ spec: { name: 'beta', include: ['ann'] }, actor: 'ann', note: null, dryRun: false })
    expect(rig.flagSets.at(-1)).toEqual(rig.controller.state().flags)
    const next = controlRig(log)
    expect(next.flagSets).toEqual([rig.controller.state().flags])
  })

  it('that changes nothing is not written down', () => {
    const rig = controlRig()
    apply(rig, flag(), flag())
    expect(rig.flagSets).toHaveLength(1)
    expect(rig.controller.applyFlag({ spec: flag({ enabled: false }), ...word, dryRun: true }).action).toBe('updated')
    expect(rig.flagSets).toHaveLength(1)
  })
})

describe('a flag is refused', () => {
  it('where it would make a circle, however long', () => {
    const rig = controlRig()
    apply(rig, flag({ name: 'a' }), needs('b', 'a'), needs('c', 'b'))
    expect(refusal(rig, needs('a', 'c'))).toMatch(/requires goes in a circle: a requires c requires b requires a/)
  })

  it('where a row of requirements would be too long, or too wide to be looked at', () => {
    const long = controlRig()
    const names = Array.from({ length: limits.flagRequirementDepthMax + 1 }, (_, index) => `f${index}`)
    apply(long, flag({ name: 'f0' }))
    for (const [index, name] of names.slice(1, -1).entries()) apply(long, needs(name, names[index] ?? ''))
    expect(refusal(long, needs(names.at(-1) ?? '', names.at(-2) ?? ''))).toMatch(/a row of 21 flags/)
    const wide = controlRig()
    const layer = (at: number) => Array.from({ length: 10 }, (_, index) => `w${at}-${index}`)
    apply(wide, ...layer(0).map(name => flag({ name })))
    apply(wide, ...layer(1).map(name => needs(name, ...layer(0))))
    apply(wide, needs('w2-0', ...layer(1)))
    apply(
      wide,
      ...layer(2)
        .slice(1)
        .map(name => needs(name, ...layer(1))),
    )
    expect(refusal(wide, needs('top', ...layer(2)))).toMatch(/looks at other flags/)
  })

  it('where a variant would go that others ask for', async () => {
    const rig = controlRig()
    apply(rig, flag(), needs('child', 'ranker'))
    const other = flag({ variants: { yes: true, off: false } })
    expect(refusal(rig, other)).toMatch(/variants flag child asks for the variant on/)
  })
})

describe('a flag that must be on for others', () => {
  const text = flag({ type: 'string', variants: { on: 'on', off: 'off' } })

  it.each([
    ['an endpoint', { rules: [{ flag: 'ranker', version: 'v2' }] }, {}, 'endpoint digits'],
    ['a release', {}, { flags: [{ flag: 'ranker' }] }, 'release digits-1'],
  ])('stays boolean while %s asks for it', async (_, endpoint, release, by) => {
    const rig = controlRig()
    apply(rig, flag())
    await rig.controller.applyEndpoint({ spec: endpointSpec(endpoint), actor: 'ann', dryRun: false })
    const { planVersion: _version, from: _from, ...plan } = releasePlan(release)
    await rig.controller.applyRelease({ plan, actor: 'ann', dryRun: false, again: true })
    expect(refusal(rig, text)).toBe(`invalid-resource type ${by} asks whether the flag is on`)
  })

  it('may change its type where its variants are asked for', () => {
    const rig = controlRig()
    apply(rig, flag(), needs('child', 'ranker'))
    expect(rig.controller.applyFlag({ spec: text, ...word }).action).toBe('updated')
  })
})

describe('an undo is refused', () => {
  it('where it would bring back what cannot be any more', () => {
    const rig = controlRig()
    apply(rig, flag(), needs('child', 'ranker'), flag({ name: 'child' }))
    rig.controller.deleteFlag({ flag: 'ranker', actor: 'ann' })
    const { code, problems } = thrownBy(() => rig.controller.undoFlag({ flag: 'child', actor: 'ann', dryRun: false }))
    expect([code, problems[0]?.path]).toEqual(['invalid-resource', 'requires[0].flag'])
    rig.controller.undoFlag({ flag: 'ranker', actor: 'ann', dryRun: false })
    expect(rig.controller.undoFlag({ flag: 'child', actor: 'ann', dryRun: false }).action).toBe('updated')
  })
})

describe('endpoints and releases', () => {
  it('that go by a flag need it, and variants of one that is not boolean', async () => {
    const rig = controlRig()
    const text = flag({ name: 'tier', type: 'string', variants: { a: 'a' }, off: 'a', default: null })
    apply(rig, text)
    const ruled = (rule: object) => endpointSpec({ rules: [{ version: 'v2', flag: 'tier', ...rule }] })
    const applying = (spec: ReturnType<typeof endpointSpec>) =>
      rig.controller.applyEndpoint({ spec, actor: 'ann', dryRun: false })
    await expect(applying(ruled({ flag: 'nothing' }))).rejects.toThrow(/rules\[0\]: there is no such flag/)
    await expect(applying(ruled({}))).rejects.toThrow(/is no boolean flag: say which variants are meant/)
    await expect(applying(ruled({ is: ['b'] }))).rejects.toThrow(/is not a variant of tier/)
    await applying(ruled({ is: ['a'] }))
    expect(rig.running).toEqual(new Set(['v1', 'v2']))
    const { planVersion: _version, from: _from, ...plan } = releasePlan({ flags: [{ flag: 'nothing', stage: 0 }] })
    const starting = rig.controller.applyRelease({ plan, actor: 'ann', dryRun: false, again: true })
    await expect(starting).rejects.toThrow(/stages\[0\]\.flag: there is no such flag/)
    expect(() => rig.controller.deleteFlag({ flag: 'tier', actor: 'ann' })).toThrow(/is used by endpoint digits/)
  })

  it('hear of a flag at the next tick', async () => {
    const rig = controlRig()
    apply(rig, flag())
    await rig.controller.applyEndpoint({ spec: endpointSpec(), actor: 'ann', dryRun: false })
    const { planVersion: _version, from: _from, ...plan } = releasePlan({ flags: [{ flag: 'ranker' }] })
    await rig.controller.applyRelease({ plan, actor: 'ann', dryRun: false, again: true })
    const phase = () => rig.controller.release('digits-1').release.phase
    rig.tick(3)
    expect(phase()).toMatchObject({ kind: 'starting', hold: { cause: 'flag' } })
    apply(rig, flag({ default: { kind: 'variant', variant: 'on' } }))
    rig.tick()
    expect(phase().kind).toBe('running')
  })
})
