/** What an endpoint does about model servers that fail or are full: repeat a call, keep away for a while, let wait, refuse. Pure. */
import type { ErrorCode } from './errors.ts'

export type RetryPolicy = {
  /** Calls for one request, the first among them. */
  attemptsMax: number
  /** Repeated calls, as a share of all requests: where everything fails, repeating makes it worse. */
  budgetPpm: number
  /** A POST may be repeated though the server may have worked on it: the endpoint's models have no side effects. */
  repeatsPosts: boolean
  /** Answers of these statuses count as failures that may be repeated. */
  statuses: readonly number[]
}

/** Where an endpoint says nothing: what was never sent is sent once more, elsewhere if there is an elsewhere. */
export const defaultRetry: RetryPolicy = { attemptsMax: 2, budgetPpm: 200_000, repeatsPosts: false, statuses: [] }

/** Closes a version to traffic while most of its calls fail; the stable version answers in place of a candidate. */
export type BreakerPolicy = {
  /** Of the calls of the last ten seconds. */
  failuresPpm: number
  /** With fewer calls nothing is said. */
  callsMin: number
  /** Then one call is let through to see. */
  openMs: number
}

/** How many requests one version serves at once, and how many wait for how long beyond that. */
export type ConcurrencyPolicy = { perVersionMax: number; queueMax: number; waitMs: number }

/** RFC 9110, 9.2.2: doing it twice means the same as doing it once. */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

/**
 * Whether a call that failed before any of its answer reached the caller may be made again. `backend-unreachable` means
 * that no byte of it was ever sent, so any method may; of what was sent only what may be done twice.
 */
export function mayRepeat(
  policy: RetryPolicy,
  call: { method: string; attempts: number; failure: ErrorCode | number },
): boolean {
  if (call.attempts >= policy.attemptsMax) return false
  if (call.failure === 'backend-unreachable') return true
  if (typeof call.failure === 'number' && !policy.statuses.includes(call.failure)) return false
  if (typeof call.failure === 'string' && call.failure !== 'backend-failed' && call.failure !== 'backend-timeout')
    return false
  return policy.repeatsPosts || idempotentMethods.has(call.method)
}

/** Statuses by which a server, or a proxy before it, says that it cannot work. */
const cannotWork: ReadonlySet<number> = new Set([502, 503, 504])

/** Whether an answer tells that the server is not up to it, as opposed to what it thinks of the request. */
export function tellsOfTrouble(status: number): boolean {
  return cannotWork.has(status)
}

/** Who is refused first when the gateway itself is full: copies, then candidates, then the stable version. */
export const loadShares = { copy: 0.5, candidate: 0.9, stable: 1 } as const
