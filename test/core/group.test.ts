/** Releases of two endpoints that move or return as one, lived through the core's one door. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OperatorVerb } from '../../src/core/event.ts'
import type { Verdict } from '../../src/core/judge/judgement.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { fold, step } from '../../src/core/step.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, endpointSpec, judgement, releasePlan } from '../support/releases.ts'

const endpoints = ['digits', 'letters'] as const
type Name = (typeof endpoints)[number]
const idOf = (name: Name) => `${name}-1`
const group = { name: 'spring', endpoints }

const applied = (name: Name) => ({ type: 'endpoint-applied' as const, spec: endpointSpec({ name }), actor: 'test' })
const started = (name: Name, over: Partial<ReleasePlan> = {}) => ({
  type: 'release-started' as const,
  release: idOf(name),
  plan: releasePlan({
    endpoint: name,
    group,
    stages: [canaryPlan({ steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] })],
    ...over,
  }),
  actor: 'test',
})
const judged = (name: Name, verdict: Verdict) => ({
  type: 'judged' as const,
  release: idOf(name),
  judgement: judgement(verdict),
})
const told = (name: Name, verb: OperatorVerb) => ({
  type: 'operator' as const,
  release: idOf(name),
  verb,
  actor: 'test',
  note: null,
})
const lost = (name: Name) => ({ type: 'fleet-failed' as const, endpoint: name, version: 'v2', reason: 'exited' })
const back = (name: Name) => ({ type: 'fleet-ready' as const, endpoint: name, version: 'v2' })

const phaseOf = (live: LiveCore, name: Name) => live.state().releases[idOf(name)]?.phase
const kinds = (live: LiveCore) => endpoints.map(name => phaseOf(live, name)?.kind)
const shareOf = (live: LiveCore, name: Name) => live.state().endpoints[name]?.table.weights['v2'] ?? 0

function begun(over: Partial<ReleasePlan> = {}): LiveCore {
  const live = liveCore()
  live.happen(applied('digits'), applied('letters'), started('digits', over), started('letters', over))
  return live
}

describe('the releases of a group', () => {
  it('begin together: the first waits, its fleet ready, until the last one is', () => {
    const live = liveCore()
    live.happen(applied('digits'), applied('letters'), started('digits'))
    expect(phaseOf(live, 'digits')).toMatchObject({ kind: 'starting', hold: { cause: 'group', reason: /letters/ } })
    expect(shareOf(live, 'digits')).toBe(0)
    live.happen(started('letters'))
    expect(kinds(live)).toEqual(['running', 'running'])
    expect(endpoints.map(name => shareOf(live, name))).toEqual([100_000, 100_000])
    expect(live.state().releases['digits-1']?.members).toEqual(['digits-1', 'letters-1'])
  })

  it('are promoted together, when all have passed', () => {
    const live = begun()
    live.happen(judged('digits', 'pass'))
    expect(phaseOf(live, 'digits')).toMatchObject({ kind: 'running', hold: { cause: 'group' } })
    expect(shareOf(live, 'digits')).toBe(100_000)
    live.happen(judged('digits', 'insufficient'), judged('letters', 'pass'))
    expect(kinds(live)).toEqual(['promoted', 'promoted'])
  })

  it('take an operator’s promotion of one for its yes, no more', () => {
    const live = begun()
    live.happen(told('digits', 'promote'))
    expect(kinds(live)).toEqual(['running', 'running'])
    live.happen(judged('letters', 'pass'))
    expect(kinds(live)).toEqual(['promoted', 'promoted'])
  })

  it('go back together, whoever does', () => {
    const live = begun()
    live.happen(judged('digits', 'pass'), judged('letters', 'fail'))
    expect(phaseOf(live, 'letters')).toMatchObject({ kind: 'rolled-back', cause: 'guardrail' })
    expect(phaseOf(live, 'digits')).toMatchObject({
      kind: 'rolled-back',
      cause: 'group',
      reason: /letters of the group spring went back/,
    })
  })

  it('go back together from probation, which ends for all at once', () => {
    const live = begun({ probationMs: 1_000 })
    live.happen(judged('digits', 'pass'), judged('letters', 'pass'))
    expect(kinds(live)).toEqual(['probation', 'probation'])
    live.wait(500)
    live.happen(judged('letters', 'fail'))
    expect(kinds(live)).toEqual(['rolled-back', 'rolled-back'])
    const fine = begun({ probationMs: 1_000 })
    fine.happen(judged('digits', 'pass'), judged('letters', 'pass'))
    fine.wait(1_000)
    expect(kinds(fine)).toEqual(['promoted', 'promoted'])
  })

  it('are not promoted while one of them is in a freeze window', () => {
    const live = begun()
    const frozen = liveCore()
    const freeze = [{ fromMinute: 60, toMinute: 120, zone: 'UTC' }]
    frozen.happen(applied('digits'), applied('letters'), started('digits'), started('letters', { freeze }))
    for (const one of [live, frozen]) one.happen(judged('letters', 'pass'))
    frozen.wait(90 * 60_000)
    for (const one of [live, frozen]) one.happen(judged('digits', 'pass'))
    expect(kinds(live)).toEqual(['promoted', 'promoted'])
    expect(kinds(frozen)).toEqual(['running', 'running'])
    frozen.wait(60 * 60_000)
    expect(kinds(frozen)).toEqual(['promoted', 'promoted'])
  })

  it('try again under the same name as a group of their own', () => {
    const live = begun()
    live.happen(judged('digits', 'fail'))
    const again = (name: Name) => ({ ...started(name), release: `${name}-2` })
    live.happen(again('digits'))
    expect(live.state().releases['digits-2']?.phase).toMatchObject({ kind: 'starting', hold: { cause: 'group' } })
    live.happen(again('letters'))
    expect(live.state().releases['letters-2']).toMatchObject({
      phase: { kind: 'running' },
      members: ['digits-2', 'letters-2'],
    })
  })
})

const name = fc.constantFrom(...endpoints)
const verdict = fc.constantFrom('pass' as const, 'fail' as const, 'insufficient' as const, 'invalid' as const)
const verb = fc.constantFrom(
  'pause' as const,
  'resume' as const,
  'promote' as const,
  'abort' as const,
  'approve' as const,
)
const moment = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(name, verdict).map(([one, said]) => judged(one, said)) },
  fc.tuple(name, verb).map(([one, said]) => told(one, said)),
  name.map(lost),
  name.map(back),
  fc.constantFrom('wait' as const, 'crash' as const),
)
const life = fc.record({
  moments: fc.array(moment, { maxLength: 25 }),
  probationMs: fc.tuple(fc.constantFrom(0, 2_000), fc.constantFrom(0, 5_000)),
  approval: fc.boolean(),
})
type Life = typeof life extends fc.Arbitrary<infer Value> ? Value : never

function lived({ moments, probationMs, approval }: Life): LiveCore {
  const live = liveCore()
  const stages = [canaryPlan({ steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }], approval })]
  live.happen(applied('digits'), applied('letters'))
  live.happen(
    started('digits', { probationMs: probationMs[0], stages }),
    started('letters', { probationMs: probationMs[1], stages }),
  )
  for (const one of moments) {
    if (one === 'wait') live.wait(1_000)
    else if (one === 'crash') live.crash()
    else live.happen(one)
  }
  return live
}

const isForward = (kind: string | undefined) => kind === 'promoting' || kind === 'probation' || kind === 'promoted'
const isBack = (kind: string | undefined) => kind === 'returning' || kind === 'rolled-back'

describe('in any life of a group', () => {
  it('none is promoted and none goes back without the other, at any moment', () => {
    fc.assert(
      fc.property(life, one => {
        const live = lived(one)
        let state = fold([])
        for (const { event, atMs } of live.log) {
          state = step(state, event, atMs).state
          const now = endpoints.map(endpoint => state.releases[idOf(endpoint)]?.phase.kind)
          if (state.releases['letters-1']?.members === undefined) continue
          expect(now.some(isForward) && !now.every(isForward)).toBe(false)
          expect(now.some(isBack) && !now.every(isBack)).toBe(false)
          expect(now.includes('promoted') && now.includes('rolled-back')).toBe(false)
        }
        expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
      }),
      { numRuns: 300 },
    )
  })

  it('an abort of either takes both back from every state that is no end', () => {
    fc.assert(
      fc.property(life, name, (one, aborted) => {
        const live = lived(one)
        if (kinds(live).some(kind => kind === 'promoted' || kind === 'rolled-back')) return
        live.happen(told(aborted, 'abort'))
        for (const endpoint of endpoints) live.happen({ type: 'fleet-ready', endpoint, version: 'v1' })
        expect(kinds(live)).toEqual(['rolled-back', 'rolled-back'])
      }),
      { numRuns: 200 },
    )
  })

  it('a crash anywhere, with all fleets coming back, changes nothing', () => {
    const calm = moment.filter(one => typeof one === 'string' || one.type !== 'fleet-failed')
    fc.assert(
      fc.property(life, fc.array(calm, { maxLength: 25 }), fc.nat(25), (one, moments, where) => {
        const straight = lived({ ...one, moments })
        const crashed = lived({ ...one, moments: [...moments.slice(0, where), 'crash', ...moments.slice(where)] })
        expect(crashed.state().releases).toEqual(straight.state().releases)
      }),
      { numRuns: 200 },
    )
  })
})
