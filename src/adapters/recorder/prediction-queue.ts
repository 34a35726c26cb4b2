/** Predictions on their way to the store: a bounded queue, packed as they come and written in batches, one batch at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { readAnswer } from '../../core/answer.ts'
import type { ReadFeatures } from '../../core/features.ts'
import { limits } from '../../core/limits.ts'
import { payloadBytes } from '../../core/prediction.ts'
import type { PackedPredictions } from '../../ports/prediction-log.ts'
import type { RawPrediction, RecorderStats } from '../../ports/recorder.ts'
import { PredictionPacker } from '../packed-predictions/packer.ts'
import type { Appending, OnCommitted, OnDropped } from './recorder.ts'
import { readRequest } from './request-features.ts'

/** Greater answers and requests are read this many bytes at a time; in between the gateway's thread serves its callers. */
const sliceBytesMax = 64 * 1024

/** A batch is not packed further than this: payloads are part of it. */
const batchBytesMax = 8 * 1024 * 1024

/** Of the queue: shadows are dropped first, so that they never cost what callers got its place. */
const shadowShare = 0.5

export type QueueBounds = { batchMax: number; queueMax: number; queueBytesMax: number }

/** `bytes` are those of the bodies that its predictions came with. */
type Batch = { packed: PackedPredictions; count: number; bytes: number }

export class PredictionQueue {
  readonly #log: Appending
  readonly #bounds: QueueBounds
  readonly #onCommitted: OnCommitted
  readonly #onDropped: OnDropped
  /** Whole batches, oldest first; then the one that is being packed; then what waits to be read first. */
  #batches: Batch[] = []
  readonly #packer = new PredictionPacker()
  #packerBytes = 0
  #waiting: RawPrediction[] = []
  #running: Promise<void> | null = null
  #closed = false
  /** All of these and those in the batch that is being written. */
  #queued = 0
  #queuedBytes = 0
  #recorded = 0
  #dropped = 0
  /** Dropped since the last flush told of it. */
  #unreported = 0
  #featuresMalformed = 0

  constructor(options: { log: Appending; bounds: QueueBounds; onCommitted: OnCommitted; onDropped: OnDropped }) {
    this.#log = options.log
    this.#bounds = options.bounds
    this.#onCommitted = options.onCommitted
    this.#onDropped = options.onDropped
  }

  /** On the hot path: no waiting, no writing, and no reading of more than a little. */
  add(prediction: RawPrediction): void {
    if (this.#closed) {
      this.#dropped += 1
      this.#onDropped({ count: 1, cause: 'closed', error: null })
      return
    }
    const bytes = bodyBytes(prediction)
    const { queueMax, queueBytesMax } = this.#bounds
    const share = prediction.shadowOf === undefined ? 1 : shadowShare
    if (this.#queued >= share * queueMax || this.#queuedBytes + bytes > share * queueBytesMax) {
      this.#dropped += 1
      this.#unreported += 1
      return
    }
    this.#queued += 1
    this.#queuedBytes += bytes
    // What comes behind one that waits waits too: the order of commit is that in which they came.
    if (this.#waiting.length > 0 || !isReadAtOnce(prediction)) this.#waiting.push(prediction)
    else this.#pack(prediction, bytes)
    if (this.#hasBatch()) this.#start()
  }

  /** Begins to write what waits, unless a batch is being written; the next flush takes what that leaves. */
  flush(): void {
    this.#reportQueueFull()
    if (this.#hasAny()) this.#start()
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
    if (this.#hasAny()) this.#start()
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
      do await this.#write(await this.#nextBatch())
      while (this.#closed ? this.#hasAny() : this.#hasBatch())
    } finally {
      // In the same turn as the last look at the queue, so that nothing can come in between and be left.
      this.#running = null
    }
  }

  #hasAny(): boolean {
    return this.#batches.length > 0 || this.#packer.count > 0 || this.#waiting.length > 0
  }

  #hasBatch(): boolean {
    return this.#batches.length > 0 || this.#packer.count + this.#waiting.length >= this.#bounds.batchMax
  }

  async #nextBatch(): Promise<Batch> {
    if (this.#batches.length === 0) await this.#readWaiting()
    return this.#batches.shift() ?? this.#takePacked()
  }

  /** Until there is a batch or nothing waits any more. */
  async #readWaiting(): Promise<void> {
    let sliceBytes = 0
    let read = 0
    for (; read < this.#waiting.length && this.#batches.length === 0; read += 1) {
      const prediction = this.#waiting[read]
      if (prediction === undefined) break
      this.#pack(prediction, bodyBytes(prediction))
      sliceBytes += (prediction.raw?.body.byteLength ?? 0) + requestBytes(prediction)
      if (sliceBytes < sliceBytesMax) continue
      sliceBytes = 0
      await nextTurn()
    }
    this.#waiting = this.#waiting.slice(read)
  }

  /** Reads the prediction's bodies. */
  #pack(raw: RawPrediction, bytes: number): void {
    const request = raw.asked === undefined ? undefined : raw.payload?.request
    const read =
      raw.read ?? (raw.asked === undefined || request === undefined ? nothingAsked : readRequest(request, raw.asked))
    if (read.isMalformed) this.#featuresMalformed += 1
    const { answer, scores } = raw.answered ?? (raw.raw === null ? unread : readAnswer(raw.raw))
    this.#packer.add(raw, { answer, scores, features: read.features })
    this.#packerBytes += bytes
    if (this.#packer.count >= this.#bounds.batchMax || this.#packer.byteLength >= batchBytesMax)
      this.#batches.push(this.#takePacked())
  }

  #takePacked(): Batch {
    const { count } = this.#packer
    const batch = { packed: this.#packer.take(), count, bytes: this.#packerBytes }
    this.#packerBytes = 0
    return batch
  }

  async #write({ packed, count, bytes }: Batch): Promise<void> {
    const appended = await this.#log.appendPredictions(packed).catch((error: unknown) => {
      this.#dropped += count
      this.#onDropped({ count, cause: 'store-failed', error })
      return null
    })
    this.#queued -= count
    this.#queuedBytes -= bytes
    if (appended === null) return
    if (appended.read !== undefined) this.#packer.reuse(appended.read)
    this.#recorded += count
    this.#onCommitted(appended)
  }

  #reportQueueFull(): void {
    const count = this.#unreported
    this.#unreported = 0
    if (count > 0) this.#onDropped({ count, cause: 'queue-full', error: null })
  }
}

const nothingAsked: ReadFeatures = { features: null, isMalformed: false }

function isReadAtOnce({ raw, asked, read }: RawPrediction): boolean {
  return (
    (raw === null || raw.body.byteLength <= limits.answerReadAtOnceBytesMax) &&
    (asked === undefined || read !== undefined)
  )
}

const unread = { answer: null, scores: null }

function bodyBytes(prediction: RawPrediction): number {
  return payloadBytes(prediction) + (prediction.raw?.body.byteLength ?? 0)
}

function requestBytes({ asked, payload }: RawPrediction): number {
  return asked === undefined ? 0 : (payload?.request.byteLength ?? 0)
}
