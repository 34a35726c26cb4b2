/** The canary stage as people write it. */
import { z } from 'zod'
import { duration, lasting, object, percent } from '../resource-parts.ts'
import { durationsRule, isObject, type Loose, type Report, withRule } from '../resource-rules.ts'
import { parsePercentPpm } from '../units.ts'

const canaryStep = z.union([
  percent,
  object({
    weight: percent.meta({ description: "The candidate's share of the traffic." }),
    for: duration.optional().meta({ description: 'The step lasts at least this long.' }),
    'at-most': lasting.optional().meta({ description: 'Without enough evidence by then the release holds.' }),
    approve: z
      .boolean()
      .optional()
      .meta({ description: 'Once its evidence is in, the step waits for `approve` before the next one.' }),
  }),
])

const pacedReturn = object({
  steps: z
    .array(percent)
    .min(1)
    .max(20)
    .meta({ description: 'Weights of the candidate, falling; 0% comes by itself after the last one.' }),
  every: duration.default('10s').meta({ description: 'How long each of them lasts.' }),
  'on-breach': z
    .enum(['at-once', 'paced'])
    .default('at-once')
    .meta({ description: 'A breached guardrail takes everybody back at once, or in these steps too.' }),
})

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
  'at-most': lasting
    .default('24h')
    .meta({ description: 'Ceiling of each step that names none: past it the release holds.' }),
  control: z.enum(['stable', 'equal']).default('stable').meta({
    description:
      'What the candidate is compared with: all of the stable version, or a fresh fleet of it, as large and with as much traffic as the candidate; then weights go up to 50%.',
  }),
  return: withRule(pacedReturn, returnRule)
    .optional()
    .meta({ description: 'Back in steps when an operator aborts; at once if it is left out.' }),
})

export const canaryStage = withRule(canaryShape, canaryRule).meta({
  id: 'Canary',
  description: 'Ordered steps of weight, each ending on evidence between a floor and a ceiling of time.',
})

const wholePpm = 1_000_000

/** Weights fall from step to step, above 0%. */
function returnRule({ steps }: Loose, report: Report): void {
  if (!Array.isArray(steps)) return
  let previousPpm = wholePpm
  for (const [index, step] of steps.entries()) {
    const ppm = typeof step === 'string' ? parsePercentPpm(step) : null
    if (ppm === null) continue
    if (ppm === 0 || ppm >= previousPpm)
      report(['steps', index], 'weights must fall from step to step', `above 0% and below ${previousPpm / 10_000}%`)
    else previousPpm = ppm
  }
}

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
  if (canary['control'] === 'equal') controlRule(steps, report)
}

/** Candidate and control get the same. */
function controlRule(steps: readonly LooseStep[], report: Report): void {
  for (const [index, { weightPpm, keys }] of steps.entries()) {
    if (weightPpm === null || weightPpm <= wholePpm / 2 || weightPpm === wholePpm) continue
    report(['steps', index, ...keys], 'a control of equal weight leaves the candidate half at most', 'up to 50%')
  }
}

type LooseStep = {
  weightPpm: number | null
  weight: unknown
  floor: unknown
  ceiling: unknown
  approve: unknown
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
    approve: object['approve'],
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
    if (step.floor !== undefined || step.ceiling !== undefined || step.approve !== undefined) {
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
