import type { DatabaseSync } from 'node:sqlite'
import { CutoverError } from '../../core/errors.ts'
import type { ControlEvent, LoggedEvent } from '../../core/event.ts'
import type { EventLog } from '../../ports/event-log.ts'
import { type Migration, openDatabase, transaction } from '../sqlite/database.ts'

const migrations: readonly Migration[] = [
  database =>
    database.exec(`
      CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        type TEXT NOT NULL,
        event TEXT NOT NULL CHECK (json_valid(event))
      ) STRICT
    `),
]

/** The event log in one SQLite file. `append` returns when the events are on disk. */
export function openSqliteEventLog(file: string): EventLog {
  const database = openDatabase(file, migrations)
  const insert = database.prepare('INSERT INTO events (seq, at_ms, type, event) VALUES (?, ?, ?, ?)')
  const select = database.prepare('SELECT seq, at_ms, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
  let last = lastSeq(database)
  return {
    append(entries) {
      const added = entries.map(({ atMs, event }, index) => ({ seq: last + index + 1, atMs, event }))
      try {
        transaction(database, () => {
          for (const { seq, atMs, event } of added) insert.run(seq, Math.round(atMs), event.type, JSON.stringify(event))
        })
      } catch (error) {
        throw new CutoverError(
          'store-failed',
          `the event log ${file} could not be written: ${error instanceof Error ? error.message : error}`,
          [],
          error,
        )
      }
      last += added.length
      return added
    },
    read: ({ afterSeq, limit }) =>
      select.all(afterSeq, limit).map(
        (row): LoggedEvent => ({
          seq: Number(row['seq']),
          atMs: Number(row['at_ms']),
          event: JSON.parse(String(row['event'])) as ControlEvent,
        }),
      ),
    lastSeq: () => last,
    close: () => database.close(),
  }
}

function lastSeq(database: DatabaseSync): number {
  return Number(database.prepare('SELECT coalesce(max(seq), 0) AS last FROM events').get()?.['last'])
}
