/** Evidence is read again beside everything else that a start takes, and callers are not kept waiting for a long log. */
import type { Logger } from 'pino'
import { after } from '../adapters/clock/after.ts'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ControlState } from '../core/state.ts'
import type { EvidenceFeed } from '../evidence/feed.ts'
import type { Clock } from '../ports/clock.ts'

export type ReadingEvidence = {
  /** When it is whole, or callers have waited long enough for it; rejects where it cannot be read. */
  soon: Promise<void>
  /** What fails from now on fails because the server ends. */
  close(): void
}

export function readEvidence(
  feed: Pick<EvidenceFeed, 'rebuild' | 'goOn'>,
  { state, logger, uptime }: { state: () => ControlState; logger: Logger; uptime: Clock },
): ReadingEvidence {
  const startedMs = uptime.nowMs()
  let stands: 'awaited' | 'late' | 'whole' | 'closed' = 'awaited'
  let pauseMs: number = limits.rebuildRetryMinMs
  let cancelRetry = (): void => {}
  const end = (): void => {
    if (stands === 'late')
      logger.info({ tookMs: uptime.nowMs() - startedMs }, 'all evidence is read again: releases go on')
    if (stands !== 'closed') stands = 'whole'
  }
  const tryAgain = (error: unknown): void => {
    if (stands !== 'late') return
    // A fault of the books: what they have met of the last batch is not known.
    if (!(error instanceof CutoverError)) {
      logger.error({ err: error }, 'evidence could not be read again: its releases stand still until the next start')
      return
    }
    logger.error(
      { err: error, againInMs: pauseMs },
      'evidence could not be read again: its releases stand still; what is left of it is tried again',
    )
    cancelRetry = after(uptime, pauseMs, () => void feed.goOn(state).then(end, tryAgain))
    pauseMs = Math.min(2 * pauseMs, limits.rebuildRetryMaxMs)
  }
  const whole = feed.rebuild(state).then(end, (error: unknown) => {
    if (stands === 'awaited') throw error
    tryAgain(error)
  })
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const cancelWait = after(uptime, limits.rebuildWaitMs, () => {
    if (stands === 'awaited') {
      stands = 'late'
      logger.warn('evidence is still being read again: callers are served, and releases stand still until it is whole')
    }
    resolve()
  })
  const soon = Promise.race([whole, late]).finally(cancelWait)
  // Whoever waits for it is not there yet.
  soon.catch(() => {})
  return {
    soon,
    close() {
      stands = 'closed'
      cancelWait()
      cancelRetry()
      resolve()
    },
  }
}
