import type { Clock } from '../../ports/clock.ts'

/** The machine's clock. Its timers keep no process alive: only listeners do. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  every: (intervalMs, run) => {
    const timer = setInterval(run, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}
