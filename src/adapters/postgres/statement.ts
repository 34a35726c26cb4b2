import type { SqlRow, SqlStatement, SqlValue } from '../sql/database.ts'
import type { Answered } from './connection.ts'
import { forPostgres, fromText } from './portable.ts'
import type { Session } from './session.ts'

/** Rows that are fetched at a time where they are read one by one: blocks of predictions have up to 256 kB each. */
const fetchRows = 16

/** A statement that the server plans once a connection. */
export class PostgresStatement implements SqlStatement {
  readonly #session: Session
  readonly #statement: { name: string; text: string }
  #asArrays = false

  constructor(session: Session, sql: string) {
    this.#session = session
    this.#statement = { name: session.newName('statement'), text: forPostgres(sql) }
  }

  setReturnArrays(enabled: boolean): void {
    this.#asArrays = enabled
  }

  run(...values: SqlValue[]): { changes: number } {
    return { changes: this.#ask(values).count }
  }

  get(...values: SqlValue[]): SqlRow | undefined {
    return this.all(...values)[0]
  }

  all(...values: SqlValue[]): SqlRow[] {
    return readRows(this.#ask(values).rows)
  }

  *iterate(...values: SqlValue[]): Iterable<SqlRow> {
    const session = this.#session
    const cursor = session.newName('cursor')
    session.openCursor()
    try {
      // Its name is new each time, and so is the statement: it has none of its own.
      session.query({ name: '', text: `DECLARE ${cursor} CURSOR FOR ${this.#statement.text}` }, values, false)
      const fetch = { name: '', text: `FETCH ${fetchRows} FROM ${cursor}` }
      for (;;) {
        const { rows } = session.query(fetch, [], this.#asArrays)
        yield* readRows(rows)
        if (rows.length < fetchRows) break
      }
      session.script(`CLOSE ${cursor}`)
    } finally {
      session.closeCursor()
    }
  }

  #ask(values: readonly SqlValue[]): Answered {
    return this.#session.query(this.#statement, values, this.#asArrays)
  }
}

/** Texts as they were given; rows are arrays or have the names of their columns. */
function readRows(rows: readonly unknown[]): SqlRow[] {
  for (const row of rows as Record<string, unknown>[])
    for (const key of Object.keys(row)) {
      const value = row[key]
      if (typeof value === 'string') row[key] = fromText(value)
    }
  return rows as SqlRow[]
}
