/**
 * A database that is asked in SQL and has answered when a call returns. The stores are written against this, whatever holds
 * their tables. Statements are written so that SQLite and PostgreSQL both take them.
 */
import type { CutoverError } from '../../core/errors.ts'

export type SqlValue = null | number | bigint | string | Uint8Array
export type SqlRow = Record<string, SqlValue>

export interface SqlStatement {
  run(...values: SqlValue[]): { changes: number | bigint }
  get(...values: SqlValue[]): SqlRow | undefined
  all(...values: SqlValue[]): SqlRow[]
  /** Reads on as rows are taken: other statements may run in between, and nobody need take all of them. */
  iterate(...values: SqlValue[]): Iterable<SqlRow>
  /** Whether rows come as arrays, in the order of the columns. */
  setReturnArrays(enabled: boolean): void
}

export interface SqlDatabase {
  /** For messages: a file, or where a server's database is. */
  readonly name: string
  readonly texts: TextTable
  readonly isOpen: boolean
  /** Values stand for `?`, or for `?1`, `?2`, ... */
  prepare(sql: string): SqlStatement
  exec(sql: string): void
  /** Runs `run` in one write transaction: all of it is kept or, if anything throws, none. */
  transact<T>(run: () => T): T
  /** What went wrong as a `store-failed` for a person. Errors made for people pass as they are. */
  failure(action: string, cause: unknown): CutoverError
  /** Whether it went wrong because the database cannot be reached just now: what was asked may be asked again. */
  isAway(cause: unknown): boolean
  close(): void
}

/** How many texts go into a statement as one value, as a table with the columns `key`, which counts them, and `value`. */
export interface TextTable {
  /** What stands after FROM for it, under that alias. It takes one value. */
  as(alias: string): string
  /** That value. */
  of(texts: readonly string[]): SqlValue
}

/** Runs what is done to this database; whatever goes wrong is told as its `failure`. */
export function storeGuard(database: SqlDatabase): <T>(action: string, run: () => T) => T {
  return (action, run) => {
    try {
      return run()
    } catch (error) {
      throw database.failure(action, error)
    }
  }
}
