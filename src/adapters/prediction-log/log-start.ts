import type { SqlDatabase, SqlStatement } from '../sql/database.ts'

/** Where what is in the log begins: of all of it, and of an endpoint's epochs. */
export class LogStart {
  readonly #firstSeq: SqlStatement
  readonly #trimmedSeq: SqlStatement

  constructor(database: SqlDatabase) {
    this.#firstSeq = database.prepare('SELECT min(first_seq) AS seq FROM epochs WHERE endpoint = ? AND epoch >= ?')
    this.#trimmedSeq = database.prepare('SELECT up_to_seq FROM trimmed')
  }

  /** Where the epoch, or the first later one that has predictions, began; null if none has. What has been let go counts. */
  firstSeq(endpoint: string, fromEpoch: number): number | null {
    const seq = this.#firstSeq.get(endpoint, fromEpoch)?.['seq'] ?? null
    return seq === null ? null : Number(seq)
  }

  /** The number up to which predictions have been let go; 0 before any was. */
  trimmedSeq(): number {
    return Number(this.#trimmedSeq.get()?.['up_to_seq'])
  }
}
