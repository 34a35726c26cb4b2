/** Predictions on their way to the store: a bounded queue, read and written in batches, one batch at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { readAnswer } from '../../core/answer.ts'
import type { ReadFeatures } from '../../core/features.ts'
import { type Prediction, payloadBytes } from '../../core/prediction.ts'
import type { PredictionLog } from '../../ports/prediction-log.ts'
import type { RawPrediction, RecorderStats } from '../../ports/recorder.ts'
import type { OnCommitted, OnDropped } from './recorder.ts'
import { readRequest } from './request-features.ts'

/** Answers and requests are read this many bytes at a time; in between the gateway's thread serves its callers. */
const sliceBytesMax = 64 * 1024

/** Of the queue: shadows are dropped first, so that they never cost what callers got its place. */
const shadowShare = 0.5

export type QueueBounds = { batchMax: number; queueMax: number; queueBytesMax: number }

export class PredictionQueue {
  readonly #log: PredictionLog
  readonly #bounds: QueueBounds
  readonly #onCommitted: OnCommitted
  readonly #onDropped: OnDropped
  #waiting: RawPrediction[] = []
  #running: Promise<void> | null = null
  #closed = false
  /** Those waiting and those in the batch that is being written. */
  #queued = 0
  #queuedBytes = 0
  #recorded = 0
  #dropped = 0
  /** Dropped since the last flush told of it. */
  #unreported = 0
  #featuresMalformed = 0

  constructor(options: { log: PredictionLog; bounds: QueueBounds; onCommitted: OnCommitted; onDropped: OnDropped }) {
    this.#log = options.log
    this.#bounds = options.bounds
    this.#onCommitted = options.onCommitted
    this.#onDropped = options.onDropped
  }

  /** On the hot path: no reading, no writing. */
  add(prediction: RawPrediction): void {
    const bytes = bodyBytes(prediction)
    const { batchMax, queueMax, queueBytesMax } = this.#bounds
    const share = prediction.shadowOf === undefined ? 1 : shadowShare
    if (this.#closed || this.#queued >= share * queueMax || this.#queuedBytes + bytes > share * queueBytesMax) {
      this.#dropped += 1
      this.#unreported += 1
      return
    }
    this.#waiting.push(prediction)
    this.#queued += 1
    this.#queuedBytes += bytes
    if (this.#waiting.length >= batchMax) this.#start()
  }

  /** Begins to write what waits, unless a batch is being written; the next flush takes what that leaves. */
  flush(): void {
    this.#reportQueueFull()
    if (this.#waiting.length > 0) this.#start()
  }

  stats(): RecorderStats {
    return {
      recorded: this.#recorded,
      dropped: this.#dropped,
      queued: this.#queued,
      featuresMalformed: this.#featuresMalformed,
    }
  }

  /** Takes no more, and resolves when all that was taken is written. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#waiting.length > 0) this.#start()
    this.#reportQueueFull()
    await this.#running
  }

  #start(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    try {
      // Whoever started this may be answering a caller.
      await nextTurn()
      do {
        const batch = this.#waiting.slice(0, this.#bounds.batchMax)
        this.#waiting = this.#waiting.slice(batch.length)
        await this.#write(batch)
      } while (this.#waiting.length >= (this.#closed ? 1 : this.#bounds.batchMax))
    } finally {
      // In the same turn as the last look at the queue, so that nothing can come in between and be left.
      this.#running = null
    }
  }

  async #write(batch: readonly RawPrediction[]): Promise<void> {
    const bytes = batch.reduce((sum, prediction) => sum + bodyBytes(prediction), 0)
    const { predictions, featuresMalformed } = await readBodies(batch)
    this.#featuresMalformed += featuresMalformed
    const appended = await this.#log.appendPredictions(predictions).catch((error: unknown) => {
      this.#dropped += batch.length
      this.#onDropped({ count: batch.length, cause: 'store-failed', error })
      return null
    })
    this.#queued -= batch.length
    this.#queuedBytes -= bytes
    if (appended === null) return
    this.#recorded += batch.length
    this.#onCommitted(appended)
  }

  #reportQueueFull(): void {
    const count = this.#unreported
    this.#unreported = 0
    if (count > 0) this.#onDropped({ count, cause: 'queue-full', error: null })
  }
}

async function readBodies(
  batch: readonly RawPrediction[],
): Promise<{ predictions: Prediction[]; featuresMalformed: number }> {
  const predictions: Prediction[] = []
  let featuresMalformed = 0
  let sliceBytes = 0
  for (const { raw, asked, read: known, ...prediction } of batch) {
    const request = asked === undefined ? undefined : prediction.payload?.request
    const read = known ?? (asked === undefined || request === undefined ? nothingAsked : readRequest(request, asked))
    if (read.isMalformed) featuresMalformed += 1
    predictions.push({
      ...prediction,
      ...(raw === null ? { answer: null, scores: null } : readAnswer(raw)),
      features: read.features,
    })
    sliceBytes += (raw?.body.byteLength ?? 0) + (request?.byteLength ?? 0)
    if (sliceBytes < sliceBytesMax) continue
    sliceBytes = 0
    await nextTurn()
  }
  return { predictions, featuresMalformed }
}

const nothingAsked: ReadFeatures = { features: null, isMalformed: false }

function bodyBytes(prediction: RawPrediction): number {
  return payloadBytes(prediction) + (prediction.raw?.body.byteLength ?? 0)
}
