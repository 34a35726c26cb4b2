/** The event log in a database: one transaction per append, on the disk before it returns. */
import type { LoggedEvent } from '../../core/event.ts'
import type { EventLog } from '../../ports/event-log.ts'
import { type SqlDatabase, storeGuard } from '../sql/database.ts'
import { decodeEvent, encodeEvent } from './event-text.ts'

/** The database has the table already. Every failure of the store is a `store-failed`, and has changed nothing. */
export function openSqlEventLog(database: SqlDatabase): EventLog {
  const log = prepareLog(database)
  const guard = storeGuard(database)
  return {
    append: entries => {
      const rows = entries.map(({ atMs, event }) => ({ atMs, type: event.type, text: encodeEvent(event) }))
      return rows.length === 0 ? [] : guard('append events to', () => log.append(rows))
    },
    read: range => guard('read events from', () => log.read(range)),
    lastSeq: () => guard('read events from', log.lastSeq),
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

type EventRow = { atMs: number; type: string; text: string }

function prepareLog(database: SqlDatabase) {
  const last = database.prepare('SELECT max(seq) AS seq FROM events')
  const insert = database.prepare('INSERT INTO events (seq, at_ms, type, event) VALUES (?, ?, ?, ?)')
  const select = database.prepare('SELECT seq, at_ms, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
  const strike = database.prepare('DELETE FROM events WHERE seq > ?')
  /**
   * After a failure the number of the last event that was told of: what comes behind it is of a commit whose answer was lost,
   * was refused to whoever asked, and is in nobody's state.
   */
  let toldSeq: number | null = null
  const keptSeq = () => Number(last.get()?.['seq'] ?? 0)

  const insertAll = (rows: readonly EventRow[], afterSeq: number): LoggedEvent[] =>
    rows.map(({ atMs, type, text }, index) => {
      const seq = afterSeq + index + 1
      insert.run(seq, atMs, type, text)
      return { seq, atMs, event: decodeEvent(seq, text) }
    })

  return {
    lastSeq: () => toldSeq ?? keptSeq(),
    append: (rows: readonly EventRow[]): LoggedEvent[] => {
      const afterSeq = toldSeq ?? keptSeq()
      try {
        const logged = database.transact(() => {
          if (toldSeq !== null) strike.run(toldSeq)
          return insertAll(rows, afterSeq)
        })
        toldSeq = null
        return logged
      } catch (error) {
        toldSeq = afterSeq
        throw error
      }
    },
    read: ({ afterSeq, limit }: { afterSeq: number; limit: number }): LoggedEvent[] =>
      select
        .all(afterSeq, limit)
        .map(row => ({ seq: Number(row['seq']), atMs: Number(row['at_ms']), text: String(row['event']) }))
        .filter(({ seq }) => toldSeq === null || seq <= toldSeq)
        .map(({ seq, atMs, text }) => ({ seq, atMs, event: decodeEvent(seq, text) })),
  }
}
