/** The prediction log in a SQLite file, which a thread of its own writes and reads. */
import type { Outcome, Payload, Prediction } from '../../core/prediction.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  AppendedOutcomes,
  AppendedPredictions,
  PredictionLog,
  ReplayBatch,
  ReplayQuery,
} from '../../ports/prediction-log.ts'
import { appendedOutcomes, joinFromRow, outcomeFromRow, outcomeToRow } from './outcome-rows.ts'
import { predictionToRow, toJson } from './rows.ts'
import type { IndexedPayload, StoreCalls } from './store-calls.ts'
import { WorkerClient } from './worker-client.ts'

/** Resolves when the file is open and its schema is current; rejects with `store-failed` or `data-folder-invalid`. */
export async function openSqlitePredictionLog(options: { file: string; clock: Clock }): Promise<PredictionLog> {
  const { file, clock } = options
  const client = await WorkerClient.open<StoreCalls>(workerScript, { file })
  return {
    appendPredictions: batch => appendPredictions(client, batch, clock.nowMs()),
    appendOutcomes: batch => appendOutcomes(client, batch, clock.nowMs()),
    find: query => client.call('find', query),
    replay: (query, each) => replay(client, query, each),
    close: () => client.close(),
  }
}

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const workerScript = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js',
  import.meta.url,
)

async function appendPredictions(
  client: WorkerClient<StoreCalls>,
  batch: readonly Prediction[],
  nowMs: number,
): Promise<AppendedPredictions> {
  const payloads = batch.flatMap(({ payload }, index) => (payload === null ? [] : [copyPayload(index, payload)]))
  const transfer = payloads.flatMap(({ request, response }) => [request.buffer, response.buffer])
  const input = { rows: batch.map(predictionToRow), payloads, nowMs }
  const { repeated, joined } = await client.call('appendPredictions', input, transfer)
  return {
    fresh: repeated.length === 0 ? batch : without(batch, repeated),
    joined: joined.map(({ outcome, join }) => joinFromRow(outcomeFromRow(outcome), join)),
  }
}

async function appendOutcomes(
  client: WorkerClient<StoreCalls>,
  batch: readonly Outcome[],
  nowMs: number,
): Promise<AppendedOutcomes> {
  return appendedOutcomes(batch, await client.call('appendOutcomes', { rows: batch.map(outcomeToRow), nowMs }))
}

/** A body is often a view of a pool, all of which would be sent; a copy of its own can be handed over. */
function copyPayload(index: number, { request, response, sent }: Payload) {
  return {
    index,
    request: new Uint8Array(request),
    response: new Uint8Array(response),
    sent: toJson(sent ?? null),
  } satisfies IndexedPayload
}

function without<T>(items: readonly T[], places: readonly number[]): T[] {
  const left = new Set(places)
  return items.filter((_, index) => !left.has(index))
}

/** Commits per message of a replay: what the two threads hold of it at a time. */
const replayWindowSeqs = 5_000

async function replay(
  client: WorkerClient<StoreCalls>,
  { newest = Number.POSITIVE_INFINITY, ...query }: ReplayQuery,
  each: (batch: ReplayBatch) => void,
): Promise<void> {
  const range = await client.call('replayRange', query)
  const first = Math.max(range.afterSeq, range.upToSeq - newest)
  for (let afterSeq = first; afterSeq < range.upToSeq; afterSeq += replayWindowSeqs) {
    const upToSeq = Math.min(range.upToSeq, afterSeq + replayWindowSeqs)
    for (const batch of await client.call('replayWindow', { ...query, window: { afterSeq, upToSeq } })) each(batch)
  }
}
