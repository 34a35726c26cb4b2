/** Guardrails, signals and goals as people write them. */
import { z } from 'zod'
import { margin, name, object } from './resource-parts.ts'
import { checkRule, checksRule, goalRule, goalsRule, withRule } from './resource-rules.ts'

const checkShape = object({
  margin: margin.optional(),
  max: z.number().optional().meta({ description: 'Of an external metric: a greater value is a breach.' }),
  min: z.number().optional().meta({ description: 'Of an external metric: a smaller value is a breach.' }),
  failures: z
    .int()
    .min(1)
    .max(20)
    .default(3)
    .meta({ description: 'Readings of an external metric in a row that make a breach.' }),
  missing: z
    .enum(['insufficient', 'pass'])
    .default('insufficient')
    .meta({ description: 'What a reading of an external metric that does not come means.' }),
  'dry-run': z.boolean().default(false).meta({ description: 'Looked at and told, never acted on.' }),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.01)
    .meta({ description: 'Chance of a false breach, however often one looks.' }),
  'min-events': z
    .int()
    .min(1)
    .default(100)
    .meta({ description: 'Observations that each version needs before the check can pass.' }),
})

const check = withRule(checkShape, checkRule)

export const checks = withRule(z.record(name, check), checksRule)

const goalKeys = {
  'no-worse-than': margin.optional().meta({ description: 'Shown to be worse by less than this.' }),
  improve: z.enum(['increase', 'decrease']).optional().meta({ description: 'Shown to be better, in this direction.' }),
  'minimum-effect': margin
    .optional()
    .meta({ description: 'The improvement one hopes for, by which the sample is planned.' }),
  'min-events': z.int().min(1).default(100).meta({ description: 'Observations that each version needs.' }),
}

const goalShape = object({
  ...goalKeys,
  alpha: z.number().gt(0).lt(0.5).optional().meta({ description: 'By default 0.05 over all goals.' }),
})

/** A stage's own goal: its level is the stage's matter. `missing` tells what to write where there is none. */
export function stageGoal(missing: string) {
  return withRule(object({ metric: name, ...goalKeys }, missing), goalRule)
}

export const goal = withRule(goalShape, goalRule)
export const goals = withRule(z.record(name, goal), goalsRule)
