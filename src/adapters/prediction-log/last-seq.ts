import type { DatabaseSync } from 'node:sqlite'

/** The number of the last commit, of a prediction or an outcome; 0 before the first. */
export class LastSeq {
  readonly #statement: ReturnType<DatabaseSync['prepare']>

  constructor(database: DatabaseSync) {
    this.#statement = database.prepare(
      `SELECT max(coalesce((SELECT last_seq FROM blocks ORDER BY first_seq DESC LIMIT 1), 0),
                  coalesce((SELECT max(seq) FROM outcomes), 0),
                  (SELECT last_seq FROM trimmed)) AS seq`,
    )
  }

  read(): number {
    return Number(this.#statement.get()?.['seq'])
  }
}
