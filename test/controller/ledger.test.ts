import { expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createLedger } from '../../src/controller/ledger.ts'
import type { ControlEvent } from '../../src/core/event.ts'
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
