import type { LoggedEvent } from '../../core/event.ts'
import type { EventLog } from '../../ports/event-log.ts'

/** An event log that lives as long as the process. */
export function createMemoryEventLog(): EventLog {
  const events: LoggedEvent[] = []
  return {
    append(entries) {
      // What is stored is a copy, as it would be on disk: later changes to the event do not reach it.
      const added = entries.map(({ atMs, event }, index) => ({
        seq: events.length + index + 1,
        atMs,
        event: structuredClone(event),
      }))
      events.push(...added)
      return added
    },
    read: ({ afterSeq, limit }) => events.slice(afterSeq, afterSeq + limit),
    lastSeq: () => events.length,
    close() {},
  }
}
