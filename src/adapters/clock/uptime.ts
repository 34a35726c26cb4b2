import { performance } from 'node:perf_hooks'
import type { Clock } from '../../ports/clock.ts'
import { systemClock } from './system.ts'

const { timeOrigin } = performance

/** Measures durations: unlike the machine's clock it never jumps. */
export const uptimeClock: Clock = {
  nowMs: () => timeOrigin + performance.now(),
  every: systemClock.every,
}
