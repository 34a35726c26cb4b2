/**
 * Metrics that are kept by unit although their endpoint counts rows: the goals of A/B tests, whose versions are given to units.
 * They exist while their release runs, beside what the endpoint declares.
 */
import type { GoalCheck } from '../metric-check.ts'
import type { StagePlan } from '../stage-plans.ts'
import { canBeByUnit, type MetricSpec } from './spec.ts'

/** The goal by unit, where the metric can be and does not say that it is not to be. */
export function byUnit(goal: GoalCheck, metrics: Readonly<Record<string, MetricSpec>>): GoalCheck {
  const spec = metrics[goal.metric]
  const { measure } = goal
  if (spec === undefined || spec.unitLevel !== undefined || !canBeByUnit(spec)) return goal
  if (measure.kind !== 'metric' && measure.kind !== 'accuracy') return goal
  const scale = measure.kind === 'metric' ? measure.scale : 'absolute'
  const evidence = `${goal.metric} by unit`
  return { ...goal, measure: { kind: 'metric', spec: { ...spec, unitLevel: true }, scale, evidence } }
}

/** What the stages of a release need besides the metrics of the endpoint, by the name of its evidence. */
export function unitMetricsOf(stages: readonly StagePlan[]): Record<string, MetricSpec> {
  const found = stages.flatMap(stage => {
    if (stage.kind !== 'abTest' || stage.goal.measure.kind !== 'metric') return []
    const { evidence, spec } = stage.goal.measure
    return evidence === undefined ? [] : [[evidence, spec] as const]
  })
  return Object.fromEntries(found)
}
