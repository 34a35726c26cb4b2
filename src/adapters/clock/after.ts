import type { Clock } from '../../ports/clock.ts'

/** Calls `run` once after `delayMs`, unless the returned function is called before. */
export function after(clock: Clock, delayMs: number, run: () => void): () => void {
  const cancel = clock.every(Math.max(1, delayMs), () => {
    cancel()
    run()
  })
  return cancel
}
