import type { DatabaseSync } from 'node:sqlite'

/** Runs `run` in one write transaction: all of it is kept or, if anything throws, none. */
export function inTransaction<T>(database: DatabaseSync, run: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = run()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // Some failures, such as a full disk, have rolled back already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
