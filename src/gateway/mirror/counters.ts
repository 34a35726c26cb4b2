/** What became of copies, by challenger. Labels come from configuration and from the reasons below: their number is bounded. */

/**
 * `queue-full`, `memory-full` and `body-too-large`: over the budget. `expired`: waited longer than an answer may take.
 * `incomplete`: the caller left, or its request did not come to its end. `stopped`: the mirror ended first.
 * `starting`: the challenger has not come up since the server did, as every version does not at first. `overloaded`: the
 * process had no room for more than its callers.
 */
export const dropReasons = [
  'queue-full',
  'memory-full',
  'body-too-large',
  'expired',
  'incomplete',
  'stopped',
  'starting',
  'overloaded',
] as const
export type DropReason = (typeof dropReasons)[number]

export type CopyCounts = {
  endpoint: string
  /** The challenger. */
  version: string
  /** Answered by the challenger, whatever with; failed as a caller's request fails. */
  answered: number
  failed: number
  dropped: Readonly<Record<DropReason, number>>
}

export type MirrorStats = CopyCounts & { queued: number; inFlight: number }

export class CopyCounters {
  #answered = 0
  #failed = 0
  readonly #dropped = Object.fromEntries(dropReasons.map(reason => [reason, 0])) as Record<DropReason, number>

  answered(failed: boolean): void {
    if (failed) this.#failed += 1
    else this.#answered += 1
  }

  dropped(reason: DropReason): void {
    this.#dropped[reason] += 1
  }

  read(): Pick<CopyCounts, 'answered' | 'failed' | 'dropped'> {
    return { answered: this.#answered, failed: this.#failed, dropped: { ...this.#dropped } }
  }
}
