import type { Clock } from '../../ports/clock.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs)
    return () => clearInterval(timer)
  },
}
