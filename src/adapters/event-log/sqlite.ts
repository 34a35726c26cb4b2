import type { EventLog } from '../../ports/event-log.ts'
import { sqliteStores } from '../sqlite/migrations/index.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { openSqlEventLog } from './sql.ts'

/** The event log in a SQLite file, which is made where there is none. */
export function openSqliteEventLog(file: string): EventLog {
  return openSqlEventLog(openDatabase({ file, migrations: sqliteStores.events.migrations }))
}
