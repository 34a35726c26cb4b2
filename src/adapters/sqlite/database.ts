/** A SQLite file as a database of the stores. Statements are the ones of `node:sqlite` themselves: nothing is between. */
import type { DatabaseSync } from 'node:sqlite'
import type { SqlDatabase, SqlStatement, TextTable } from '../sql/database.ts'
import { storeFailure } from './failure.ts'
import { inTransaction } from './transaction.ts'

export class SqliteDatabase implements SqlDatabase {
  readonly name: string
  readonly texts: TextTable = { as: alias => `json_each(?) AS ${alias}`, of: texts => JSON.stringify(texts) }
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync, name: string) {
    this.#database = database
    this.name = name
  }

  get isOpen(): boolean {
    return this.#database.isOpen
  }

  prepare(sql: string): SqlStatement {
    return this.#database.prepare(sql)
  }

  exec(sql: string): void {
    this.#database.exec(sql)
  }

  transact<T>(run: () => T): T {
    return inTransaction(this.#database, run)
  }

  failure(action: string, cause: unknown) {
    return storeFailure(action, this.name, cause)
  }

  /** A file is there or it is not. */
  isAway(): boolean {
    return false
  }

  close(): void {
    this.#database.close()
  }
}
