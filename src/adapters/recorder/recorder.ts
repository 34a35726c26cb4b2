/** Takes predictions and outcomes off the hot path into the prediction log, and tells what was committed. */
import type { JoinedOutcome, Prediction } from '../../core/prediction.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PredictionLog } from '../../ports/prediction-log.ts'
import type { Recorder } from '../../ports/recorder.ts'
import { FeedbackQueue } from './feedback-queue.ts'
import { PredictionQueue } from './prediction-queue.ts'

/** What became durable: new predictions, and behind them outcomes that joined theirs; up to which place in the order of commit. */
export type Committed = { fresh: readonly Prediction[]; joined: readonly JoinedOutcome[]; upToSeq: number }

/** Told in the order of commit. It must not throw: evidence that misses a commit is wrong. */
export type OnCommitted = (batch: Committed) => void

/**
 * `queue-full` is reported once per flush, not per prediction; `store-failed` brings the store's error; `closed` came after the
 * end.
 */
export type Drop = { count: number; cause: 'queue-full' | 'store-failed' | 'closed'; error: unknown }
export type OnDropped = (drop: Drop) => void

/** What of a log is written to. */
export type Appending = Pick<PredictionLog, 'appendPredictions' | 'appendOutcomes'>

export type RecorderOptions = {
  /** The caller's own: closing the recorder does not close it. */
  log: Appending
  clock: Clock
  onCommitted: OnCommitted
  onDropped?: OnDropped
  /** A prediction waits no longer than this for its batch. */
  flushMs: number
  batchMax: number
  /** Predictions taken and not yet committed; a further one is dropped and counted. */
  queueMax: number
  /** Bytes of answers and payloads that those may hold. */
  queueBytesMax?: number
}

export interface RunningRecorder extends Recorder {
  /** Takes nothing more; resolves when all that was taken is committed, or counted as dropped. */
  close(): Promise<void>
}

/** Bounds the memory of a queue whose predictions carry great answers or payloads. */
export const recorderQueueBytesMax = 256 * 1024 * 1024

export function createRecorder(options: RecorderOptions): RunningRecorder {
  const { log, clock, onCommitted, onDropped = () => {}, flushMs, batchMax, queueMax } = options
  const bounds = { batchMax, queueMax, queueBytesMax: options.queueBytesMax ?? recorderQueueBytesMax }
  const predictions = new PredictionQueue({ log, bounds, onCommitted, onDropped })
  const feedback = new FeedbackQueue({ log, onCommitted })
  const stopFlushing = clock.every(flushMs, () => predictions.flush())
  return {
    record: prediction => predictions.add(prediction),
    feedback: outcomes => feedback.submit(outcomes),
    stats: () => predictions.stats(),
    close: async () => {
      stopFlushing()
      await Promise.all([predictions.close(), feedback.close()])
    },
  }
}
