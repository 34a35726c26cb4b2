import { expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createLedger } from '../../src/controller/ledger.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import { endpointSpec, happen } from '../support/releases.ts'
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
