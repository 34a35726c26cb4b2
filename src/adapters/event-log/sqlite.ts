import type { EventLog } from '../../ports/event-log.ts'
import { events } from '../sqlite/migrations/event-log/0001-events.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { openSqlEventLog } from './sql.ts'

/** The event log in a SQLite file, which is made where there is none. */
export function openSqliteEventLog(file: string): EventLog {
  return openSqlEventLog(openDatabase({ file, migrations: [events] }))
}
