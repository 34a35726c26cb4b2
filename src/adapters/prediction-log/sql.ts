/** The prediction log in a database, which a thread of its own writes and reads. */
import type { Outcome, Prediction } from '../../core/prediction.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  AppendedOutcomes,
  AppendedPredictions,
  PackedPredictions,
  PredictionLog,
  ReplayBatch,
  Replayed,
  ReplayQuery,
} from '../../ports/prediction-log.ts'
import { packPredictions } from '../packed-predictions/packer.ts'
import { unpackPredictions } from '../packed-predictions/unpack.ts'
import { nameOf, type StorePlace } from '../stores/store-place.ts'
import { LastingClient } from './lasting-client.ts'
import { appendedOutcomes, joinFromRow, outcomeFromRow, outcomeToRow } from './outcome-rows.ts'
import type { StoreCalls, StoreThreadData } from './store-calls.ts'

/** Resolves when the database is open and its schema is current; rejects with `store-failed` or `data-folder-invalid`. */
export async function openSqlPredictionLog(options: {
  place: StorePlace
  clock: Clock
  /** Before so many predictions of an earlier schema are packed, which opening waits for: some seconds a million. */
  onPacking?: (rows: number) => void
  /** The store's thread has ended, with what it was asked for just then; the next call starts another one. */
  onLost?: (error: Error) => void
}): Promise<PredictionLog> {
  const { place, clock, onPacking, onLost } = options
  const data: StoreThreadData = { name: nameOf(place), place }
  const client = await LastingClient.open<StoreCalls>(workerScript, data, {
    onNotice: ({ packing }) => onPacking?.(packing.rows),
    ...(onLost !== undefined && { onLost }),
  })
  return {
    appendPredictions: (batch, options) => appendPredictions(client, batch, { ...options, nowMs: clock.nowMs() }),
    appendOutcomes: batch => appendOutcomes(client, batch, clock.nowMs()),
    find: query => client.call('find', query),
    replay: (query, each) => replay(client, query, each),
    trim: trim => client.call('trim', trim),
    close: () => client.close(),
  }
}

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const workerScript = new URL(
  import.meta.url.endsWith('.ts') ? './store-worker.ts' : './store-worker.js',
  import.meta.url,
)

async function appendPredictions(
  client: LastingClient<StoreCalls>,
  batch: readonly Prediction[] | PackedPredictions,
  options: { nowMs: number; again?: boolean },
): Promise<AppendedPredictions> {
  const packed = batch instanceof ArrayBuffer ? batch : packPredictions(batch)
  // The buffer goes to the store's thread and comes back: neither copied nor made anew.
  const { repeated, joined, upToSeq, read } = await client.call('appendPredictions', { packed, ...options }, [packed])
  return {
    fresh: unpackPredictions(read, { repeated, isPassing: true }),
    upToSeq,
    ...(batch instanceof ArrayBuffer && { read }),
    joined: joined.map(({ outcome, join }) => joinFromRow(outcomeFromRow(outcome), join)),
  }
}

async function appendOutcomes(
  client: LastingClient<StoreCalls>,
  batch: readonly Outcome[],
  nowMs: number,
): Promise<AppendedOutcomes> {
  return appendedOutcomes(batch, await client.call('appendOutcomes', { rows: batch.map(outcomeToRow), nowMs }))
}

/** Commits per message of a replay: what the two threads hold of it at a time, and how long callers wait for it. */
const replayWindowSeqs = 1_000

async function replay(
  client: LastingClient<StoreCalls>,
  { tails, newest = Number.POSITIVE_INFINITY, afterSeq: behindSeq = 0 }: ReplayQuery,
  each: (batch: ReplayBatch) => void,
): Promise<Replayed> {
  const range = await client.call('replayRange', tails)
  const first = Math.max(range.afterSeq, range.upToSeq - newest, behindSeq)
  for (let afterSeq = first; afterSeq < range.upToSeq; afterSeq += replayWindowSeqs) {
    const upToSeq = Math.min(range.upToSeq, afterSeq + replayWindowSeqs)
    for (const batch of await client.call('replayWindow', { tails, window: { afterSeq, upToSeq } })) each(batch)
  }
  // Some of it may have been let go meanwhile.
  const { isWhole } = await client.call('replayRange', tails)
  return { upToSeq: range.upToSeq, isWhole }
}
