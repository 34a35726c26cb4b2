/** A release that arrives during another one on the same endpoint: it waits or takes the place, and nothing is ever mixed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ControlEvent } from '../../src/core/event.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { type ControlState, isTerminal } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, happen, judgement, releasePlan } from '../support/releases.ts'

const id = (number: number) => `digits-${number}`
const plan = (to: string, over: Partial<ReleasePlan> = {}) =>
  releasePlan({ to, stages: [canaryPlan({ steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] })], ...over })
const arrives = (number: number, to: string, over: Partial<ReleasePlan> = {}) =>
  happen.released(plan(to, over), id(number))
const judged = (number: number, verdict: 'pass' | 'fail'): ControlEvent => ({
  type: 'judged',
  release: id(number),
  judgement: judgement(verdict),
})
const phaseOf = (live: LiveCore, number: number) => live.state().releases[id(number)]?.phase
const endpointOf = (state: ControlState) => state.endpoints['digits']

function begun(over: Partial<ReleasePlan> = {}): LiveCore {
  const live = liveCore()
  live.happen(happen.applied(), arrives(1, 'v2', over))
  return live
}

describe('a release that queues', () => {
  const queue = { onConflict: 'queue' as const }

  it('waits, and starts from the version that has been promoted by then', () => {
    const live = begun()
    live.happen(arrives(2, 'v3', queue))
    expect(phaseOf(live, 2)?.kind).toBe('queued')
    expect(endpointOf(live.state())).toMatchObject({
      activeRelease: id(1),
      queue: [{ release: id(2) }],
      releaseCount: 2,
    })
    live.happen(judged(1, 'pass'))
    expect(phaseOf(live, 1)?.kind).toBe('promoted')
    expect(live.state().releases[id(2)]?.plan.from).toBe('v2')
    expect(endpointOf(live.state())).toMatchObject({
      activeRelease: id(2),
      table: { weights: { v2: 900_000, v3: 100_000 } },
    })
    expect(endpointOf(live.state())?.queue).toBeUndefined()
    live.happen(judged(2, 'fail'))
    expect(endpointOf(live.state())?.table.weights).toEqual({ v2: 1_000_000 })
  })

  it('starts from the version that stayed when the one before goes back', () => {
    const live = begun()
    live.happen(arrives(2, 'v3', queue), judged(1, 'fail'))
    expect(live.state().releases[id(2)]?.plan.from).toBe('v1')
    expect(phaseOf(live, 2)?.kind).toBe('running')
  })

  it('leaves the line by an abort, and nothing else can be said to it', () => {
    const live = begun()
    live.happen(arrives(2, 'v3', queue), happen.told('promote', id(2)), happen.told('pause', id(2)))
    expect(phaseOf(live, 2)?.kind).toBe('queued')
    live.happen(happen.told('abort', id(2)))
    expect(phaseOf(live, 2)).toMatchObject({ kind: 'rolled-back', cause: 'operator' })
    expect(phaseOf(live, 1)?.kind).toBe('running')
    expect(endpointOf(live.state())?.queue).toBeUndefined()
  })

  it('has nothing to do where its version has become stable meanwhile', () => {
    const live = begun()
    live.happen(arrives(2, 'v2', queue), arrives(3, 'v3', queue), judged(1, 'pass'))
    expect(phaseOf(live, 2)?.kind).toBe('promoted')
    expect(phaseOf(live, 3)?.kind).toBe('running')
  })

  it('ends where it would compare a version with itself by then', () => {
    const live = begun()
    const test = { kind: 'abTest' as const, variants: ['v2', 'v3'] } as unknown as ReleasePlan['stages'][number]
    live.happen(arrives(2, 'v3', { ...queue, stages: [test] }), judged(1, 'pass'))
    expect(phaseOf(live, 2)).toMatchObject({
      kind: 'rolled-back',
      cause: 'stage-failed',
      reason: /v2, .* is the stable version now/,
    })
    expect(endpointOf(live.state())).toMatchObject({ activeRelease: null, stable: 'v2' })
  })

  it('tells its story: that it waits, for whom, and when it begins', () => {
    const live = begun()
    live.happen(arrives(2, 'v3', queue))
    live.crash()
    live.happen(happen.told('abort'))
    const story = tellAll(live.log, id(2)).map(({ kind, text }) => `${kind}: ${text}`)
    expect(story).toEqual([
      'queued: release of v3 on digits waits for the end of digits-1',
      'server-started: a server came up and took the release over where it stood',
      'started: release of v3 on digits (stable v1) by canary',
      'ready: v3 is ready',
      'weight: v3 gets 10 % of the traffic',
    ])
  })
})

describe('a release that replaces', () => {
  const replace = { onConflict: 'replace' as const }

  it('takes the running one back and starts from the same stable version', () => {
    const live = begun()
    live.happen(arrives(2, 'v3', replace))
    expect(phaseOf(live, 1)).toMatchObject({ kind: 'rolled-back', cause: 'replaced' })
    expect(live.state().releases[id(2)]?.plan.from).toBe('v1')
    expect(endpointOf(live.state())?.table.weights).toEqual({ v1: 900_000, v3: 100_000 })
  })

  it('waits for the way back of the one it replaces, step by step', () => {
    const paced = canaryPlan({ return: { stepsPpm: [50_000], everyMs: 1_000 } })
    const live = begun({ stages: [{ ...paced, steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] }] })
    live.happen(arrives(2, 'v3', replace))
    expect(phaseOf(live, 2)?.kind).toBe('queued')
    expect(endpointOf(live.state())?.table.weights).toEqual({ v1: 950_000, v2: 50_000 })
    live.wait(1_000)
    expect(phaseOf(live, 2)?.kind).toBe('running')
  })

  it('lets one in probation finish its promotion, and starts from what it promoted', () => {
    const live = begun({ probationMs: 1e6 })
    live.happen(judged(1, 'pass'))
    expect(phaseOf(live, 1)?.kind).toBe('probation')
    live.happen(arrives(2, 'v3', replace))
    expect(phaseOf(live, 1)?.kind).toBe('promoted')
    expect(live.state().releases[id(2)]?.plan.from).toBe('v2')
  })

  it('goes before those that queue, and ends those that were to replace', () => {
    const paced = canaryPlan({ return: { stepsPpm: [50_000], everyMs: 1_000 } })
    const live = begun({ stages: [{ ...paced, steps: [{ weightPpm: 100_000, floorMs: 0, ceilingMs: null }] }] })
    live.happen(arrives(2, 'v2', { onConflict: 'queue' }), arrives(3, 'v3', replace), arrives(4, 'v3', replace))
    expect(phaseOf(live, 3)).toMatchObject({ kind: 'rolled-back', cause: 'replaced' })
    expect(endpointOf(live.state())?.queue?.map(({ release }) => release)).toEqual([id(4), id(2)])
  })
})

type Moment =
  | { arrive: string; how: 'queue' | 'replace' }
  | { verdict: 'pass' | 'fail' }
  | { abort: number }
  | 'wait'
  | 'crash'
const moment: fc.Arbitrary<Moment> = fc.oneof(
  fc.record({ arrive: fc.constantFrom('v1', 'v2', 'v3'), how: fc.constantFrom('queue' as const, 'replace' as const) }),
  fc.record({ verdict: fc.constantFrom('pass' as const, 'fail' as const) }),
  fc.record({ abort: fc.integer({ min: 1, max: 8 }) }),
  fc.constantFrom('wait' as const, 'crash' as const),
)

function lived(moments: readonly Moment[], probationMs: number): LiveCore {
  const live = begun({ probationMs })
  for (const one of moments) {
    const active = endpointOf(live.state())?.activeRelease ?? null
    if (one === 'wait') live.wait(1_000)
    else if (one === 'crash') live.crash()
    else if ('abort' in one) live.happen(happen.told('abort', id(one.abort)))
    else if ('arrive' in one) {
      const { releaseCount = 0, stable: from = 'v1' } = endpointOf(live.state()) ?? {}
      // The door starts nothing for what is stable already.
      if (active === null && one.arrive === from) continue
      live.happen(arrives(releaseCount + 1, one.arrive, { onConflict: one.how, probationMs, from }))
    } else if (active !== null) live.happen({ type: 'judged', release: active, judgement: judgement(one.verdict) })
  }
  return live
}

describe('whatever arrives', () => {
  const lives = fc.tuple(fc.array(moment, { maxLength: 25 }), fc.constantFrom(0, 5_000))

  it('one release runs at a time, the others wait in the line, and the log replays to the same', () => {
    fc.assert(
      fc.property(lives, ([moments, probationMs]) => {
        const live = lived(moments, probationMs)
        expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
        let state = fold([])
        for (const { event, atMs } of live.log) {
          state = step(state, event, atMs).state
          const open = Object.values(state.releases).filter(release => !isTerminal(release))
          const underWay = open.filter(({ phase }) => phase.kind !== 'queued').map(release => release.id)
          const active = endpointOf(state)?.activeRelease ?? null
          expect(underWay).toEqual(active === null ? [] : [active])
          const waiting = open.filter(({ phase }) => phase.kind === 'queued').map(release => release.id)
          expect(waiting.toSorted()).toEqual((endpointOf(state)?.queue ?? []).map(one => one.release).toSorted())
          if (active === null) expect(waiting).toEqual([])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('a rollback leads to the version that was promoted last', () => {
    fc.assert(
      fc.property(lives, ([moments, probationMs]) => {
        const live = lived(moments, probationMs)
        let promoted = 'v1'
        let state = fold([])
        for (const { event, atMs } of live.log) {
          const before = state
          state = step(state, event, atMs).state
          const begins = Object.values(state.releases).filter(
            ({ id: one, phase }) =>
              phase.kind !== 'queued' && (before.releases[one]?.phase.kind ?? 'queued') === 'queued',
          )
          for (const release of Object.values(state.releases))
            if (release.phase.kind === 'promoted' && before.releases[release.id]?.phase.kind !== 'promoted')
              promoted = release.plan.to
          for (const { plan: begun, phase } of begins) if (!isOver(phase)) expect(begun.from).toBe(promoted)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('a crash anywhere changes nothing of who waits and who runs', () => {
    fc.assert(
      fc.property(lives, fc.nat(25), ([moments, probationMs], where) => {
        const straight = lived(moments, probationMs).state()
        const crashed = lived([...moments.slice(0, where), 'crash', ...moments.slice(where)], probationMs).state()
        expect(crashed.releases).toEqual(straight.releases)
        expect(endpointOf(crashed)?.queue).toEqual(endpointOf(straight)?.queue)
      }),
      { numRuns: 200 },
    )
  })
})

function isOver({ kind }: { kind: string }): boolean {
  return kind === 'promoted' || kind === 'rolled-back'
}
