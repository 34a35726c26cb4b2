/**
 * Between the hot path and the prediction log: a bounded queue that leaves in batches. When it is full the newest
 * prediction is dropped and counted; live traffic never waits. Feedback waits for its commit, and concurrent feedback shares one.
 */
import { readAnswer } from '../../core/answer.ts'
import { limits } from '../../core/limits.ts'
import type { JoinedOutcome, Outcome, OutcomeReceipt, Prediction } from '../../core/prediction.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PredictionLog } from '../../ports/prediction-log.ts'
import type { RawPrediction, Recorder } from '../../ports/recorder.ts'

export type Committed = { fresh: readonly Prediction[]; joined: readonly JoinedOutcome[] }

export interface QueueRecorder extends Recorder {
  /** Resolves when everything recorded so far is committed or given up. */
  flush(): Promise<void>
  close(): Promise<void>
}

type WaitingFeedback = {
  outcomes: readonly Outcome[]
  resolve: (receipts: readonly OutcomeReceipt[]) => void
  reject: (error: unknown) => void
}

export function createRecorder(options: {
  log: PredictionLog
  clock: Clock
  onCommitted: (batch: Committed) => void
  complain: (what: string, cause: unknown) => void
}): QueueRecorder {
  const { log, clock, onCommitted, complain } = options
  let queue: RawPrediction[] = []
  let feedbackQueue: WaitingFeedback[] = []
  let flushing: Promise<void> | null = null
  let feeding: Promise<void> | null = null
  let recorded = 0
  let dropped = 0

  const flushOnce = async (): Promise<void> => {
    const batch = queue.slice(0, limits.recorderBatchMax)
    queue = queue.slice(batch.length)
    try {
      onCommitted(await log.appendPredictions(batch.map(readRaw)))
      recorded += batch.length
    } catch (error) {
      dropped += batch.length
      complain(`${batch.length} predictions were lost`, error)
    }
  }

  const flushAll = async (): Promise<void> => {
    while (queue.length > 0) await flushOnce()
  }

  const flush = (): Promise<void> => {
    flushing ??= flushAll().finally(() => {
      flushing = null
    })
    return flushing
  }

  const feedAll = async (): Promise<void> => {
    while (feedbackQueue.length > 0) {
      const group = feedbackQueue
      feedbackQueue = []
      try {
        const { receipts, joined } = await log.appendOutcomes(group.flatMap(one => one.outcomes))
        onCommitted({ fresh: [], joined })
        let from = 0
        for (const one of group) {
          one.resolve(receipts.slice(from, from + one.outcomes.length))
          from += one.outcomes.length
        }
      } catch (error) {
        for (const one of group) one.reject(error)
      }
    }
  }

  const stopFlushing = clock.every(limits.recorderFlushMs, () => {
    if (queue.length > 0) void flush()
  })

  return {
    record(prediction) {
      if (queue.length >= limits.recorderQueueMax) {
        dropped += 1
        return
      }
      queue.push(prediction)
      if (queue.length >= limits.recorderBatchMax) void flush()
    },
    feedback(outcomes) {
      return new Promise((resolve, reject) => {
        feedbackQueue.push({ outcomes, resolve, reject })
        feeding ??= feedAll().finally(() => {
          feeding = null
        })
      })
    },
    stats: () => ({ recorded, dropped, queued: queue.length }),
    flush,
    async close() {
      stopFlushing()
      await flush()
      await feeding
    },
  }
}

function readRaw({ raw, ...prediction }: RawPrediction): Prediction {
  return { ...prediction, answer: raw === null ? null : readAnswer(raw) }
}
