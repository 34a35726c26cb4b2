/** A recreate stage as it will run. */
import type { StageResource } from '../../contract/stages/stage.ts'
import type { RecreatePlan } from '../../core/stage-plans.ts'
import { durationMs } from '../quantities.ts'

export function compileRecreate(recreate: NonNullable<StageResource['recreate']>): RecreatePlan {
  return {
    kind: 'recreate',
    holdMs: durationMs(recreate.hold),
    retryAfterMs: durationMs(recreate['retry-after']),
    watchMs: durationMs(recreate.watch),
  }
}
