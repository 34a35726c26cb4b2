import { describe, expect, it } from 'vitest'
import type { ControlEvent } from '../../src/core/event.ts'
import type { MonitorSpec } from '../../src/core/monitor/spec.ts'
import { trimOf, watchesToRenew } from '../../src/core/retention.ts'
import { fold } from '../../src/core/step.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'

const monitor: MonitorSpec = {
  checks: [{ metric: 'error-rate', event: { kind: 'error' }, rateMax: 0.02 }],
  alpha: 0.01,
  window: 1_000,
  atMostMs: 3_600_000,
  onBreach: 'alert',
}
const watched = happen.applied(endpointSpec({ monitor }))
const renewed: ControlEvent = { type: 'watch-renewed', endpoint: 'digits' }
const breached: ControlEvent = {
  type: 'monitored',
  endpoint: 'digits',
  report: { version: 'v1', status: 'breached', alarms: [{ kind: 'limit', name: 'error-rate', reason: '9 %' }] },
}

/** Events a second apart, from the first second on. */
const stateOf = (...events: ControlEvent[]) =>
  fold(events.map((event, index) => ({ seq: index + 1, atMs: (index + 1) * 1_000, event })))
const keepMs = 10_000

describe('what the log of predictions may let go', () => {
  it('is what is older, where nothing is watched or released', () => {
    expect(trimOf(stateOf(happen.applied(endpointSpec())), { nowMs: 50_000, keepMs })).toEqual({
      beforeMs: 40_000,
      needed: [],
    })
  })

  it('is nothing that a watch rests on: by epochs, and by time within the one in which it began', () => {
    expect(trimOf(stateOf(watched), { nowMs: 50_000, keepMs })).toEqual({
      beforeMs: 40_000,
      needed: [{ endpoint: 'digits', fromEpoch: 1 }],
    })
    expect(trimOf(stateOf(watched, renewed), { nowMs: 50_000, keepMs })).toEqual({
      beforeMs: 2_000,
      needed: [{ endpoint: 'digits', fromEpoch: 2 }],
    })
  })

  it('is nothing from the first epoch of a release on, until it is over', () => {
    const running = [
      happen.applied(endpointSpec()),
      happen.ready('v1'),
      happen.routed(1),
      happen.released(releasePlan()),
    ]
    const epoch = (events: ControlEvent[]) => stateOf(...events).releases['digits-1']?.epochs[0]?.epoch
    expect(trimOf(stateOf(...running), { nowMs: 50_000, keepMs }).needed).toEqual(
      epoch(running) === undefined ? [] : [{ endpoint: 'digits', fromEpoch: epoch(running) }],
    )
    const exposed = [...running, happen.ready('v2'), happen.routed(2)]
    expect(epoch(exposed)).toBeGreaterThan(0)
    expect(trimOf(stateOf(...exposed), { nowMs: 50_000, keepMs }).needed).toEqual([
      { endpoint: 'digits', fromEpoch: epoch(exposed) },
    ])
  })
})

describe('a watch is to begin anew', () => {
  const due = (nowMs: number, ...events: ControlEvent[]) => watchesToRenew(stateOf(...events), { nowMs, keepMs })

  it('when it has lasted as long as predictions are kept, and not before', () => {
    expect([due(10_999, watched), due(11_000, watched), due(11_500, watched, renewed)]).toEqual([[], ['digits'], []])
  })

  it('not before twice the time where something is wrong: it would find everything in order', () => {
    expect([due(20_999, watched, breached), due(21_000, watched, breached)]).toEqual([[], ['digits']])
  })

  it('not under a release', () => {
    expect(due(90_000, watched, happen.ready('v1'), happen.released(releasePlan()))).toEqual([])
  })

  it('not by a clock that was put back', () => {
    expect(due(-50_000, watched)).toEqual([])
  })
})

describe('a watch that begins anew', () => {
  it('keeps its alarms, and rests on what comes after', () => {
    const { monitoring } = stateOf(watched, breached, renewed).endpoints['digits'] ?? {}
    expect(monitoring).toMatchObject({ status: 'breached', alarms: [{ name: 'error-rate' }], changedAtMs: 2_000 })
    expect(monitoring).toMatchObject({ sinceMs: 3_000, sinceEpoch: 1, withinEpoch: true })
  })

  it('is none where nothing is watched', () => {
    const state = stateOf(happen.applied(endpointSpec()))
    expect(stateOf(happen.applied(endpointSpec()), renewed)).toEqual(state)
  })
})
