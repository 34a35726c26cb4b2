/** When outcomes whose prediction never came are let go. Time is the clock's at the appends: nothing runs by itself. */
import { limits } from '../../core/limits.ts'

/** Appends look for outcomes to let go at most this often. */
const orphanPruneIntervalMs = 60_000

export class OrphanSchedule {
  #prunedAtMs = Number.NEGATIVE_INFINITY

  /** The time of acceptance up to which waiting outcomes go; null if this append need not look. */
  dueBeforeMs(nowMs: number): number | null {
    // A clock that was put back says nothing: they would pile up until it catches up.
    if (nowMs >= this.#prunedAtMs && nowMs - this.#prunedAtMs < orphanPruneIntervalMs) return null
    this.#prunedAtMs = nowMs
    return nowMs - limits.orphanOutcomeMs
  }
}
