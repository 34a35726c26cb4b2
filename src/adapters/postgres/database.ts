/** A database of PostgreSQL as one of the stores. */
import type { SqlDatabase, SqlStatement, TextTable } from '../sql/database.ts'
import type { PostgresConnection } from './connection.ts'
import { isAway, postgresFailure } from './failure.ts'
import { arrayLiteral } from './portable.ts'
import { Session } from './session.ts'
import { PostgresStatement } from './statement.ts'

export class PostgresDatabase implements SqlDatabase {
  readonly name: string
  readonly texts: TextTable = {
    as: alias => `unnest(?::text[]) WITH ORDINALITY AS ${alias}(value, key)`,
    of: arrayLiteral,
  }
  readonly #connection: PostgresConnection
  readonly #session: Session
  readonly #end: () => void
  #isOpen = true

  /** `end` is what closing it does: a connection may be shared. */
  constructor(
    connection: PostgresConnection,
    { name, term, end = () => connection.close() }: { name: string; term: number; end?: () => void },
  ) {
    this.#connection = connection
    this.#end = end
    this.#session = new Session(connection, term)
    this.name = name
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#connection.isOpen
  }

  prepare(sql: string): SqlStatement {
    return new PostgresStatement(this.#session, sql)
  }

  exec(sql: string): void {
    this.#session.script(sql)
  }

  transact<T>(run: () => T): T {
    return this.#session.write(run)
  }

  failure(action: string, cause: unknown) {
    return postgresFailure(action, this.name, cause)
  }

  isAway(cause: unknown): boolean {
    return isAway(cause)
  }

  close(): void {
    this.#isOpen = false
    this.#end()
  }
}
