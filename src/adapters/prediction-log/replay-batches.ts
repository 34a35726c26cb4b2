import type { JoinedOutcome, Prediction } from '../../core/prediction.ts'
import type { ReplayBatch } from '../../ports/prediction-log.ts'

/**
 * Cuts a sequence of commits into batches that are read predictions first: a new one begins wherever a prediction
 * follows an outcome, so that reading them one after the other is the sequence itself.
 */
export class ReplayBatches {
  readonly batches: ReplayBatch[] = []
  #predictions: Prediction[] = []
  #joined: JoinedOutcome[] = []

  addPrediction(prediction: Prediction): void {
    if (this.batches.length === 0 || this.#joined.length > 0) this.#begin()
    this.#predictions.push(prediction)
  }

  addJoined(joined: JoinedOutcome): void {
    if (this.batches.length === 0) this.#begin()
    this.#joined.push(joined)
  }

  #begin(): void {
    this.#predictions = []
    this.#joined = []
    this.batches.push({ predictions: this.#predictions, joined: this.#joined })
  }
}
