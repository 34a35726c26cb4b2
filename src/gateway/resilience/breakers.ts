/** Circuit breakers, one for each version of an endpoint that declares them. */
import type { BreakerPolicy } from '../../core/resilience.ts'
import type { Clock } from '../../ports/clock.ts'

const windowMs = 10_000

type State = 'closed' | 'open' | 'trying'

export class Breaker {
  readonly #clock: Clock
  #state: State = 'closed'
  /** Since when the counts are counted, or the circuit is open. */
  #sinceMs: number
  #calls = 0
  #failures = 0
  #openings = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sinceMs = clock.nowMs()
  }

  get openings(): number {
    return this.#openings
  }

  get isOpen(): boolean {
    return this.#state !== 'closed'
  }

  /** Whether a call may be made. An open circuit lets one through once its time is over, and waits for what comes of it. */
  lets(policy: BreakerPolicy): boolean {
    if (this.#state === 'closed') return true
    // One that was let through and never came back must not keep it shut for ever.
    if (this.#clock.nowMs() - this.#sinceMs < policy.openMs) return false
    this.#state = 'trying'
    this.#sinceMs = this.#clock.nowMs()
    return true
  }

  heard(policy: BreakerPolicy, ok: boolean): void {
    if (this.#state !== 'closed') {
      if (ok) this.#close()
      else if (this.#state === 'trying') this.#open()
      return
    }
    this.#forgetOld()
    this.#calls += 1
    if (!ok) this.#failures += 1
    const isTelling = this.#calls >= policy.callsMin
    if (isTelling && this.#failures * 1_000_000 >= policy.failuresPpm * this.#calls) this.#open()
  }

  /** Half of what is older than the window, so that the counts follow the traffic without a list of calls. */
  #forgetOld(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#sinceMs < windowMs) return
    const isStale = nowMs - this.#sinceMs >= 2 * windowMs
    this.#calls = isStale ? 0 : this.#calls / 2
    this.#failures = isStale ? 0 : this.#failures / 2
    this.#sinceMs = nowMs
  }

  #open(): void {
    this.#state = 'open'
    this.#sinceMs = this.#clock.nowMs()
    this.#openings += 1
  }

  #close(): void {
    this.#state = 'closed'
    this.#sinceMs = this.#clock.nowMs()
    this.#calls = 0
    this.#failures = 0
  }
}
