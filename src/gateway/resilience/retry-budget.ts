/** How many calls of an endpoint may be repeated: a share of its requests, saved up to a few. */

/** Saved up at most, and at first, so that an endpoint with little traffic can repeat at all. */
const savedMax = 10

export class RetryBudget {
  #saved = savedMax

  onRequest(budgetPpm: number): void {
    this.#saved = Math.min(savedMax, this.#saved + budgetPpm / 1_000_000)
  }

  /** False, and nothing is taken, where the budget is used up. */
  take(): boolean {
    if (this.#saved < 1) return false
    this.#saved -= 1
    return true
  }
}
