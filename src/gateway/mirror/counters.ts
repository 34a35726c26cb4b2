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

type Counts = { answered: number; failed: number; dropped: Record<DropReason, number> }

export class CopyCounters {
  readonly #endpoints = new Map<string, Map<string, Counts>>()

  /** Counts for these challengers too, and for none but versions that the endpoint has. */
  sync(endpoint: string, versions: readonly string[], challengers: readonly string[]): void {
    const known = this.#endpoints.get(endpoint)
    if (known === undefined && challengers.length === 0) return
    const kept = versions.flatMap(version => {
      const counts = known?.get(version) ?? (challengers.includes(version) ? zeros() : undefined)
      return counts === undefined ? [] : [[version, counts] as const]
    })
    this.#endpoints.set(endpoint, new Map(kept))
  }

  forget(endpoint: string): void {
    this.#endpoints.delete(endpoint)
  }

  answered(endpoint: string, version: string, failed: boolean): void {
    const counts = this.#endpoints.get(endpoint)?.get(version)
    if (counts !== undefined) counts[failed ? 'failed' : 'answered'] += 1
  }

  dropped(endpoint: string, version: string, reason: DropReason): void {
    const counts = this.#endpoints.get(endpoint)?.get(version)
    if (counts !== undefined) counts.dropped[reason] += 1
  }

  read(): CopyCounts[] {
    return [...this.#endpoints].flatMap(([endpoint, versions]) =>
      [...versions].map(([version, { answered, failed, dropped }]) => ({
        endpoint,
        version,
        answered,
        failed,
        dropped: { ...dropped },
      })),
    )
  }
}

function zeros(): Counts {
  const dropped = Object.fromEntries(dropReasons.map(reason => [reason, 0])) as Record<DropReason, number>
  return { answered: 0, failed: 0, dropped }
}
