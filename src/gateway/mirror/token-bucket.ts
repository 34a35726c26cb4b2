/** A rate as tokens that come evenly and are saved up to a tenth of a second's worth, but at least one. */
export class TokenBucket {
  readonly #perMs: number
  readonly #tokensMax: number
  #tokens: number
  #atMs: number

  constructor(ratePerSecond: number, nowMs: number) {
    this.#perMs = ratePerSecond / 1_000
    this.#tokensMax = Math.max(1, ratePerSecond / 10)
    this.#tokens = this.#tokensMax
    this.#atMs = nowMs
  }

  /** Takes a token, or says how long it is until there is one; 0 if it was taken. */
  take(nowMs: number): number {
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + Math.max(0, nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    // What adding up leaves of a whole token is no reason to wait.
    if (this.#tokens < 1 - 1e-9) return (1 - this.#tokens) / this.#perMs
    this.#tokens -= 1
    return 0
  }
}
