import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ControlEvent } from '../../src/core/event.ts'
import type { EventLog } from '../../src/ports/event-log.ts'

/** What every event log promises. */
export function eventLogContract(name: string, open: () => EventLog | Promise<EventLog>): void {
  describe(`event log in ${name}`, () => {
    const openLog = async () => {
      const log = await open()
      onTestFinished(() => log.close())
      return log
    }

    test('an empty log has no last number and nothing to read', async () => {
      const log = await openLog()
      expect(log.lastSeq()).toBe(0)
      expect(log.read({ afterSeq: 0, limit: 10 })).toEqual([])
      expect(log.append([])).toEqual([])
    })

    test('numbers are gapless from 1, across appends', async () => {
      const log = await openLog()
      const first = log.append([tick('a'), tick('b')])
      const second = log.append([tick('c')])
      expect([...first, ...second].map(({ seq }) => seq)).toEqual([1, 2, 3])
      expect(log.lastSeq()).toBe(3)
    })

    test('a read begins after the number given and ends at the limit', async () => {
      const log = await openLog()
      log.append(['a', 'b', 'c', 'd'].map(tick))
      expect(log.read({ afterSeq: 1, limit: 2 }).map(({ seq }) => seq)).toEqual([2, 3])
      expect(log.read({ afterSeq: 3, limit: 10 }).map(({ seq }) => seq)).toEqual([4])
      expect(log.read({ afterSeq: 4, limit: 10 })).toEqual([])
    })

    test('what append gives back is what read gives back, however odd the text and numbers', async () => {
      const log = await openLog()
      fc.assert(
        fc.property(fc.array(anyEntry, { maxLength: 5 }), entries => {
          const afterSeq = log.lastSeq()
          const appended = log.append(entries)
          expect(log.read({ afterSeq, limit: 100 })).toEqual(appended)
          expect(appended).toEqual(
            entries.map(({ atMs, event }, index) => ({ seq: afterSeq + index + 1, atMs, event })),
          )
        }),
        { numRuns: 50 },
      )
    })

    test('a batch with an entry that cannot be kept leaves nothing, and no gap', async () => {
      const log = await openLog()
      log.append([tick('a')])
      const impossible = { atMs: 1, event: { type: 'tick', release: 1n } as unknown as ControlEvent }
      expect(() => log.append([tick('b'), impossible])).toThrow()
      expect(log.lastSeq()).toBe(1)
      expect(log.append([tick('c')])[0]?.seq).toBe(2)
    })
  })
}

export function tick(release: string): { atMs: number; event: ControlEvent } {
  return { atMs: 1_700_000_000_000, event: { type: 'tick', release } }
}

const anyEntry: fc.Arbitrary<{ atMs: number; event: ControlEvent }> = fc.record({
  atMs: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  event: fc.record({
    type: fc.constant('operator' as const),
    release: fc.string({ unit: 'binary' }),
    verb: fc.constantFrom('promote' as const, 'abort' as const),
    actor: fc.string(),
    note: fc.option(fc.string({ unit: 'grapheme' }), { nil: null }),
  }),
})
