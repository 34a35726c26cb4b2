/** The event log in a SQLite file: one transaction per append, flushed to the disk before it returns. */
import type { DatabaseSync } from 'node:sqlite'
import type { LoggedEvent } from '../../core/event.ts'
import type { EventLog } from '../../ports/event-log.ts'
import { storeGuard } from '../sqlite/failure.ts'
import { events } from '../sqlite/migrations/event-log/0001-events.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { inTransaction } from '../sqlite/transaction.ts'
import { decodeEvent, encodeEvent } from './event-text.ts'

/** Opens the log, or makes it. Every failure of the store is a `store-failed`, and has changed nothing. */
export function openSqliteEventLog(file: string): EventLog {
  const database = openDatabase({ file, migrations: [events] })
  const log = prepareLog(database)
  const guard = storeGuard(file)
  return {
    append: entries => {
      const rows = entries.map(({ atMs, event }) => ({ atMs, type: event.type, text: encodeEvent(event) }))
      return rows.length === 0 ? [] : guard('append events to', () => inTransaction(database, () => log.insert(rows)))
    },
    read: range => guard('read events from', () => log.read(range)),
    lastSeq: () => guard('read events from', log.lastSeq),
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

type EventRow = { atMs: number; type: string; text: string }

function prepareLog(database: DatabaseSync) {
  const last = database.prepare('SELECT max(seq) AS seq FROM events')
  const insert = database.prepare('INSERT INTO events (seq, at_ms, type, event) VALUES (?, ?, ?, ?)')
  const select = database.prepare('SELECT seq, at_ms, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
  const lastSeq = () => Number(last.get()?.['seq'] ?? 0)
  const insertAll = (rows: readonly EventRow[]): LoggedEvent[] => {
    const before = lastSeq()
    return rows.map(({ atMs, type, text }, index) => {
      const seq = before + index + 1
      insert.run(seq, atMs, type, text)
      return { seq, atMs, event: decodeEvent(seq, text) }
    })
  }
  const read = ({ afterSeq, limit }: { afterSeq: number; limit: number }): LoggedEvent[] =>
    select.all(afterSeq, limit).map(row => {
      const seq = Number(row['seq'])
      return { seq, atMs: Number(row['at_ms']), event: decodeEvent(seq, String(row['event'])) }
    })
  return { lastSeq, insert: insertAll, read }
}
