/**
 * Requests of an endpoint that has no version for a while: the old one has been told to end and the new one does not run
 * yet. They are refused with a time to come back at, or wait in order until the table says that the gap is over.
 */
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { type Share, someOf } from '../core/share.ts'
import type { Gap } from '../core/traffic.ts'
import type { Clock } from '../ports/clock.ts'
import { type Deadline, remainingMs } from './deadline.ts'
import { ComeBackError } from './errors.ts'
import type { Outbound } from './inbound.ts'
import { callerLeft } from './request-body.ts'

export type HeldRequests = {
  /**
   * Resolves when the gap is over. Rejects with `between-versions` past the bounds of the gap, `backend-timeout` past the
   * caller's deadline, client-closed if the caller leaves.
   */
  wait(request: Request): Promise<void>
  /** The gap is over: all that wait go on, the first to come first. */
  release(endpoint: string): void
  read(): { endpoint: string; count: number }[]
}

type Request = { endpoint: string; gap: Gap; outbound: Outbound; deadline: Deadline | null }

type Held = { goOn: () => void }

export function createHeldRequests(clock: Clock, share: Share): HeldRequests {
  const heldMax = someOf(limits.heldRequestsMax, share)
  const held = new Map<string, Set<Held>>()
  return {
    wait: async request => {
      const { endpoint, gap } = request
      const waiting = held.get(endpoint) ?? new Set<Held>()
      held.set(endpoint, waiting)
      if (gap.holdMs === 0) throw comeBack(endpoint, gap)
      if (waiting.size >= heldMax) throw comeBack(endpoint, gap, `${waiting.size} requests wait already`)
      await waitIn(waiting, request, clock)
    },
    release: endpoint => {
      const waiting = held.get(endpoint)
      held.delete(endpoint)
      for (const { goOn } of waiting ?? []) goOn()
    },
    read: () => [...held].map(([endpoint, waiting]) => ({ endpoint, count: waiting.size })),
  }
}

async function waitIn(waiting: Set<Held>, { endpoint, gap, outbound, deadline }: Request, clock: Clock): Promise<void> {
  const { promise, resolve: goOn, reject } = Promise.withResolvers<void>()
  const leave = () => reject(callerLeft())
  const leftMs = deadline === null ? Number.POSITIVE_INFINITY : remainingMs(deadline)
  const cancel =
    leftMs < gap.holdMs
      ? clock.every(leftMs, () => reject(outOfTime(endpoint)))
      : clock.every(gap.holdMs, () => reject(comeBack(endpoint, gap, `it was held for ${gap.holdMs / 1000} s`)))
  const entry = { goOn }
  waiting.add(entry)
  outbound.watch({ onAnswerDrain: () => {}, onAnswerClosed: leave })
  try {
    await promise
  } finally {
    cancel()
    waiting.delete(entry)
  }
}

function outOfTime(endpoint: string): CutoverError {
  return new CutoverError(
    'backend-timeout',
    `endpoint ${endpoint} was between two versions until the caller's time was over`,
  )
}

function comeBack(endpoint: string, { retryAfterMs }: Gap, why?: string): ComeBackError {
  const detail = `endpoint ${endpoint} is between two versions${why === undefined ? '' : `: ${why}`}; come back later`
  return new ComeBackError('between-versions', detail, retryAfterMs)
}
