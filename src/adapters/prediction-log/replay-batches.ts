import type { JoinedOutcome, Prediction } from '../../core/prediction.ts'
import type { ReplayBatch } from '../../ports/prediction-log.ts'

type Batch = { predictions: Prediction[]; joined: JoinedOutcome[]; upToSeq: number }

/**
 * Cuts a sequence of commits into batches that are read predictions first: a new one begins wherever a prediction
 * follows an outcome, so that reading them one after the other is the sequence itself.
 */
export class ReplayBatches {
  readonly #batches: Batch[] = []
  #last: Batch | null = null

  get batches(): readonly ReplayBatch[] {
    return this.#batches
  }

  addPrediction(prediction: Prediction, seq: number): void {
    const batch = this.#last === null || this.#last.joined.length > 0 ? this.#begun() : this.#last
    batch.predictions.push(prediction)
    batch.upToSeq = seq
  }

  addJoined(joined: JoinedOutcome, seq: number): void {
    const batch = this.#last ?? this.#begun()
    batch.joined.push(joined)
    batch.upToSeq = seq
  }

  #begun(): Batch {
    this.#last = { predictions: [], joined: [], upToSeq: 0 }
    this.#batches.push(this.#last)
    return this.#last
  }
}
