/** How many requests a thread is given at once, and how long they wait for others. Pure: the time is an input. */
import type { BatchPlan } from './worker-messages.ts'

/** What a thread was given cannot be taken back, so it is given about so much work ahead. */
const aheadMs = 2
/** One that runs and one that waits: the thread need not wait for the main thread. */
const insideMin = 2
const insideMost = 64
/** Weight of the newest answers in what a request takes. */
const freshness = 0.2

/** How many requests may be inside a thread: few if they take long, so that those given up are not run all the same. */
export class Pace {
  readonly #batch: BatchPlan | null
  #requestMs: number | null = null

  constructor(batch: BatchPlan | null) {
    this.#batch = batch
  }

  /** The thread worked so long for so many answers. */
  note(answers: number, busyMs: number): void {
    if (answers === 0) return
    const newMs = busyMs / answers
    this.#requestMs = this.#requestMs === null ? newMs : this.#requestMs + freshness * (newMs - this.#requestMs)
  }

  /** With batches one that runs and one that fills up. */
  get insideMax(): number {
    if (this.#batch !== null) return 2 * this.#batch.rowsMax
    if (this.#requestMs === null) return insideMin
    return Math.min(insideMost, Math.max(insideMin, Math.floor(aheadMs / this.#requestMs)))
  }
}

/** `lastMs`: when one of them has to go at the latest, since its caller waits no longer. */
type Waiting = { count: number; oldestMs: number; lastMs?: number }

/**
 * How much longer the oldest of the waiting requests is to wait for others: not at all without `waitMs` or once there are
 * enough for a batch. Requests are counted, not rows, which only the thread knows: those of several rows wait no longer
 * than `waitMs` either.
 */
export function holdMs(batch: BatchPlan | null, waiting: Waiting, nowMs: number): number {
  if (batch === null || waiting.count >= batch.rowsMax) return 0
  const { oldestMs, lastMs = Number.POSITIVE_INFINITY } = waiting
  return Math.max(0, Math.min(oldestMs + batch.waitMs, lastMs) - nowMs)
}
