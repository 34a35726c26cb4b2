import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createLedger } from '../../src/controller/ledger.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import type { ControlState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tell } from '../../src/core/tell.ts'
import type { TimelineEntry } from '../../src/core/timeline.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'

const events = [
  { type: 'endpoint-applied', spec: endpointSpec(), actor: 'ada' },
  { type: 'fleet-ready', endpoint: 'digits', version: 'v1' },
  { type: 'release-started', release: 'digits-1', plan: releasePlan(), actor: 'ada' },
  { type: 'operator', release: 'digits-1', verb: 'abort', actor: 'ada', note: null },
  { type: 'release-started', release: 'digits-2', plan: releasePlan(), actor: 'ada' },
] as const

/** As after `events`; what is over cannot be read. */
function withSealedPast(): ControlState {
  const state = fold(events.map((event, index) => ({ seq: index + 1, atMs: 1_000 * index, event })))
  const releases = { ...state.releases }
  Object.defineProperty(releases, 'digits-1', {
    enumerable: true,
    get: () => {
      throw new Error('a release that is over was looked at')
    },
  })
  return { ...state, releases }
}

it('an event of a fleet copies no releases', () => {
  const state = withSealedPast()
  const event = { type: 'fleet-failed', endpoint: 'digits', version: 'v1', reason: 'gone' } as const
  const after = step(state, event, 9_000).state
  expect(after).not.toBe(state)
  expect(after.releases).toBe(state.releases)
})

it('the story of an event is told without looking at releases that are over', () => {
  const before = withSealedPast()
  const { 'digits-2': running } = before.releases
  if (running === undefined) throw new Error('nothing runs')
  const releases: ControlState['releases'] = Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(before.releases),
      'digits-2': { enumerable: true, value: { ...running } },
    },
  )
  const event = { type: 'operator', release: 'digits-2', verb: 'pause', actor: 'ada', note: null } as const
  const entries = tell(before, { seq: 6, atMs: 9_000, event }, { ...before, releases })
  expect(entries.map(({ release, kind }) => ({ release, kind }))).toContainEqual({
    release: 'digits-2',
    kind: 'operator',
  })
})

/** Each is told, judged, and goes back; servers come and go. */
function lifeOf(release: string): ControlEvent[] {
  return [
    { type: 'release-started', release, plan: releasePlan({ onConflict: 'queue' }), actor: 'ada' },
    { type: 'fleet-ready', endpoint: 'digits', version: 'v2' },
    { type: 'server-started', settles: true },
    { type: 'fleet-ready', endpoint: 'digits', version: 'v2' },
    { ...happen.judged('pass'), release } as ControlEvent,
    { ...happen.told('abort', release) },
  ]
}

describe('a log of many releases', () => {
  const lives = Array.from({ length: 20 }, (_, n) => lifeOf(`digits-${n + 1}`))
  const { log, live } = lived([happen.applied(), ...lives.flat()])

  it('is taken in by a server that starts without copying them, to the same state and the same stories', () => {
    const { ledger, stories, states } = reader(log)
    ledger.load()
    expect(ledger.state()).toEqual(live.ledger.state())
    expect(stories).toEqual(live.stories)
    expect(new Set(states.map(({ releases }) => releases)).size).toBe(1)
    expect(fold(log.read({ afterSeq: 0, limit: 1_000 }))).toEqual(ledger.state())
  })

  it('leaves a state that nothing changes any more', () => {
    const { ledger } = reader(log)
    ledger.load()
    const before = ledger.state()
    const ids = Object.keys(before.releases)
    ledger.record({ type: 'release-started', release: 'digits-99', plan: releasePlan(), actor: 'ada' })
    expect(Object.keys(before.releases)).toEqual(ids)
    expect(Object.keys(ledger.state().releases)).toEqual([...ids, 'digits-99'])
  })
})

function reader(log: EventLog) {
  const stories: TimelineEntry[] = []
  const states: ControlState[] = []
  const ledger = createLedger(
    { log, clock: createManualClock() },
    {
      folded({ before, logged, after }) {
        stories.push(...tell(before, logged, after))
        states.push(after)
      },
      recorded() {},
    },
  )
  return { ledger, stories, states }
}

function lived(events: readonly ControlEvent[]) {
  const log = createMemoryEventLog()
  const live = reader(log)
  for (const event of events) live.ledger.record(event)
  return { log, live }
}
