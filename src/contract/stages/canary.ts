/** The canary stage as people write it. */
import { z } from 'zod'
import { duration, object, percent } from '../resource-parts.ts'
import { durationsRule, isObject, type Loose, type Report, withRule } from '../resource-rules.ts'
import { parsePercentPpm } from '../units.ts'

const canaryStep = z.union([
  percent,
  object({
    weight: percent.meta({ description: "The candidate's share of the traffic." }),
    for: duration.optional().meta({ description: 'The step lasts at least this long.' }),
    'at-most': duration.optional().meta({ description: 'Without enough evidence by then the release holds.' }),
  }),
])

const defaultCanarySteps = ['1%', '5%', '25%', '50%'] as const

const canaryShape = object({
  steps: z
    .array(canaryStep)
    .min(1)
    .max(100)
    .default([...defaultCanarySteps])
    .meta({ description: 'Weights of the candidate, rising; 100% comes by itself after the last one.' }),
  approval: z
    .boolean()
    .default(false)
    .meta({ description: 'Wait for `approve` before the candidate gets all traffic.' }),
  'min-requests': z
    .int()
    .min(1)
    .default(50)
    .meta({ description: 'Requests that the candidate must answer within each step.' }),
  'at-most': duration
    .default('24h')
    .meta({ description: 'Ceiling of each step that names none: past it the release holds.' }),
})

export const canaryStage = withRule(canaryShape, canaryRule).meta({
  id: 'Canary',
  description: 'Ordered steps of weight, each ending on evidence between a floor and a ceiling of time.',
})

const wholePpm = 1_000_000

/** Weights rise from step to step below 100%; a last step of 100% says what happens anyway. */
function canaryRule(canary: Loose, report: Report): void {
  if (!Array.isArray(canary['steps'])) return
  const steps = canary['steps'].map(readStep)
  if (steps[0]?.weightPpm === wholePpm) {
    report(['steps'], 'needs a step below 100%: 100% is the promotion itself', '1%, 5%, 25%, 50%')
    return
  }
  let previousPpm = 0
  for (const [index, step] of steps.entries()) {
    stepRule({ step, index, isLast: index === steps.length - 1, previousPpm, stage: canary }, report)
    if (step.weightPpm !== null && step.weightPpm < wholePpm) previousPpm = step.weightPpm
  }
}

type LooseStep = {
  weightPpm: number | null
  weight: unknown
  floor: unknown
  ceiling: unknown
  keys: readonly string[]
}

function readStep(step: unknown): LooseStep {
  const object = isObject(step) ? step : { weight: step }
  const weight = object['weight']
  return {
    weightPpm: typeof weight === 'string' ? parsePercentPpm(weight) : null,
    weight,
    floor: object['for'],
    ceiling: object['at-most'],
    keys: isObject(step) ? ['weight'] : [],
  }
}

function stepRule(
  at: { step: LooseStep; index: number; isLast: boolean; previousPpm: number; stage: Loose },
  report: Report,
): void {
  const { step, index, isLast, previousPpm, stage } = at
  const path = ['steps', index]
  if (step.weightPpm === wholePpm && isLast) {
    if (step.floor !== undefined || step.ceiling !== undefined) {
      report(
        path,
        'at 100% the candidate is promoted: no step is left to wait in; probation watches it afterwards',
        '100%',
      )
    }
    return
  }
  if (step.weightPpm !== null && (step.weightPpm <= previousPpm || step.weightPpm >= wholePpm)) {
    const above = previousPpm === 0 ? 'above 0%' : `above ${previousPpm / 10_000}%`
    report([...path, ...step.keys], 'weights must rise from step to step', `${above} and below 100%`)
  }
  durationsRule({ path, floor: step.floor, ceiling: step.ceiling ?? stage['at-most'] }, report)
}
