/** A rolling stage as it will run. */
import type { StageResource } from '../../contract/stages/stage.ts'
import type { Amount, RollingPlan } from '../../core/stage-plans.ts'
import { durationMs, percentPpm } from '../quantities.ts'

export function compileRolling(rolling: NonNullable<StageResource['rolling']>): RollingPlan {
  return {
    kind: 'rolling',
    maxSurge: amountOf(rolling['max-surge']),
    maxUnavailable: amountOf(rolling['max-unavailable']),
    minReadyMs: durationMs(rolling['min-ready']),
    progressDeadlineMs: durationMs(rolling['progress-deadline']),
    minRequests: rolling['min-requests'],
  }
}

function amountOf(amount: number | string): Amount {
  return typeof amount === 'number' ? { count: amount } : { ppm: percentPpm(amount) }
}
