/** Reads predictions back: for the explorer and for rebuilding evidence. */
import type { DatabaseSync } from 'node:sqlite'
import { limits } from '../../core/limits.ts'
import { type Outcome, type Prediction, payloadBytes } from '../../core/prediction.ts'
import type { PredictionQuery, ReplayBatch } from '../../ports/prediction-log.ts'
import { ReplayBatches } from './replay-batches.ts'
import {
  joinedColumns,
  outcomeColumns,
  predictionColumns,
  rowToJoined,
  rowToOutcome,
  rowToPrediction,
  type SqlRow,
} from './rows.ts'
import type { SeqRange, StoreCalls } from './store-calls.ts'

export class PredictionReader {
  readonly #database: DatabaseSync
  readonly #sql: ReturnType<typeof prepareStatements>

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#sql = prepareStatements(database)
  }

  find(query: PredictionQuery): StoreCalls['find']['output'] {
    const { where, values } = conditions(query)
    // Few predictions have bodies: they are what is walked through where they are asked for.
    const { tables, order, most } = query.withPayload === true ? bodiesFirst : predictionsFirst
    const rows = this.#database
      .prepare(
        `SELECT p.seq, p.*, b.request, b.response, b.sent FROM ${tables} ${where} ORDER BY ${order} DESC LIMIT ?`,
      )
      .iterate(...values, Math.max(0, Math.min(query.limit, most)))
    const found: { prediction: Prediction; seq: number }[] = []
    let bytes = 0
    for (const row of rows) {
      const prediction = rowToPrediction(row)
      bytes += payloadBytes(prediction)
      if (query.withPayload === true && bytes > limits.payloadsReadBytesMax) break
      found.push({ prediction, seq: Number(row['seq']) })
    }
    return found.map(({ prediction, seq }) => ({ prediction, outcomes: this.#outcomesOf(seq) }))
  }

  /** What is committed now, from the first commit of the epochs asked for; empty if there is none. */
  replayRange({ endpoint, fromEpoch }: { endpoint: string; fromEpoch: number }): SeqRange {
    const upToSeq = Number(this.#sql.lastSeq.get()?.['seq'])
    const firstSeq = this.#sql.firstSeq.get(endpoint, fromEpoch)?.['seq'] ?? null
    return firstSeq === null ? { afterSeq: upToSeq, upToSeq } : { afterSeq: Number(firstSeq) - 1, upToSeq }
  }

  replayWindow({ endpoint, fromEpoch, window }: StoreCalls['replayWindow']['input']): readonly ReplayBatch[] {
    const { afterSeq, upToSeq } = window
    const predictions = this.#sql.predictions.all(afterSeq, upToSeq, endpoint, fromEpoch)
    const outcomes = this.#sql.joined.all(afterSeq, upToSeq, endpoint, fromEpoch)
    const commits = [
      ...predictions.map(row => ({ seq: Number(row['seq']), row, add: addPrediction })),
      ...outcomes.map(row => ({ seq: Number(row['seq']), row, add: addJoined })),
    ]
    const merged = new ReplayBatches()
    for (const { row, add } of commits.sort((a, b) => a.seq - b.seq)) add(merged, row)
    return merged.batches
  }

  #outcomesOf(predictionSeq: number): Outcome[] {
    return this.#sql.outcomesOf.all(predictionSeq, limits.pageMax).map(rowToOutcome).reverse()
  }
}

const predictionsFirst = {
  tables: 'predictions p LEFT JOIN payloads b ON b.prediction_seq = p.seq',
  order: 'p.seq',
  most: limits.pageMax,
}
const bodiesFirst = {
  tables: 'payloads b CROSS JOIN predictions p ON p.seq = b.prediction_seq',
  order: 'b.prediction_seq',
  most: limits.payloadsReadMax,
}

function addPrediction(batches: ReplayBatches, row: SqlRow): void {
  batches.addPrediction(rowToPrediction(row))
}

function addJoined(batches: ReplayBatches, row: SqlRow): void {
  batches.addJoined(rowToJoined(row))
}

function conditions({ endpoint, version, id, shadows = true }: PredictionQuery): { where: string; values: string[] } {
  const wanted = Object.entries({ endpoint, version, id }).flatMap(([column, value]) =>
    value === undefined ? [] : [{ column, value }],
  )
  const terms = wanted.map(({ column }) => `p.${column} = ?`)
  if (!shadows) terms.push('p.shadow_of IS NULL')
  return {
    where: terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`,
    values: wanted.map(({ value }) => value),
  }
}

function prepareStatements(database: DatabaseSync) {
  return {
    lastSeq: database.prepare(
      `SELECT max(coalesce((SELECT max(seq) FROM predictions), 0),
                  coalesce((SELECT max(seq) FROM outcomes), 0)) AS seq`,
    ),
    firstSeq: database.prepare('SELECT min(first_seq) AS seq FROM epochs WHERE endpoint = ? AND epoch >= ?'),
    predictions: database.prepare(
      `SELECT seq, ${predictionColumns} FROM predictions NOT INDEXED
       WHERE seq > ? AND seq <= ? AND endpoint = ? AND epoch >= ? ORDER BY seq`,
    ),
    joined: database.prepare(
      `SELECT ${joinedColumns} FROM outcomes o NOT INDEXED CROSS JOIN predictions p
       WHERE p.seq = o.prediction_seq AND o.seq > ? AND o.seq <= ? AND p.endpoint = ? AND p.epoch >= ? ORDER BY o.seq`,
    ),
    outcomesOf: database.prepare(
      `SELECT ${outcomeColumns} FROM outcomes o JOIN predictions p ON p.seq = o.prediction_seq
       WHERE o.prediction_seq = ? ORDER BY o.seq DESC LIMIT ?`,
    ),
  }
}
