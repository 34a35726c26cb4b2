/** Circuit breakers, one for each version of an endpoint that declares them. */
import type { BreakerPolicy } from '../../core/resilience.ts'
import type { Clock } from '../../ports/clock.ts'

const windowMs = 10_000

type State = 'closed' | 'open' | 'trying'

export class Breaker {
  readonly #uptime: Clock
  #state: State = 'closed'
  /** Since when the counts are counted, or the circuit is open. */
  #sinceMs: number
  #calls = 0
  #failures = 0
  #openings = 0
  /** The last call that was let through while open; the first is 1. */
  #trial = 0

  constructor(uptime: Clock) {
    this.#uptime = uptime
    this.#sinceMs = uptime.nowMs()
  }

  get openings(): number {
    return this.#openings
  }

  get isOpen(): boolean {
    return this.#state !== 'closed'
  }

  /** Whether a call may be made. Only `begins` uses up the one that an open circuit lets through once its time is over. */
  lets(policy: BreakerPolicy): boolean {
    return this.#state === 'closed' || this.#isTimeOver(policy)
  }

  /** A call is being made: its number if it is to show whether an open circuit may close, 0 if it is like any other. */
  begins(policy: BreakerPolicy): number {
    if (this.#state === 'closed' || !this.#isTimeOver(policy)) return 0
    this.#state = 'trying'
    this.#sinceMs = this.#uptime.nowMs()
    this.#trial += 1
    return this.#trial
  }

  /** One that was let through and never came back must not keep it shut for ever: then another one is. */
  #isTimeOver(policy: BreakerPolicy): boolean {
    return this.#uptime.nowMs() - this.#sinceMs >= policy.openMs
  }

  /** What came of a call, by the number that `begins` gave it. Those from before it opened say nothing of how things are now. */
  heard(policy: BreakerPolicy, ok: boolean, trial = 0): void {
    if (this.#state !== 'closed') {
      if (this.#state === 'open' || trial !== this.#trial) return
      if (ok) this.#close()
      else this.#open()
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
    const nowMs = this.#uptime.nowMs()
    if (nowMs - this.#sinceMs < windowMs) return
    const isStale = nowMs - this.#sinceMs >= 2 * windowMs
    this.#calls = isStale ? 0 : this.#calls / 2
    this.#failures = isStale ? 0 : this.#failures / 2
    this.#sinceMs = nowMs
  }

  #open(): void {
    this.#state = 'open'
    this.#sinceMs = this.#uptime.nowMs()
    this.#openings += 1
  }

  #close(): void {
    this.#state = 'closed'
    this.#sinceMs = this.#uptime.nowMs()
    this.#calls = 0
    this.#failures = 0
  }
}
