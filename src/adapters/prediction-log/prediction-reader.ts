/** Reads predictions back: for the explorer and for rebuilding evidence. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { limits } from '../../core/limits.ts'
import { type Outcome, type Prediction, payloadBytes } from '../../core/prediction.ts'
import type { PredictionQuery, ReplayBatch } from '../../ports/prediction-log.ts'
import { slotSeqs } from './prediction-rows.ts'
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
    const withPayload = query.withPayload === true
    const limit = Math.max(0, Math.min(query.limit, withPayload ? limits.payloadsReadMax : limits.pageMax))
    const found: { prediction: Prediction; seq: number }[] = []
    let bytes = 0
    for (const row of this.#rowsOf(query, limit)) {
      const prediction = rowToPrediction(row)
      bytes += payloadBytes(prediction)
      if (withPayload && bytes > limits.payloadsReadBytesMax) break
      found.push({ prediction, seq: Number(row['seq']) })
    }
    return found.map(({ prediction, seq }) => ({ prediction, outcomes: this.#outcomesOf(seq) }))
  }

  /** Newest first. */
  #rowsOf(query: PredictionQuery, limit: number): Iterable<SqlRow> {
    const { terms, values } = conditions(query)
    // Few predictions have bodies: they are what is walked through where they are asked for.
    if (query.withPayload === true) return this.#select(bodiesFirst, terms).iterate(...values, limit)
    const isNarrow = query.id === undefined && (query.endpoint !== undefined || query.version !== undefined)
    if (!isNarrow || limit === 0) return this.#select(predictionsFirst, terms).iterate(...values, limit)
    return this.#rowsBySlot(terms, values, limit)
  }

  /** Slot by slot of commits in which there is such a kind at all. */
  *#rowsBySlot(terms: readonly string[], values: readonly string[], limit: number): Iterable<SqlRow> {
    const ofKinds = terms.filter(term => term.startsWith('k.'))
    const slots = this.#database.prepare(
      `SELECT DISTINCT slot FROM kind_slots WHERE kind IN (SELECT kind FROM kinds k WHERE ${ofKinds.join(' AND ')})
       ORDER BY slot DESC`,
    )
    const ofSlot = this.#select(predictionsFirst, ['p.seq >= ?', 'p.seq < ?', ...terms])
    let left = limit
    for (const { slot } of slots.iterate(...values)) {
      const firstSeq = Number(slot) * slotSeqs
      for (const row of ofSlot.iterate(firstSeq, firstSeq + slotSeqs, ...values, left)) {
        left -= 1
        yield row
      }
      if (left <= 0) return
    }
  }

  #select({ tables, order }: { tables: string; order: string }, terms: readonly string[]): StatementSync {
    const where = terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`
    return this.#database.prepare(
      `SELECT p.seq, ${predictionColumns}, b.request, b.response, b.sent FROM ${tables} ${where} ORDER BY ${order} DESC LIMIT ?`,
    )
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
  tables: `predictions p CROSS JOIN kinds k ON k.kind = p.kind LEFT JOIN payloads b ON b.prediction_seq = p.seq`,
  order: 'p.seq',
}
const bodiesFirst = {
  tables: `payloads b CROSS JOIN predictions p ON p.seq = b.prediction_seq CROSS JOIN kinds k ON k.kind = p.kind`,
  order: 'b.prediction_seq',
}

function addPrediction(batches: ReplayBatches, row: SqlRow): void {
  batches.addPrediction(rowToPrediction(row))
}

function addJoined(batches: ReplayBatches, row: SqlRow): void {
  batches.addJoined(rowToJoined(row))
}

/** Of the values in their order; those of kinds begin with `k.`. */
function conditions({ endpoint, version, id, shadows = true }: PredictionQuery): { terms: string[]; values: string[] } {
  const wanted = Object.entries({ 'k.endpoint': endpoint, 'k.version': version, 'p.id': id }).flatMap(
    ([column, value]) => (value === undefined ? [] : [{ column, value }]),
  )
  return {
    terms: [...wanted.map(({ column }) => `${column} = ?`), ...(shadows ? [] : ['p.shadow_of IS NULL'])],
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
      `SELECT p.seq, ${predictionColumns} FROM predictions p NOT INDEXED CROSS JOIN kinds k ON k.kind = p.kind
       WHERE p.seq > ? AND p.seq <= ? AND k.endpoint = ? AND k.epoch >= ? ORDER BY p.seq`,
    ),
    joined: database.prepare(
      `SELECT ${joinedColumns} FROM outcomes o NOT INDEXED
       CROSS JOIN predictions p ON p.seq = o.prediction_seq CROSS JOIN kinds k ON k.kind = p.kind
       WHERE o.seq > ? AND o.seq <= ? AND k.endpoint = ? AND k.epoch >= ? ORDER BY o.seq`,
    ),
    outcomesOf: database.prepare(
      `SELECT ${outcomeColumns} FROM outcomes o JOIN predictions p ON p.seq = o.prediction_seq
       WHERE o.prediction_seq = ? ORDER BY o.seq DESC LIMIT ?`,
    ),
  }
}
