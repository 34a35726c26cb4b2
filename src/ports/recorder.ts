/** Takes predictions off the hot path. */

import type { AnswerRule, Protocol } from '../core/endpoint.ts'
import type { Outcome, OutcomeReceipt, Prediction } from '../core/prediction.ts'

/** A prediction whose answer is still bytes: it is read off the path. */
export type RawPrediction = Omit<Prediction, 'answer' | 'scores' | 'features'> & {
  /** The answer's body and how to read the predicted value from it; null where the endpoint does not say or it was too long. */
  raw: { body: Uint8Array; contentType: string; rule: AnswerRule; protocol: Protocol } | null
}

export interface Recorder {
  /** Never waits, never throws; when the queue is full the prediction is dropped and counted. */
  record(prediction: RawPrediction): void
  /** Resolves when the outcomes are on disk. */
  feedback(outcomes: readonly Outcome[]): Promise<readonly OutcomeReceipt[]>
  stats(): { recorded: number; dropped: number; queued: number }
}
