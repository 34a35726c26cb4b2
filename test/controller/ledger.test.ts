import { expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { type Answer, createLedger } from '../../src/controller/ledger.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'
import { thrownBy } from '../support/thrown.ts'

it.each([{ type: 'dreamt-of', endpoint: 'digits' }, null, 7])(
  'a log with an event that this version does not know is refused with its place: %j',
  strange => {
    const log = createMemoryEventLog()
    log.append([
      { atMs: 0, event: { type: 'server-started' } },
      { atMs: 1_000, event: strange as unknown as ControlEvent },
    ])
    const ledger = createLedger({ log, clock: createManualClock() }, { folded() {}, recorded() {} })
    const error = thrownBy(() => ledger.load())
    expect(error.code).toBe('data-folder-invalid')
    expect(error.message).toMatch(/event 2 of the log, of 1970-01-01T00:00:01.000Z, .* a newer version/)
  },
)

it('what the core cannot take in is not written down, since no server could fold it again', () => {
  const log = createMemoryEventLog()
  const ledger = createLedger({ log, clock: createManualClock() }, { folded() {}, recorded() {} })
  const applied = { type: 'endpoint-applied', spec: endpointSpec({ versions: {} }), actor: 'test' } as const
  ledger.record(applied)
  expect(() => ledger.record(happen.released())).toThrow(/no version v2/)
  expect(log.lastSeq()).toBe(1)
  ledger.record({ type: 'server-started' })
  expect(log.lastSeq()).toBe(2)
})

/** A release that waits for a gate before its start, in a log that can be away. */
function waitingForGate() {
  const log = createMemoryEventLog()
  const store = { isAway: false }
  const append: typeof log.append = entries => {
    if (store.isAway) throw new Error('the database is away')
    return log.append(entries)
  }
  const ledger = createLedger({ log: { ...log, append }, clock: createManualClock() }, { folded() {}, recorded() {} })
  const gate = { before: 'start', url: 'http://127.0.0.1:1/', timeoutMs: 1_000, secret: null } as const
  const released = happen.released(releasePlan({ gates: [gate] }))
  for (const event of [happen.applied(), happen.ready('v1'), released, happen.ready('v2')]) ledger.record(event)
  const before = log.lastSeq()
  const added = () => log.read({ afterSeq: before, limit: 9 }).map(({ event }) => event)
  return { store, ledger, added }
}
const yes: Answer = { type: 'gate-answered', release: 'digits-1', before: 'start', confirmed: true, reason: 'yes' }

it('an answer that the log could not take is kept, and goes before what comes next', () => {
  const { store, ledger, added } = waitingForGate()
  store.isAway = true
  expect(() => ledger.recordAnswer(yes)).toThrow('away')
  expect(() => ledger.recordKept()).toThrow('away')
  store.isAway = false
  ledger.record({ type: 'server-started' })
  ledger.recordKept()
  expect(added()).toEqual([yes, { type: 'server-started' }])
})

it('of what a fleet said while the log could not take it the last word counts', () => {
  const { store, ledger, added } = waitingForGate()
  store.isAway = true
  const failed: Answer = { type: 'fleet-failed', endpoint: 'digits', version: 'v2', reason: 'exited' }
  for (const answer of [failed, yes, happen.ready('v2')] as Answer[])
    expect(() => ledger.recordAnswer(answer)).toThrow('away')
  store.isAway = false
  ledger.recordKept()
  expect(added()).toEqual([yes])
})

it('an answer that nobody waits for any more by then is not written down', () => {
  const { store, ledger, added } = waitingForGate()
  store.isAway = true
  expect(() => ledger.recordAnswer(yes)).toThrow('away')
  store.isAway = false
  ledger.recordAnswer({ ...yes, confirmed: false, reason: 'no' })
  ledger.recordKept()
  expect(added()).toMatchObject([{ type: 'gate-answered', confirmed: false }])
})
