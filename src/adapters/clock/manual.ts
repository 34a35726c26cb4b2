import type { Clock } from '../../ports/clock.ts'

/** A clock that moves only when it is told to. */
export interface ManualClock extends Clock {
  /** Lets time pass and runs what falls due, in the order of time; each run sees the time at which it was due. */
  advance(durationMs: number): void
}

type Timer = { dueMs: number; intervalMs: number; run: () => void }

/** Throws if an interval is not above zero: time would never pass it. */
export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs
  const timers = new Set<Timer>()
  return {
    nowMs: () => nowMs,
    every: (intervalMs, run) => {
      if (!(intervalMs > 0)) throw new Error(`an interval must be above 0 ms, not ${intervalMs}`)
      const timer = { dueMs: nowMs + intervalMs, intervalMs, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance: durationMs => {
      const untilMs = nowMs + durationMs
      for (let timer = nextDue(timers, untilMs); timer !== null; timer = nextDue(timers, untilMs)) {
        nowMs = timer.dueMs
        timer.dueMs += timer.intervalMs
        timer.run()
      }
      nowMs = untilMs
    },
  }
}

/** The earliest of those due by then; of several at one time the one that was made first. */
function nextDue(timers: ReadonlySet<Timer>, untilMs: number): Timer | null {
  let next: Timer | null = null
  for (const timer of timers) {
    if (timer.dueMs <= untilMs && (next === null || timer.dueMs < next.dueMs)) next = timer
  }
  return next
}
