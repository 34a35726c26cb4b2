import { describe, expect, it } from 'vitest'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { ControlEvent, LoggedEvent } from '../../src/core/event.ts'
import type { LimitEvidence, StreamEvidence, WatchEvidence } from '../../src/core/monitor/evidence.ts'
import { lookAt, settled } from '../../src/core/monitor/look.ts'
import { returnPlan, tellMonitored, watchedOf } from '../../src/core/monitor/monitoring.ts'
import type { Alarm, MonitoringState, MonitorReport } from '../../src/core/monitor/report.ts'
import type { DriftSpec, MonitorSpec } from '../../src/core/monitor/spec.ts'
import type { ControlState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tellAll } from '../../src/core/tell.ts'
import { featureDrift } from '../../src/stats/drift/feature-drift.ts'
import { insufficient } from '../../src/stats/result.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'

const drift: DriftSpec = {
  by: 'unit',
  reference: 1_000,
  window: 500,
  atMostMs: 3_600_000,
  alpha: 0.01,
  toleratedPsi: 0,
  onDrift: 'alert',
}
const monitor: MonitorSpec = {
  checks: [{ metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 }],
  alpha: 0.01,
  window: 1_000,
  atMostMs: 3_600_000,
  onBreach: 'return',
}
const watched = (over: Partial<EndpointSpec> = {}) => endpointSpec({ drift, monitor, ...over })

/** Events a second apart. */
function log(...events: ControlEvent[]): LoggedEvent[] {
  return events.map((event, index) => ({ seq: index + 1, atMs: (index + 1) * 1_000, event }))
}

const monitoringOf = (state: ControlState) => state.endpoints['digits']?.monitoring

const limitAlarm: Alarm = { kind: 'limit', name: 'error-rate', reason: 'error-rate broke its limit: 9 %' }
const driftAlarm: Alarm = { kind: 'feature', name: 'age', reason: 'age drifted' }

function reported(over: Partial<MonitorReport> = {}): ControlEvent {
  const report: MonitorReport = { version: 'v1', status: 'breached', alarms: [limitAlarm], ...over }
  return { type: 'monitored', endpoint: 'digits', report }
}

const promoted = [
  happen.applied(watched()),
  happen.ready('v1'),
  happen.routed(1),
  happen.released(releasePlan()),
  happen.ready('v2'),
  happen.told('promote'),
  happen.routed(3),
]

describe('watching', () => {
  it('begins with the endpoint, and not without being asked for', () => {
    expect(monitoringOf(fold(log(happen.applied(watched()))))).toEqual({
      version: 'v1',
      status: 'ok',
      alarms: [],
      sinceMs: 1_000,
      sinceEpoch: 1,
      changedAtMs: 1_000,
    })
    expect(fold(log(happen.applied(endpointSpec()))).endpoints['digits']).not.toHaveProperty('monitoring')
  })

  it('goes on through what changes nothing of it', () => {
    const events = log(happen.applied(watched()), happen.ready('v1'), happen.applied(watched({ allowPin: false })))
    expect(monitoringOf(fold(events))?.sinceMs).toBe(1_000)
  })

  it('begins anew when something else is to be watched, and ends when nothing is', () => {
    const other = happen.applied(watched({ drift: { ...drift, window: 100 } }))
    expect(monitoringOf(fold(log(happen.applied(watched()), other)))?.sinceMs).toBe(2_000)
    expect(monitoringOf(fold(log(happen.applied(watched()), happen.applied(endpointSpec()))))).toBeUndefined()
    expect(monitoringOf(fold(log(happen.applied(endpointSpec()), other)))?.sinceMs).toBe(2_000)
  })

  it('counts by the clock only where it began within an epoch', () => {
    const other = happen.applied(watched({ drift: { ...drift, window: 100 } }))
    const since = (...events: Parameters<typeof log>) => watchedOf(fold(log(...events)).endpoints['digits'])?.since
    expect(since(happen.applied(watched()))).toEqual({ epoch: 1, isWithin: false })
    expect(since(...promoted)).toEqual({ epoch: 3, isWithin: false })
    expect(since(happen.applied(watched()), other)).toEqual({ epoch: 1, isWithin: true })
  })

  it('begins anew with another stable version, from the epoch in which it serves everybody', () => {
    const state = fold(log(...promoted))
    expect(state.endpoints['digits']?.stable).toBe('v2')
    expect(monitoringOf(state)).toMatchObject({ version: 'v2', sinceMs: 6_000, sinceEpoch: 3, status: 'ok' })
    expect(watchedOf(state.endpoints['digits'])).toMatchObject({ version: 'v2', sinceMs: 6_000, answer: 'number' })
  })
})

describe('a report', () => {
  it('is kept with its time, and told in a sentence', () => {
    const state = fold(log(happen.applied(watched()), reported()))
    expect(monitoringOf(state)).toMatchObject({ status: 'breached', alarms: [limitAlarm], changedAtMs: 2_000 })
    expect(tellMonitored(reported() as Extract<ControlEvent, { type: 'monitored' }>)).toBe(
      'digits/v1 is breached: error-rate broke its limit: 9 %',
    )
  })

  it('that says what the last one said changes nothing, whatever its numbers', () => {
    const state = fold(log(happen.applied(watched()), reported()))
    const again = reported({ alarms: [{ ...limitAlarm, reason: 'error-rate broke its limit: 8 %' }] })
    expect(step(state, again, 3_000)).toEqual({ state, commands: [] })
    expect(step(state, again, 3_000).state).toBe(state)
  })

  it('about a version that is not watched, or an endpoint that is not, changes nothing', () => {
    const state = fold(log(happen.applied(watched())))
    expect(step(state, reported({ version: 'v2' }), 2_000).state).toBe(state)
    const unwatched = fold(log(happen.applied(endpointSpec())))
    expect(step(unwatched, reported(), 2_000).state).toBe(unwatched)
  })
})

describe('the story of a report', () => {
  it('belongs to the story of the release that made the version stable', () => {
    const events = log(...promoted, reported({ version: 'v2' }), reported({ version: 'v2' }))
    const [last, ...others] = tellAll(events, 'digits-1').filter(({ kind }) => kind === 'monitored')
    expect(others).toEqual([])
    expect(last).toMatchObject({
      text: 'digits/v2 is breached: error-rate broke its limit: 9 %',
      candidatePpm: 1_000_000,
    })
    expect(tellAll(log(happen.applied(watched()), reported()), 'digits-1')).toEqual([])
  })
})

describe('the way back', () => {
  const breached = (over: Partial<MonitorReport> = {}) => fold(log(...promoted, reported({ version: 'v2', ...over })))

  it('leads at once to the version that was stable before, and says why', () => {
    const plan = returnPlan(breached(), 'digits')
    expect(plan).toMatchObject({ from: 'v2', to: 'v1', stages: [], reason: 'error-rate broke its limit: 9 %' })
    if (plan === null) throw new Error('no way back')
    const events = log(
      ...promoted,
      reported({ version: 'v2' }),
      happen.released(plan, 'digits-2'),
      happen.ready('v1'),
      happen.routed(4),
    )
    const state = fold(events)
    expect(state.releases['digits-2']?.phase.kind).toBe('promoted')
    expect(state.endpoints['digits']).toMatchObject({ stable: 'v1', table: { weights: { v1: 1_000_000 } } })
    expect(tellAll(events, 'digits-2').map(({ text }) => text)).toEqual([
      'release of v1 on digits (stable v2) at once: error-rate broke its limit: 9 %',
      'v1 takes all traffic',
      'v1 is stable now',
    ])
  })

  it('is not taken for drift, nor where only an alert is wanted, nor while a release runs', () => {
    expect(returnPlan(breached({ status: 'drifting', alarms: [driftAlarm] }), 'digits')).toBeNull()
    const alerting = happen.applied(watched({ monitor: { ...monitor, onBreach: 'alert' } }))
    expect(returnPlan(fold(log(...promoted, alerting, reported({ version: 'v2' }))), 'digits')).toBeNull()
    const running = happen.released(releasePlan({ from: 'v2', to: 'v3' }), 'digits-2')
    expect(returnPlan(fold(log(...promoted, reported({ version: 'v2' }), running)), 'digits')).toBeNull()
  })

  it('is not there without a version that was stable before', () => {
    expect(returnPlan(fold(log(happen.applied(watched()), reported())), 'digits')).toBeNull()
    expect(returnPlan(fold([]), 'digits')).toBeNull()
  })

  it('is tried once, and never to and fro', () => {
    const plan = returnPlan(breached(), 'digits')
    if (plan === null) throw new Error('no way back')
    const returning = [...promoted, reported({ version: 'v2' }), happen.released(plan, 'digits-2')]
    const failed = fold(log(...returning, happen.lost('v1')))
    expect(failed.releases['digits-2']?.phase.kind).toBe('rolled-back')
    expect(monitoringOf(failed)?.status).toBe('breached')
    expect(returnPlan(failed, 'digits')).toBeNull()
    const back = fold(log(...returning, happen.ready('v1'), happen.routed(4), reported({ version: 'v1' })))
    expect(monitoringOf(back)).toMatchObject({ version: 'v1', status: 'breached' })
    expect(returnPlan(back, 'digits')).toBeNull()
  })

  it('is tried once for one breach, whatever its alarms and the clock do meanwhile', () => {
    const plan = returnPlan(breached(), 'digits')
    if (plan === null) throw new Error('no way back')
    const tried = [...promoted, reported({ version: 'v2' }), happen.released(plan, 'digits-2'), happen.lost('v1')]
    const another: Alarm = { kind: 'limit', name: 'latency-p99', reason: 'latency-p99 broke its limit' }
    const more = log(...tried, reported({ version: 'v2', alarms: [limitAlarm, another] }))
    expect(returnPlan(fold(more), 'digits')).toBeNull()
    const putBack = log(...tried).map((logged, index) => (index > 7 ? { ...logged, atMs: 500 } : logged))
    expect(fold(putBack).releases['digits-2']?.startedAtMs).toBe(500)
    expect(returnPlan(fold(putBack), 'digits')).toBeNull()
    const again = log(...tried, reported({ version: 'v2', status: 'ok', alarms: [] }), reported({ version: 'v2' }))
    expect(returnPlan(fold(again), 'digits')).toMatchObject({ to: 'v1' })
  })
})

const values = (count: number, from: number) => Array.from({ length: count }, (_, n) => from + ((n * 37) % 100))
const ok: MonitoringState = {
  version: 'v1',
  status: 'ok',
  alarms: [],
  sinceMs: 0,
  sinceEpoch: 1,
  changedAtMs: 0,
}

function stream(name: string, shift: number | null): StreamEvidence {
  const reference = { predictions: 1_000, fromMs: 1, toMs: 2 }
  const current = { predictions: 500, fromMs: 3, toMs: 4 }
  return {
    name,
    source: 'feature',
    type: 'number',
    reference,
    current: shift === null ? null : current,
    drift:
      shift === null
        ? insufficient('the first window has 3 of 500 predictions')
        : featureDrift({ reference: values(1_000, 0), current: values(500, shift), alpha: 0.01 }),
  }
}

function evidence(over: Partial<WatchEvidence> = {}): WatchEvidence {
  return { version: 'v1', sinceMs: 0, streams: [], quality: null, limits: [], ...over }
}

const nothing = { trials: 0, events: 0 }
const limit = (over: Partial<LimitEvidence>): LimitEvidence => ({
  metric: 'error-rate',
  window: nothing,
  last: null,
  stretch: nothing,
  ...over,
})

describe('a look at drift', () => {
  it('names the features that drifted, with test, statistic and windows', () => {
    const look = lookAt({ drift }, ok, evidence({ streams: [stream('age', 30), stream('amount', 0)] }))
    expect(look.drift?.features.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['age', 'fail'],
      ['amount', 'pass'],
    ])
    expect(look.drift?.features[0]).toMatchObject({ current: { predictions: 500 }, reference: { predictions: 1_000 } })
    expect(look.report).toMatchObject({ status: 'drifting', alarms: [{ kind: 'feature', name: 'age' }] })
    expect(look.report.alarms[0]?.reason).toMatch(/^age drifted \((ks|chi-square) .*, 500 against 1000 predictions\)$/)
  })

  it('is no alarm where drift is to be ignored, and shown all the same', () => {
    const look = lookAt({ drift: { ...drift, onDrift: 'ignore' } }, ok, evidence({ streams: [stream('age', 30)] }))
    expect([look.drift?.verdict, look.report.status]).toEqual(['fail', 'ok'])
  })

  it('that can tell nothing is never a pass: an alarm stays until a window passes', () => {
    const alarmed: MonitoringState = { ...ok, status: 'drifting', alarms: [driftAlarm] }
    expect(lookAt({ drift }, alarmed, evidence({ streams: [stream('age', null)] })).report).toEqual({
      version: 'v1',
      status: 'drifting',
      alarms: [driftAlarm],
    })
    expect(lookAt({ drift }, ok, evidence({ streams: [stream('age', null)] })).drift?.verdict).toBe('insufficient')
    expect(lookAt({ drift }, alarmed, evidence({ streams: [stream('age', 0)] })).report.status).toBe('ok')
  })
})

describe('alarms that come and go', () => {
  /** A look a second, at which drift is there and is not by turns; the times of what is written down. */
  const toldOf = (looks: number, alarmsAt: (look: number) => readonly Alarm[]) => {
    let state = fold(log(happen.applied(watched())))
    const told: string[] = []
    for (let look = 1; look <= looks; look += 1) {
      const atMs = 1_000 + look * 1_000
      const known = monitoringOf(state)
      if (known === undefined) throw new Error('nothing is watched')
      const alarms = alarmsAt(look)
      const seen: MonitorReport = { version: 'v1', status: alarms.length === 0 ? 'ok' : 'drifting', alarms }
      const report = settled(known, seen, atMs)
      const next = step(state, { type: 'monitored', endpoint: 'digits', report }, atMs).state
      if (next !== state) told.push(`${look} ${report.status} ${report.alarms.map(({ name }) => name)}`.trimEnd())
      state = next
    }
    return told
  }

  it('are told at once the first times, then more and more rarely', () => {
    const told = toldOf(3_600, look => (look % 2 === 1 ? [driftAlarm] : []))
    expect(told.slice(0, 8)).toEqual([
      '1 drifting age',
      '2 ok',
      '3 drifting age',
      '4 ok',
      '5 drifting age',
      '26 ok',
      '27 drifting age',
      '108 ok',
    ])
    expect(told.length).toBeLessThan(40)
  })

  it('keep one another no secret: what begins is told while others last', () => {
    const other: Alarm = { kind: 'answer', name: 'prediction', reason: 'the predicted value drifted' }
    const told = toldOf(20, look => (look === 15 ? [other] : look % 2 === 1 ? [driftAlarm] : []))
    expect(told.at(-1)).toBe('15 drifting prediction,age')
  })

  it('end at once where the one before was long ago, or the clock was put back', () => {
    const alarmed: MonitoringState = { ...ok, status: 'drifting', alarms: [driftAlarm], changedAtMs: 1_000_000 }
    const inOrder: MonitorReport = { version: 'v1', status: 'ok', alarms: [] }
    expect(settled(alarmed, inOrder, 1_000_500)).toBe(inOrder)
    const restless = { ...alarmed, restless: 20 }
    expect(settled(restless, inOrder, 1_299_999).alarms).toEqual([driftAlarm])
    expect(settled(restless, inOrder, 1_300_000)).toBe(inOrder)
    expect(settled(restless, inOrder, 999_999)).toBe(inOrder)
  })
})

describe('a look at limits', () => {
  const verdictOf = (over: Partial<LimitEvidence>) => {
    const { limits, report } = lookAt({ monitor }, ok, evidence({ limits: [limit(over)] }))
    return [limits[0]?.verdict, report.status]
  }

  it.each([
    ['a running window that breaks it', { window: { trials: 50, events: 20 } }, 'fail', 'breached'],
    [
      'a last window that broke it',
      { window: { trials: 10, events: 0 }, last: { trials: 1_000, events: 80 } },
      'fail',
      'breached',
    ],
    [
      'a stretch with many small excesses',
      { last: { trials: 1_000, events: 25 }, stretch: { trials: 50_000, events: 1_250 } },
      'fail',
      'breached',
    ],
    [
      'a window that keeps it',
      { last: { trials: 1_000, events: 20 }, stretch: { trials: 9_000, events: 180 } },
      'pass',
      'ok',
    ],
    ['too few trials', { window: { trials: 99, events: 2 }, stretch: { trials: 99, events: 2 } }, 'insufficient', 'ok'],
    ['no trials', {}, 'insufficient', 'ok'],
  ] as const)('%s', (_, over, verdict, status) => expect(verdictOf(over)).toEqual([verdict, status]))

  it('says the numbers and what is allowed', () => {
    const { limits } = lookAt({ monitor }, ok, evidence({ limits: [limit({ window: { trials: 50, events: 20 } })] }))
    expect(limits[0]?.reason).toBe('error-rate broke its limit: 40.00 % of 50 requests failed, at most 2.00 % may')
    expect(limits[0]).toMatchObject({ trials: 50, events: 20, rate: 0.4, rateMax: 0.02 })
  })
})
