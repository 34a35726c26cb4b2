/** What the gateway's thread asks of the thread that owns the database. */
import type { Outcome, Prediction, Tail } from '../../core/prediction.ts'
import type { Trim } from '../../core/retention.ts'
import type { PackedPredictions, PredictionQuery, ReplayBatch, Trimmed } from '../../ports/prediction-log.ts'
import type { StorePlace } from '../stores/store-place.ts'
import type { AppendedRows, JoinRow, OutcomeRow } from './outcome-rows.ts'
import type { CallRequest } from './worker-calls.ts'

export type StoreCalls = {
  appendPredictions: {
    /** `again`: it may be there. */
    input: { packed: PackedPredictions; nowMs: number; again?: boolean }
    /** `repeated` holds the places in the batch of those whose id was known; `read` is the buffer that was sent. */
    output: { repeated: readonly number[]; joined: readonly JoinedRow[]; upToSeq: number; read: PackedPredictions }
  }
  appendOutcomes: { input: { rows: readonly OutcomeRow[]; nowMs: number }; output: AppendedRows }
  find: {
    input: PredictionQuery
    output: readonly { prediction: Prediction; outcomes: readonly Outcome[] }[]
  }
  /** `isWhole`: nothing of these tails has been let go. */
  replayRange: { input: readonly Tail[]; output: SeqRange & { isWhole: boolean } }
  replayWindow: { input: { tails: readonly Tail[]; window: SeqRange }; output: readonly ReplayBatch[] }
  trim: { input: Trim; output: Trimmed }
  close: { input: null; output: null }
}

/** An outcome that the caller no longer holds, with its join. */
export type JoinedRow = { outcome: OutcomeRow; join: JoinRow }

export type StoreMethod = keyof StoreCalls

/** Commits with a number greater than `afterSeq`, up to `upToSeq` and with it. */
export type SeqRange = { afterSeq: number; upToSeq: number }

export type StoreRequest<M extends StoreMethod = StoreMethod> = CallRequest<StoreCalls, M>

/** What the store's thread is told at its start; `name` is for messages. */
export type StoreThreadData = { name: string; place: StorePlace }
