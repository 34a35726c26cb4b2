/** A clock that goes when it is told to: tests and simulations live weeks in a moment. */
import type { Clock } from '../../ports/clock.ts'

export interface ManualClock extends Clock {
  advance(ms: number): void
}

export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs
  const timers = new Set<{ intervalMs: number; dueMs: number; run: () => void }>()
  return {
    nowMs: () => nowMs,
    every(intervalMs, run) {
      const timer = { intervalMs, dueMs: nowMs + intervalMs, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (;;) {
        const next = [...timers].filter(timer => timer.dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)[0]
        if (next === undefined) break
        nowMs = next.dueMs
        next.dueMs += next.intervalMs
        next.run()
      }
      nowMs = untilMs
    },
  }
}
