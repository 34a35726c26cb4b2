/** Takes predictions off the hot path. */

import type { AnswerBytes, ReadAnswer } from '../core/answer.ts'
import type { FeatureSpecs, ReadFeatures } from '../core/features.ts'
import type { Outcome, OutcomeReceipt, Prediction } from '../core/prediction.ts'

/** A prediction whose answer is still bytes: it is read off the path. */
export type RawPrediction = Omit<Prediction, 'answer' | 'scores' | 'features'> & {
  /** The gateway made the id, so that no other prediction has it; left out of what is a caller's, or made of one. */
  madeId?: boolean
  /** The answer's body and how to read the predicted value from it; null where the endpoint does not say or it was too long. */
  raw: AnswerBytes | null
  /** The answer as it was read while it passed, in place of `raw`. */
  answered?: ReadAnswer
  /** What is read of the request in `payload`; left out where the endpoint declares no features. */
  asked?: AskedFeatures
  /** The features as they were read already, to choose the version. */
  read?: ReadFeatures
}

/** How the body of a request is to be read. */
export type AskedFeatures = {
  features: FeatureSpecs
  /** Of the body: `identity` if it has none. */
  encoding: string
  /** Length of the JSON in front of binary tensors (`Inference-Header-Content-Length`); null without them. */
  jsonBytes: number | null
}

export interface Recorder {
  /** Never waits, never throws; when the queue is full the prediction is dropped and counted. */
  record(prediction: RawPrediction): void
  /** Resolves when the outcomes are on disk. */
  feedback(outcomes: readonly Outcome[]): Promise<readonly OutcomeReceipt[]>
  stats(): RecorderStats
}

export type RecorderStats = {
  recorded: number
  dropped: number
  queued: number
  /** Requests whose declared features could not be read, or not all of them. */
  featuresMalformed: number
}
