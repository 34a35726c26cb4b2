/** How many calls of an endpoint may be repeated: a share of its requests, saved up to a few. */

import { type Share, someOf, wholeShare } from '../../core/share.ts'

/** Saved up at most, and at first, so that an endpoint with little traffic can repeat at all. */
const savedMax = 10

export class RetryBudget {
  readonly #savedMax: number
  #saved: number

  constructor(share: Share = wholeShare) {
    this.#savedMax = someOf(savedMax, share)
    this.#saved = this.#savedMax
  }

  onRequest(budgetPpm: number): void {
    this.#saved = Math.min(this.#savedMax, this.#saved + budgetPpm / 1_000_000)
  }

  /** False, and nothing is taken, where the budget is used up. */
  take(): boolean {
    if (this.#saved < 1) return false
    this.#saved -= 1
    return true
  }
}
