/** What statements and transactions of one connection share: whether a transaction is open, and who may write in it. */
import { CutoverError } from '../../core/errors.ts'
import type { SqlValue } from '../sql/database.ts'
import type { Answered, PostgresConnection } from './connection.ts'
import { leaseTable, leaseTimes } from './lease.ts'
import { toText } from './portable.ts'

export class Session {
  readonly #connection: PostgresConnection
  readonly #term: number
  #depth: 'none' | 'reading' | 'writing' = 'none'
  #cursors = 0
  #names = 0

  /** `term` is that of the lease: a write is kept only while it holds. */
  constructor(connection: PostgresConnection, term: number) {
    this.#connection = connection
    this.#term = term
  }

  /** A name that nothing else of this connection has. */
  newName(of: string): string {
    this.#names += 1
    return `${of}_${this.#names}`
  }

  query(statement: { name: string; text: string }, values: readonly SqlValue[], asArrays: boolean): Answered {
    const sent = values.map(value => (typeof value === 'string' ? toText(value) : value))
    return this.#connection.query(statement, sent, { asArrays })
  }

  script(text: string): Answered {
    return this.#connection.script(text)
  }

  write<T>(run: () => T): T {
    if (this.#depth !== 'none') throw new Error('a transaction is open on this connection already')
    this.#begin()
    this.#depth = 'writing'
    try {
      const result = run()
      this.script('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    } finally {
      this.#depth = 'none'
    }
  }

  /** Cursors live in a transaction: the first one opens one for all that are open at a time, unless a write has. */
  openCursor(): void {
    if (this.#depth === 'none') {
      this.script('BEGIN READ ONLY')
      this.#depth = 'reading'
    }
    this.#cursors += 1
  }

  closeCursor(): void {
    this.#cursors -= 1
    if (this.#cursors > 0 || this.#depth !== 'reading') return
    this.#depth = 'none'
    this.script('COMMIT')
  }

  /** The row of the lease is held until the end: whoever takes the lease waits for writes that are under way. */
  #begin(): void {
    const { count } = this.script(`
      BEGIN;
      SET LOCAL idle_in_transaction_session_timeout = ${leaseTimes.silentWriterMs};
      SELECT 1 FROM ${leaseTable} WHERE term = ${this.#term} FOR KEY SHARE
    `)
    if (count === 1) return
    this.#rollBack()
    throw new CutoverError('store-failed', 'another server has taken the database over, and this one writes no more')
  }

  #rollBack(): void {
    try {
      this.script('ROLLBACK')
    } catch {
      // The connection is gone, and the transaction with it.
    }
  }
}
