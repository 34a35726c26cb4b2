/** From a stage as people write it to one that can run. */
import type { StageResource } from '../../contract/stages/stage.ts'
import type { StagePlan } from '../../core/stage-plans.ts'
import { compileAbTest } from './ab-test.ts'
import { compileBandit } from './bandit.ts'
import { compileBlueGreen } from './blue-green.ts'
import { compileCanary } from './canary.ts'
import { compileRecreate } from './recreate.ts'
import { compileRolling } from './rolling.ts'
import { compileShadow } from './shadow.ts'

/** `release` is the one that the stage belongs to: its candidate is a stage's by default. */
export function compileStage(stage: StageResource, release: { to: string }): StagePlan {
  if (stage.blueGreen !== undefined) return compileBlueGreen(stage.blueGreen)
  if (stage.canary !== undefined) return compileCanary(stage.canary)
  if (stage.recreate !== undefined) return compileRecreate(stage.recreate)
  if (stage.rolling !== undefined) return compileRolling(stage.rolling)
  if (stage.abTest !== undefined) return compileAbTest(stage.abTest, release)
  if (stage.shadow !== undefined) return compileShadow(stage.shadow, release)
  if (stage.bandit !== undefined) return compileBandit(stage.bandit)
  throw new Error('a stage without a strategy passed the contract')
}
