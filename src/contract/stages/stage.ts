/** One strategy with its parameters. */
import type { z } from 'zod'
import { flagGate } from '../flags/gates.ts'
import { object } from '../resource-parts.ts'
import { stageRule, withRule } from '../resource-rules.ts'
import { abTestStage } from './ab-test.ts'
import { banditStage } from './bandit.ts'
import { blueGreenStage } from './blue-green.ts'
import { canaryStage } from './canary.ts'
import { recreateStage } from './recreate.ts'
import { rollingStage } from './rolling.ts'
import { shadowStage } from './shadow.ts'

const stageShape = object({
  recreate: recreateStage.optional(),
  rolling: rollingStage.optional(),
  blueGreen: blueGreenStage.optional(),
  canary: canaryStage.optional(),
  shadow: shadowStage.optional(),
  abTest: abTestStage.optional(),
  bandit: banditStage.optional(),
  flag: flagGate
    .optional()
    .meta({ description: 'The stage begins once this flag is on, and stands still while it is off.' }),
})

export const stage = withRule(stageShape, stageRule).meta({
  id: 'Stage',
  description: 'One strategy with its parameters, and the flag that it waits for.',
  minProperties: 1,
  maxProperties: 2,
})

export type StageResource = z.infer<typeof stage>
