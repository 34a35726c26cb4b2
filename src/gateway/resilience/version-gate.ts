/** Lets so many requests of a version through at once; the others wait in order, within bounds. */
import type { ConcurrencyPolicy } from '../../core/resilience.ts'

export type Waiter = {
  /** Its turn: it is inside from now on. */
  enter(): void
  /** It has waited as long as it may: for all of the policy's `wait`, or until its own time was over. */
  expire(outOf: 'wait' | 'time'): void
}

type Waiting = { waiter: Waiter; timer: NodeJS.Timeout }

export class VersionGate {
  #inside = 0
  /** By the present policy. */
  #insideMax = Number.POSITIVE_INFINITY
  #isLettingIn = false
  readonly #waiting = new Map<Waiter, Waiting>()

  get inside(): number {
    return this.#inside
  }

  get queued(): number {
    return this.#waiting.size
  }

  /** `in`, or `waits` and hears of its turn later, for `leftMs` at most, or `full`. Nobody overtakes one that waits. */
  ask(policy: ConcurrencyPolicy, waiter: Waiter, leftMs = Number.POSITIVE_INFINITY): 'in' | 'waits' | 'full' {
    this.follow(policy)
    if (this.#waiting.size === 0 && this.#inside < policy.perVersionMax) {
      this.#inside += 1
      return 'in'
    }
    if (this.#waiting.size >= policy.queueMax) return 'full'
    const { waitMs } = policy
    const expire = () => {
      this.#waiting.delete(waiter)
      waiter.expire(leftMs < waitMs ? 'time' : 'wait')
    }
    this.#waiting.set(waiter, { waiter, timer: setTimeout(expire, Math.min(waitMs, leftMs)) })
    return 'waits'
  }

  /**
   * From now on this policy holds; undefined for no bound. Where it has room for more, those that wait go in, and where it has
   * less, nobody does until enough have left. Who waits already does so for as long as the policy said when it came.
   */
  follow(policy: ConcurrencyPolicy | undefined): void {
    const insideMax = policy?.perVersionMax ?? Number.POSITIVE_INFINITY
    if (insideMax === this.#insideMax) return
    this.#insideMax = insideMax
    this.#letIn()
  }

  /** One that waits does so no more; false if it did not wait. */
  giveUp(waiter: Waiter): boolean {
    const waiting = this.#waiting.get(waiter)
    if (waiting === undefined) return false
    clearTimeout(waiting.timer)
    return this.#waiting.delete(waiter)
  }

  /** One that was inside is done. */
  leave(): void {
    this.#inside -= 1
    this.#letIn()
  }

  /**
   * The first that wait, as far as there is room. Who enters may fail and leave within its own call: that is left to the
   * loop that let it in, or a long queue of such would be a stack as deep.
   */
  #letIn(): void {
    if (this.#isLettingIn || this.#waiting.size === 0) return
    this.#isLettingIn = true
    try {
      for (const { waiter } of this.#waiting.values()) {
        if (this.#inside >= this.#insideMax) return
        this.#inside += 1
        this.giveUp(waiter)
        waiter.enter()
      }
    } finally {
      this.#isLettingIn = false
    }
  }
}
