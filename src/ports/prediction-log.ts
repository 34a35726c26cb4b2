/** What was predicted and what became known of it: recorded in batches, off the hot path. */
import type { JoinedOutcome, Outcome, OutcomeReceipt, Prediction, Tail } from '../core/prediction.ts'
import type { Trim } from '../core/retention.ts'

export type AppendedPredictions = {
  /**
   * Those whose id was new, in order: a repeated id changes nothing. Ids and units may be parts of one text for all of them,
   * which whoever keeps one keeps too, unless it is copied.
   */
  fresh: readonly Prediction[]
  /**
   * First what shadows of the batch missed, by shadow: the outcomes that their champions had already. Then outcomes that
   * had come before their prediction: by prediction in the order of the batch, then as they came.
   */
  joined: readonly JoinedOutcome[]
  /** The place of the last of these in the order of commit: whatever a replay up to there tells, these are among it. */
  upToSeq: number
  /** The buffer of the batch, free to be used again; left out where the log keeps it, or had none. */
  read?: PackedPredictions
}

/**
 * Predictions in one buffer, as the packer makes it: cheap to make, to keep and to hand from thread to thread. It is the
 * log's from the append on.
 */
export type PackedPredictions = ArrayBuffer

/** Every outcome that joined its prediction is followed by the same one for each shadow of it, as these were committed. */
export type AppendedOutcomes = {
  receipts: readonly OutcomeReceipt[]
  joined: readonly JoinedOutcome[]
  /** As of predictions. */
  upToSeq: number
}

/** Rejects with `store-failed`. A batch whose append was rejected has left nothing. */
export interface PredictionLog {
  /**
   * Resolves once the batch is committed; a crash before that loses the batch whole. Ids that a gateway made are taken to be
   * new, since it makes none twice, unless the batch comes `again`: whoever hands one over has not been told whether it was kept.
   */
  appendPredictions(
    batch: readonly Prediction[] | PackedPredictions,
    options?: { again?: boolean },
  ): Promise<AppendedPredictions>
  /**
   * Resolves once the batch is on disk: an accepted outcome survives a crash. One receipt per outcome, in order.
   * An outcome whose prediction is unknown waits for it, for `limits.orphanOutcomeMs` at least. One that names a shadow
   * waits in vain: what becomes known belongs to what the caller got.
   */
  appendOutcomes(batch: readonly Outcome[]): Promise<AppendedOutcomes>
  /** Predictions by id or newest first, with their outcomes, oldest first; of either at most the newest `limits.pageMax`. */
  find(query: PredictionQuery): Promise<readonly { prediction: Prediction; outcomes: readonly Outcome[] }[]>
  /**
   * What was committed when this is called, of all these tails, in the order of commit: read batch by batch, predictions
   * before outcomes, it is the same sequence that the appends gave back. For rebuilding evidence. Where it rejects, a replay
   * behind the last batch that was told goes on with what is left.
   */
  replay(query: ReplayQuery, each: (batch: ReplayBatch) => void): Promise<Replayed>
  /**
   * Lets some of the oldest predictions go, with their bodies and outcomes: of those before the first one that stays, and
   * neighbours of it may stay too. Their ids are free then, and so are those of their outcomes. The newest ones always stay.
   */
  trim(trim: Trim): Promise<Trimmed>
  close(): Promise<void>
}

/**
 * Every field given must match. `withPayload`: only predictions whose bodies are kept, and at most the newest
 * `limits.payloadsReadMax` of them, up to `limits.payloadsReadBytesMax` of bodies. Shadows are found like others unless
 * `shadows` is false.
 */
export type PredictionQuery = {
  endpoint?: string
  version?: string
  id?: string
  withPayload?: true
  shadows?: boolean
  limit: number
}

/**
 * `newest`: of all that was committed, of any endpoint, the last so many predictions and outcomes alone. `afterSeq`: only what
 * was committed behind that place.
 */
export type ReplayQuery = { tails: readonly Tail[]; newest?: number; afterSeq?: number }

/** Up to which place it told; and whether nothing of the tails that were asked for has been let go. */
export type Replayed = { upToSeq: number; isWhole: boolean }

/** `isDone`: nothing is left that another call would let go. */
export type Trimmed = { predictions: number; isDone: boolean }

/** Predictions come without their payloads. `upToSeq`: the place of the last of these. */
export type ReplayBatch = { predictions: readonly Prediction[]; joined: readonly JoinedOutcome[]; upToSeq: number }
