/** Reads the prediction log's file beside the thread that writes it: a reader of a write-ahead log holds up no writer. */
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'

/** Commits with a number greater than `afterSeq`, up to `upToSeq` and with it. */
export type LogWindow = { afterSeq: number; upToSeq: number }

/** How the answer counts: another version in its place, a failure or a refusal is an error; a caller that left is none. */
export const answerKinds = { answered: 0, error: 1, left: 2 } as const

export type PredictionFacts = readonly [
  seq: number,
  endpoint: string,
  version: string,
  epoch: number,
  release: string | null,
  unit: string,
  propensity: number,
  atMs: number,
  latencyMs: number,
  kind: number,
]

/** Label, metrics, what was known before and the predicted value are JSON. */
export type OutcomeFacts = readonly [
  predictionSeq: number,
  row: number,
  endpoint: string,
  version: string,
  epoch: number,
  release: string | null,
  propensity: number,
  atMs: number,
  label: string | null,
  reward: number | null,
  metrics: string,
  before: string | null,
  predicted: string | null,
]

export class LogReader {
  readonly #database: DatabaseSync
  readonly #predictions: StatementSync
  readonly #outcomes: StatementSync
  readonly #lastSeq: StatementSync
  readonly #idOf: StatementSync

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs })
    this.#predictions = this.#database.prepare(predictionsSql)
    this.#predictions.setReturnArrays(true)
    this.#outcomes = this.#database.prepare(outcomesSql)
    this.#outcomes.setReturnArrays(true)
    this.#lastSeq = this.#database.prepare(lastSeqSql)
    this.#idOf = this.#database.prepare('SELECT seq, id FROM predictions WHERE seq <= ? ORDER BY seq DESC LIMIT 1')
  }

  /** The number of the last commit. */
  lastSeq(): number {
    return Number(this.#lastSeq.get()?.['seq'])
  }

  /** Tells one log from another: the last prediction that was committed up to a number. */
  markAt(seq: number): string {
    const row = this.#idOf.get(seq)
    return row === undefined ? '' : `${Number(row['seq'])} ${String(row['id'])}`
  }

  predictions({ afterSeq, upToSeq }: LogWindow): readonly PredictionFacts[] {
    return rows(this.#predictions, afterSeq, upToSeq) as unknown as readonly PredictionFacts[]
  }

  outcomes({ afterSeq, upToSeq }: LogWindow): readonly OutcomeFacts[] {
    return rows(this.#outcomes, afterSeq, upToSeq) as unknown as readonly OutcomeFacts[]
  }

  close(): void {
    this.#database.close()
  }
}

function rows(statement: StatementSync, ...values: number[]): readonly SQLOutputValue[][] {
  return statement.all(...values) as unknown as readonly SQLOutputValue[][]
}

/** How long a read waits, which it only does while the writer begins a new write-ahead log. */
const busyTimeoutMs = 5_000

const { answered, error, left } = answerKinds

const predictionsSql = `
  SELECT p.seq, k.endpoint, k.assigned, k.epoch, k.release, p.unit, k.propensity, p.at_ms, p.latency_ms,
    CASE WHEN k.status = 0 AND k.failed = 0 THEN ${left}
         WHEN k.failed = 1 OR k.status >= 400 OR k.version <> k.assigned THEN ${error} ELSE ${answered} END
  FROM predictions p NOT INDEXED CROSS JOIN kinds k ON k.kind = p.kind
  WHERE p.seq > ? AND p.seq <= ? AND k.pinned = 0 AND p.shadow_of IS NULL ORDER BY p.seq`

const outcomesSql = `
  SELECT o.prediction_seq, o.row, k.endpoint, k.assigned, k.epoch, k.release, k.propensity, p.at_ms,
    o.label, o.reward, o.metrics, o.before, p.answer -> o.row
  FROM outcomes o NOT INDEXED CROSS JOIN predictions p ON p.seq = o.prediction_seq CROSS JOIN kinds k ON k.kind = p.kind
  WHERE o.seq > ? AND o.seq <= ? AND k.pinned = 0 AND p.shadow_of IS NULL AND k.version = k.assigned ORDER BY o.seq`

const lastSeqSql = `
  SELECT max(coalesce((SELECT max(seq) FROM predictions), 0), coalesce((SELECT max(seq) FROM outcomes), 0)) AS seq`
