import { limits } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'

/** Calls `run` once after `delayMs`, however long, unless the returned function is called before. */
export function after(clock: Clock, delayMs: number, run: () => void): () => void {
  const waitMs = Math.min(Math.max(1, delayMs), limits.timerMsMax)
  let cancel = clock.every(waitMs, () => {
    cancel()
    if (delayMs > waitMs) cancel = after(clock, delayMs - waitMs, run)
    else run()
  })
  return () => cancel()
}
