/** The event log in memory, for tests and for trying things out. */
import type { LoggedEvent } from '../../core/event.ts'
import type { EventLog } from '../../ports/event-log.ts'
import { decodeEvent, encodeEvent } from './event-text.ts'

export function createMemoryEventLog(): EventLog {
  const rows: { atMs: number; text: string }[] = []
  const read = (afterSeq: number, limit: number): LoggedEvent[] =>
    rows.slice(afterSeq, afterSeq + limit).map(({ atMs, text }, index) => {
      const seq = afterSeq + index + 1
      return { seq, atMs, event: decodeEvent(seq, text) }
    })
  return {
    append: entries => {
      const encoded = entries.map(({ atMs, event }) => ({ atMs, text: encodeEvent(event) }))
      const before = rows.length
      rows.push(...encoded)
      return read(before, encoded.length)
    },
    read: ({ afterSeq, limit }) => read(afterSeq, limit),
    lastSeq: () => rows.length,
    close: () => {},
  }
}
