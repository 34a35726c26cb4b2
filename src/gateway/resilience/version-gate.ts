/** Lets so many requests of a version through at once; the others wait in order, within bounds. */
import type { ConcurrencyPolicy } from '../../core/resilience.ts'

export type Waiter = {
  /** Its turn: it is inside from now on. */
  enter(): void
  /** It has waited as long as it may. */
  expire(): void
}

type Waiting = { waiter: Waiter; timer: NodeJS.Timeout }

export class VersionGate {
  #inside = 0
  readonly #waiting = new Map<Waiter, Waiting>()

  get inside(): number {
    return this.#inside
  }

  get queued(): number {
    return this.#waiting.size
  }

  /** `in`, or `waits` and hears of its turn later, or `full`. */
  ask(policy: ConcurrencyPolicy, waiter: Waiter): 'in' | 'waits' | 'full' {
    if (this.#inside < policy.perVersionMax) {
      this.#inside += 1
      return 'in'
    }
    if (this.#waiting.size >= policy.queueMax) return 'full'
    const timer = setTimeout(() => {
      this.#waiting.delete(waiter)
      waiter.expire()
    }, policy.waitMs)
    this.#waiting.set(waiter, { waiter, timer })
    return 'waits'
  }

  /** One that waits does so no more; false if it did not wait. */
  giveUp(waiter: Waiter): boolean {
    const waiting = this.#waiting.get(waiter)
    if (waiting === undefined) return false
    clearTimeout(waiting.timer)
    return this.#waiting.delete(waiter)
  }

  /** One that was inside is done: the first that waits takes its place. */
  leave(): void {
    const [first] = this.#waiting.values()
    if (first === undefined) {
      this.#inside -= 1
      return
    }
    this.giveUp(first.waiter)
    first.waiter.enter()
  }
}
