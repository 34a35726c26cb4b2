/** What was predicted and what became known of it: recorded in batches, off the hot path. */
import type { JoinedOutcome, Outcome, OutcomeReceipt, Prediction } from '../core/prediction.ts'

/** A prediction as the gateway hands it over: the answer not read yet. */
export type AppendedPredictions = {
  /** Those whose id was new, in order: a repeated id changes nothing. */
  fresh: readonly Prediction[]
  /** Outcomes that had come before their prediction. */
  joined: readonly JoinedOutcome[]
}

export type AppendedOutcomes = { receipts: readonly OutcomeReceipt[]; joined: readonly JoinedOutcome[] }

export interface PredictionLog {
  /** Resolves once the batch is committed; a crash before that loses the batch whole. */
  appendPredictions(batch: readonly Prediction[]): Promise<AppendedPredictions>
  /** Resolves once the batch is on disk: an accepted outcome survives a crash. One receipt per outcome, in order. */
  appendOutcomes(batch: readonly Outcome[]): Promise<AppendedOutcomes>
  /** Predictions by id or newest first, with their outcomes. */
  find(query: PredictionQuery): Promise<readonly { prediction: Prediction; outcomes: readonly Outcome[] }[]>
  /** Every prediction of an endpoint from an epoch on, in the order they were committed, in batches. For rebuilding evidence. */
  replay(query: { endpoint: string; fromEpoch: number }, each: (batch: ReplayBatch) => void): Promise<void>
  close(): Promise<void>
}

export type PredictionQuery = { endpoint?: string; version?: string; id?: string; limit: number }

export type ReplayBatch = { predictions: readonly Prediction[]; joined: readonly JoinedOutcome[] }
