/** The thread that owns the prediction log's SQLite file: node:sqlite is synchronous, and the gateway's thread must not wait for a disk. */
import { parentPort, workerData } from 'node:worker_threads'
import { limits } from '../../core/limits.ts'
import { type JoinedOutcome, joinOutcome, type Label, type Outcome, type Prediction } from '../../core/prediction.ts'
import type { AppendedOutcomes, AppendedPredictions, PredictionQuery, ReplayBatch } from '../../ports/prediction-log.ts'
import { openDatabase, transaction } from '../sqlite/database.ts'
import { migrations, outcomeValues, predictionValues, statements, toOutcome, toPrediction } from './tables.ts'

export type StoreRequest =
  | { op: 'append-predictions'; batch: readonly Prediction[] }
  | { op: 'append-outcomes'; batch: readonly Outcome[] }
  | { op: 'find'; query: PredictionQuery }
  | { op: 'replay-predictions'; endpoint: string; fromEpoch: number; afterSeq: number }
  | { op: 'replay-outcomes'; endpoint: string; fromEpoch: number; afterSeq: number }
  | { op: 'close' }

export type ReplayPage = ReplayBatch & { lastSeq: number; isLast: boolean }

const replayPageRows = 5_000
const pruneEvery = 1_000

const { file } = workerData as { file: string }
const database = openDatabase(file, migrations)
const sql = statements(database)
let appends = 0

function appendPredictions(batch: readonly Prediction[]): AppendedPredictions {
  return transaction(database, () => {
    const fresh = batch.filter(one => sql.insertPrediction.run(...predictionValues(one)).changes > 0)
    return { fresh, joined: fresh.flatMap(joinEarlyOutcomes) }
  })
}

function joinEarlyOutcomes(prediction: Prediction): JoinedOutcome[] {
  const outcomes = sql.outcomesOf.all(prediction.id).map(toOutcome)
  return outcomes.map((outcome, index) =>
    joinOutcome(outcome, prediction, lastLabel(outcomes.slice(0, index), outcome.row)),
  )
}

function appendOutcomes(batch: readonly Outcome[]): AppendedOutcomes {
  const answer = transaction(database, () => {
    const joined: JoinedOutcome[] = []
    const receipts = batch.map(outcome => {
      const { changes } = sql.insertOutcome.run(...outcomeValues(outcome))
      if (changes === 0) return { status: 'duplicate' as const }
      const row = sql.prediction.get(outcome.prediction)
      if (row === undefined) return { status: 'pending' as const }
      joined.push(joinOne(outcome, toPrediction(row)))
      return { status: 'joined' as const }
    })
    return { receipts, joined }
  })
  prune(batch)
  return answer
}

function joinOne(outcome: Outcome, prediction: Prediction): JoinedOutcome {
  const siblings = sql.outcomesOf.all(outcome.prediction).map(toOutcome)
  const until = siblings.findIndex(one => one.id === outcome.id)
  return joinOutcome(outcome, prediction, lastLabel(siblings.slice(0, until), outcome.row))
}

function lastLabel(outcomes: readonly Outcome[], row: number): Label | null {
  return outcomes.findLast(outcome => outcome.row === row && outcome.label !== null)?.label ?? null
}

/** Outcomes whose prediction never came are let go after a while. */
function prune(batch: readonly Outcome[]): void {
  appends += 1
  if (appends % pruneEvery !== 0) return
  const newestMs = batch.reduce((greatest, one) => Math.max(greatest, one.atMs), 0)
  sql.pruneOrphans.run(newestMs - limits.orphanOutcomeMs)
}

function find(query: PredictionQuery) {
  const rows = sql.find.all(
    query.id ?? null,
    query.endpoint ?? null,
    query.version ?? null,
    Math.min(query.limit, limits.pageMax),
  )
  return rows.map(row => {
    const prediction = toPrediction(row)
    return { prediction, outcomes: sql.outcomesOf.all(prediction.id).map(toOutcome) }
  })
}

type ReplayRequest = Extract<StoreRequest, { op: 'replay-predictions' | 'replay-outcomes' }>

function replayPredictions({ endpoint, fromEpoch, afterSeq }: ReplayRequest): ReplayPage {
  const rows = sql.replayPredictions.all(endpoint, fromEpoch, afterSeq, replayPageRows)
  // Payloads are no evidence; leaving them behind keeps the message small.
  const predictions = rows.map(row => ({ ...toPrediction(row), payload: null }))
  return { predictions, joined: [], ...pageEnd(rows) }
}

function replayOutcomes({ endpoint, fromEpoch, afterSeq }: ReplayRequest): ReplayPage {
  const rows = sql.replayOutcomes.all(endpoint, fromEpoch, afterSeq, replayPageRows)
  const joined = rows.flatMap(row => {
    const outcome = toOutcome(row)
    const prediction = sql.prediction.get(outcome.prediction)
    return prediction === undefined ? [] : [joinOne(outcome, toPrediction(prediction))]
  })
  return { predictions: [], joined, ...pageEnd(rows) }
}

function pageEnd(rows: readonly Record<string, unknown>[]): { lastSeq: number; isLast: boolean } {
  return { lastSeq: Number(rows.at(-1)?.['seq'] ?? 0), isLast: rows.length < replayPageRows }
}

function answerTo(request: StoreRequest): unknown {
  switch (request.op) {
    case 'append-predictions':
      return appendPredictions(request.batch)
    case 'append-outcomes':
      return appendOutcomes(request.batch)
    case 'find':
      return find(request.query)
    case 'replay-predictions':
      return replayPredictions(request)
    case 'replay-outcomes':
      return replayOutcomes(request)
    case 'close':
      database.close()
      return null
    default:
      return request satisfies never
  }
}

parentPort?.on('message', ({ id, request }: { id: number; request: StoreRequest }) => {
  try {
    parentPort?.postMessage({ id, ok: true, value: answerTo(request) })
  } catch (error) {
    parentPort?.postMessage({ id, ok: false, message: error instanceof Error ? error.message : String(error) })
  }
})
parentPort?.postMessage({ id: 0, ok: true, value: null })
