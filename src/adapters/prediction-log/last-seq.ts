import type { SqlDatabase, SqlStatement } from '../sql/database.ts'

/** The number of the last commit, of a prediction or an outcome; 0 before the first. */
export class LastSeq {
  readonly #statement: SqlStatement

  constructor(database: SqlDatabase) {
    this.#statement = database.prepare(
      `SELECT max(seq) AS seq FROM (
         SELECT last_seq AS seq FROM trimmed
         UNION ALL SELECT max(seq) FROM outcomes
         UNION ALL SELECT (SELECT last_seq FROM blocks ORDER BY first_seq DESC LIMIT 1)) AS lasts`,
    )
  }

  read(): number {
    return Number(this.#statement.get()?.['seq'])
  }
}
