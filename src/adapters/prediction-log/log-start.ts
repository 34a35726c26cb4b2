import type { Tail } from '../../core/prediction.ts'
import type { SqlDatabase, SqlStatement } from '../sql/database.ts'

/** Where what is in the log begins: of all of it, and of the tails of endpoints. */
export class LogStart {
  readonly #firstSeq: SqlStatement
  readonly #trimmedSeq: SqlStatement

  constructor(database: SqlDatabase) {
    this.#firstSeq = database.prepare('SELECT min(first_seq) AS seq FROM epochs WHERE endpoint = ? AND epoch >= ?')
    this.#trimmedSeq = database.prepare('SELECT up_to_seq FROM trimmed')
  }

  /** Where the first prediction of any of these is, or was before it was let go; null if there was none. */
  firstSeq(tails: readonly Tail[]): number | null {
    const seqs = tails.flatMap(({ endpoint, fromEpoch }) => this.#firstSeq.get(endpoint, fromEpoch)?.['seq'] ?? [])
    return seqs.length === 0 ? null : Math.min(...seqs.map(Number))
  }

  /** The number up to which predictions have been let go; 0 before any was. */
  trimmedSeq(): number {
    return Number(this.#trimmedSeq.get()?.['up_to_seq'])
  }
}
