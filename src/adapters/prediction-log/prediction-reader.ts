/** Reads predictions back: for the explorer and for rebuilding evidence. */

import { limits } from '../../core/limits.ts'
import {
  isOfAny,
  joinOutcome,
  type Outcome,
  type OutcomeValues,
  type Payload,
  type Prediction,
  payloadBytes,
  type SentHead,
} from '../../core/prediction.ts'
import type { PredictionQuery, ReplayBatch } from '../../ports/prediction-log.ts'
import type { PackedCursor } from '../packed-predictions/cursor.ts'
import type { Kind } from '../packed-predictions/layout.ts'
import { predictionAt } from '../packed-predictions/unpack.ts'
import type { SqlDatabase, SqlRow } from '../sql/database.ts'
import type { Block } from './block.ts'
import type { Blocks, Located } from './blocks.ts'
import { LastSeq } from './last-seq.ts'
import { LogStart } from './log-start.ts'
import { ReplayBatches } from './replay-batches.ts'
import { fromJson, outcomeColumns, rowToOutcome } from './rows.ts'
import type { SeqRange, StoreCalls } from './store-calls.ts'

export class PredictionReader {
  readonly #database: SqlDatabase
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #blocks: Blocks
  readonly #last: LastSeq
  readonly #start: LogStart

  constructor(database: SqlDatabase, blocks: Blocks) {
    this.#database = database
    this.#sql = prepareStatements(database)
    this.#blocks = blocks
    this.#last = new LastSeq(database)
    this.#start = new LogStart(database)
  }

  find(query: PredictionQuery): StoreCalls['find']['output'] {
    const withPayload = query.withPayload === true
    const limit = Math.max(0, Math.min(query.limit, withPayload ? limits.payloadsReadMax : limits.pageMax))
    const found: Located[] = []
    let bytes = 0
    if (limit === 0) return []
    for (const one of this.#newestFirst(query)) {
      bytes += payloadBytes(one.prediction)
      if (withPayload && bytes > limits.payloadsReadBytesMax) break
      found.push(one)
      if (found.length === limit) break
    }
    return found.map(({ prediction, seq }) => ({ prediction, outcomes: this.#outcomesOf(seq, prediction) }))
  }

  #newestFirst(query: PredictionQuery): Iterable<Located> {
    // Few predictions have bodies: they are what is walked through where they are asked for.
    if (query.withPayload === true) return this.#withPayload(query)
    if (query.id !== undefined) return this.#ofId(query, query.id)
    return this.#ofBlocks(query)
  }

  *#withPayload(query: PredictionQuery): Iterable<Located> {
    let firstSeq = Number.POSITIVE_INFINITY
    let block: Block | null = null
    for (const row of this.#sql.payloads.iterate()) {
      const seq = Number(row['prediction_seq'])
      if (seq < firstSeq) {
        const place = this.#blocks.kindsUpTo(seq)
        firstSeq = place?.firstSeq ?? 0
        block = place?.kinds.some(kind => isOfKind(kind, query)) === true ? this.#blocks.upTo(seq) : null
      }
      if (block !== null && isWanted(block.at(seq), query)) yield this.#found(block, seq)
    }
  }

  *#ofId(query: PredictionQuery, id: string): Iterable<Located> {
    const seq = this.#blocks.byId([id]).get(id)?.seq
    const block = seq === undefined ? null : this.#blocks.upTo(seq)
    if (seq !== undefined && block !== null && isWanted(block.at(seq), query)) yield this.#found(block, seq)
  }

  /** Block by block in which there is a prediction of such a kind at all. */
  *#ofBlocks(query: PredictionQuery): Iterable<Located> {
    for (const block of this.#blocksFor(query)) {
      for (const seq of block.newestFirst(cursor => isWanted(cursor, query))) yield this.#found(block, seq)
    }
  }

  *#blocksFor({ endpoint, version }: PredictionQuery): Iterable<Block> {
    const wanted = Object.entries({ endpoint, version }).filter(([, value]) => value !== undefined)
    if (wanted.length === 0) {
      yield* this.#blocks.newestFirst()
      return
    }
    const places = this.#database.prepare(
      `SELECT DISTINCT first_seq FROM block_kinds
       WHERE kind IN (SELECT kind FROM kinds WHERE ${wanted.map(([column]) => `${column} = ?`).join(' AND ')})
       ORDER BY first_seq DESC`,
    )
    for (const row of places.iterate(...wanted.map(([, value]) => String(value)))) {
      const block = this.#blocks.upTo(Number(row['first_seq']))
      if (block !== null) yield block
    }
  }

  #found(block: Block, seq: number): Located {
    const cursor = block.at(seq)
    const row = cursor.hasLeftPayload ? this.#sql.payload.get(seq) : undefined
    const prediction = predictionAt(cursor)
    return { seq, prediction: row === undefined ? prediction : withPayload(prediction, row) }
  }

  /** What is committed now, from the first commit of these tails; empty if there is none. */
  replayRange(tails: StoreCalls['replayRange']['input']): StoreCalls['replayRange']['output'] {
    const upToSeq = this.#last.read()
    const firstSeq = this.#start.firstSeq(tails)
    if (firstSeq === null) return { afterSeq: upToSeq, upToSeq, isWhole: true }
    const trimmedSeq = this.#start.trimmedSeq()
    return { afterSeq: Math.max(firstSeq - 1, trimmedSeq), upToSeq, isWhole: firstSeq > trimmedSeq }
  }

  replayWindow({ tails, window }: StoreCalls['replayWindow']['input']): readonly ReplayBatch[] {
    const merged = new ReplayBatches()
    const joined = this.#joinedIn(window, prediction => isOfAny(tails, prediction))
    let next = joined.next()
    const addBefore = (seq: number) => {
      for (; next.done !== true && next.value.seq < seq; next = joined.next())
        merged.addJoined(next.value.joined, next.value.seq)
    }
    for (const block of this.#blocks.within(window)) {
      const wanted = block.cursor.kinds.map(([endpoint, epoch]: Kind) => isOfAny(tails, { endpoint, epoch }))
      const lastSeq = Math.min(block.lastSeq, window.upToSeq)
      for (let seq = Math.max(block.firstSeq, window.afterSeq + 1); seq <= lastSeq; seq += 1) {
        const cursor = block.at(seq)
        if (wanted[cursor.kind] !== true) continue
        addBefore(seq)
        merged.addPrediction(predictionAt(cursor), seq)
      }
    }
    addBefore(Number.POSITIVE_INFINITY)
    return merged.batches
  }

  *#joinedIn({ afterSeq, upToSeq }: SeqRange, isWanted: (prediction: Prediction) => boolean) {
    const rows = this.#sql.joined.all(afterSeq, upToSeq)
    const predictions = this.#blocks.predictions(rows.map(row => Number(row['prediction_seq'])))
    for (const row of rows) {
      const prediction = predictions.get(Number(row['prediction_seq']))
      if (prediction === undefined || !isWanted(prediction)) continue
      const outcome = rowToOutcome(row, prediction.shadowOf ?? prediction.id)
      const joined = joinOutcome(outcome, prediction, fromJson<OutcomeValues>(row['before']))
      yield { seq: Number(row['seq']), joined }
    }
  }

  #outcomesOf(seq: number, { id, shadowOf }: Prediction): Outcome[] {
    const rows = this.#sql.outcomesOf.all(seq, limits.pageMax)
    return rows.map(row => rowToOutcome(row, shadowOf ?? id)).reverse()
  }
}

function isWanted(cursor: PackedCursor, query: PredictionQuery): boolean {
  const ofKind = cursor.kinds[cursor.kind]
  return ofKind !== undefined && isOfKind(ofKind, query) && (query.shadows !== false || !cursor.isShadow)
}

function isOfKind([of, , , , by]: Kind, { endpoint, version }: PredictionQuery): boolean {
  return (endpoint === undefined || of === endpoint) && (version === undefined || by === version)
}

function withPayload(prediction: Prediction, row: SqlRow): Prediction {
  const { request, response } = row
  if (!(request instanceof Uint8Array) || !(response instanceof Uint8Array)) return prediction
  const sent = fromJson<SentHead>(row['sent'])
  const payload: Payload = sent === null ? { request, response } : { request, response, sent }
  return { ...prediction, payload }
}

function prepareStatements(database: SqlDatabase) {
  return {
    payload: database.prepare('SELECT request, response, sent FROM payloads WHERE prediction_seq = ?'),
    payloads: database.prepare('SELECT prediction_seq FROM payloads ORDER BY prediction_seq DESC'),
    joined: database.prepare(
      `SELECT seq, prediction_seq, ${outcomeColumns}, before FROM outcomes NOT INDEXED
       WHERE seq > ? AND seq <= ? ORDER BY seq`,
    ),
    outcomesOf: database.prepare(
      `SELECT ${outcomeColumns} FROM outcomes WHERE prediction_seq = ? ORDER BY seq DESC LIMIT ?`,
    ),
  }
}
