import type { Clock } from '../../../../ports/clock.ts'
import { after } from '../../../clock/after.ts'

/** What is due within this time is looked at together. */
const restMs = 5

/** One timer for all deadlines of a pool: it rings no later than the earliest of them, and then asks when to ring next. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: (nowMs: number) => number
  #atMs = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}

  /** `ring` looks after what is due and returns when the next is, Infinity for never. */
  constructor(clock: Clock, ring: (nowMs: number) => number) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings by then. Deadlines that are given up cost nothing: it rings and finds nothing due. */
  by(dueMs: number): void {
    if (dueMs >= this.#atMs) return
    this.#cancel()
    this.#atMs = dueMs
    this.#cancel = after(this.#clock, Math.ceil(dueMs - this.#clock.nowMs()), () => this.#rang())
  }

  stop(): void {
    this.#cancel()
    this.#atMs = Number.POSITIVE_INFINITY
  }

  #rang(): void {
    this.#atMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.nowMs()
    this.by(Math.max(this.#ring(nowMs), nowMs + restMs))
  }
}
