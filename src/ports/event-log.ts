/** The append-only log of control events: the ground state. */
import type { ControlEvent, LoggedEvent } from '../core/event.ts'

export interface EventLog {
  /** Durable on disk when it returns; numbers are gapless from 1. All of the events or none. */
  append(entries: readonly { atMs: number; event: ControlEvent }[]): readonly LoggedEvent[]
  /** Events with a number greater than `afterSeq`, in order, at most `limit`. */
  read(range: { afterSeq: number; limit: number }): readonly LoggedEvent[]
  /** The greatest number, 0 if empty. */
  lastSeq(): number
  close(): void
}
