/** Numbered migrations: a database carries the number of the last one in `user_version`. */
import type { DatabaseSync } from 'node:sqlite'
import { CutoverError } from '../../core/errors.ts'
import { inTransaction } from './transaction.ts'

/** Once released a migration never changes; the next change of the schema is the next number. */
export type Migration = { number: number; sql: string }

/**
 * Brings a database to the last migration, each in a transaction of its own: a crash leaves it at a whole number.
 * Throws `data-folder-invalid`, and changes nothing, if a newer program has written the database.
 */
export function migrate(database: DatabaseSync, migrations: readonly Migration[], file: string): void {
  const current = userVersion(database)
  if (current > migrations.length) {
    throw new CutoverError(
      'data-folder-invalid',
      `${file} has schema ${current}, and this version of Cutover knows schemas up to ${migrations.length}: ` +
        'a newer version has written it. Run that version, or name another folder with --data OTHER',
    )
  }
  for (const [index, { number, sql }] of migrations.entries()) {
    if (number !== index + 1) throw new Error(`migration ${number} of ${file} stands at place ${index + 1}`)
    if (number <= current) continue
    inTransaction(database, () => {
      database.exec(sql)
      database.exec(`PRAGMA user_version = ${number}`)
    })
  }
}

function userVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
}
