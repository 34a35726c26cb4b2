/** Opens the SQLite files of the data folder: write-ahead log, fsync at every commit, numbered migrations. */
import { DatabaseSync } from 'node:sqlite'
import { CutoverError } from '../../core/errors.ts'

/** Brings a database from version `index` to `index + 1`; never changed once released. */
export type Migration = (database: DatabaseSync) => void

export function openDatabase(file: string, migrations: readonly Migration[]): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 5_000 })
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY',
  )
  migrate(database, { file, migrations })
  return database
}

function migrate(database: DatabaseSync, to: { file: string; migrations: readonly Migration[] }): void {
  const row = database.prepare('PRAGMA user_version').get()
  const version = Number(row?.['user_version'])
  if (version > to.migrations.length) {
    database.close()
    throw new CutoverError(
      'data-folder-invalid',
      `${to.file} was written by a newer Cutover (format ${version}; this one knows ${to.migrations.length}): use that version, or another data folder`,
    )
  }
  to.migrations.slice(version).forEach((migration, index) => {
    transaction(database, () => {
      migration(database)
      database.exec(`PRAGMA user_version = ${version + index + 1}`)
    })
  })
}

/** All of `work` or nothing of it. */
export function transaction<Value>(database: DatabaseSync, work: () => Value): Value {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    database.exec('COMMIT')
    return value
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
