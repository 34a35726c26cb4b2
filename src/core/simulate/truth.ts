/** What is true of a version in a scenario, by the checks of a plan: what a decision is right or wrong by. */
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import { isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import type { ReleasePlan } from '../plan.ts'
import { macroF1, valueOfShares } from './class-sums.ts'
import { drawOf } from './metric-sums.ts'
import type { Behaviour, MetricDraw, Scenario } from './scenario.ts'
import { lognormalMean, lognormalQuantile } from './values.ts'

/**
 * `worse`: some harm is greater than its margin. `within`: some harm, none of it over its margin. `fine`: no harm in
 * anything that is checked. `better`: fine, and it has what a goal asks for.
 */
export type Truth = 'worse' | 'within' | 'fine' | 'better'

export type TrueHarm = { metric: string; harm: number; margin: number }

export function truthOf(
  plan: ReleasePlan,
  scenario: Scenario,
  version: string,
): { truth: Truth; harms: readonly TrueHarm[] } {
  const stable = scenario.versions[plan.from]
  const candidate = scenario.versions[version]
  if (stable === undefined || candidate === undefined) throw new Error(`the scenario says nothing of ${version}`)
  const goals = goalsOf(plan)
  const harmsOf = (checks: readonly MetricCheck[]) =>
    checks.flatMap((check): TrueHarm[] => {
      const harm = trueHarm(check, candidate, stable)
      return harm === null ? [] : [{ metric: check.metric, harm, margin: check.margin }]
    })
  const harms = harmsOf([...plan.guardrails, ...goals])
  const gains = harmsOf(goals.filter(({ goal }) => goal.kind === 'improve'))
  return { truth: truthBy(harms, gains), harms }
}

function truthBy(harms: readonly TrueHarm[], gains: readonly TrueHarm[]): Truth {
  if (harms.some(({ harm, margin }) => harm > margin + rounding)) return 'worse'
  if (harms.some(({ harm }) => harm > rounding)) return 'within'
  return gains.length > 0 && gains.every(({ harm }) => harm < -rounding) ? 'better' : 'fine'
}

const rounding = 1e-12

/** Those of the release and of its tests; what a bandit earns is one too. */
function goalsOf({ goals = [], stages }: ReleasePlan): GoalCheck[] {
  const staged = stages.flatMap(stage => {
    if (stage.kind === 'abTest') return [stage.goal]
    return stage.kind === 'shadow' && stage.goal !== null ? [stage.goal] : []
  })
  return [...goals, ...staged]
}

/** Greater is worse, as in the judge; null where the scenario does not say. */
export function trueHarm({ metric, measure }: MetricCheck, candidate: Behaviour, stable: Behaviour): number | null {
  switch (measure.kind) {
    case 'error-rate':
      return candidate.errorRate - stable.errorRate
    case 'latency':
      return (
        lognormalQuantile(candidate.latency, measure.quantile) / lognormalQuantile(stable.latency, measure.quantile) - 1
      )
    case 'accuracy':
      return candidate.accuracy === null || stable.accuracy === null ? null : stable.accuracy - candidate.accuracy
    case 'metric': {
      const { spec, scale } = measure
      const [theirs, ours] = [trueValue(metric, spec, candidate), trueValue(metric, spec, stable)]
      if (theirs === null || ours === null) return null
      const harm = isHigherBetter(spec) ? ours - theirs : theirs - ours
      return scale === 'relative' || spec.type === 'quantile' ? harm / Math.abs(ours) : harm
    }
    default:
      return null
  }
}

function trueValue(metric: string, spec: MetricSpec, own: Behaviour): number | null {
  const draw = drawOf({ metric, spec }, own)
  return draw === null ? null : valueOfDraw(spec, draw)
}

function valueOfDraw(spec: MetricSpec, draw: MetricDraw): number {
  switch (draw.kind) {
    case 'rate':
      return draw.rate
    case 'value':
      return spec.type === 'rmse' ? Math.sqrt(Math.max(0, draw.mean)) : draw.mean
    case 'quantile':
      return spec.type === 'quantile' ? lognormalQuantile(draw.values, spec.quantile) : lognormalMean(draw.values)
    case 'ratio':
      return draw.of.mean / draw.per.mean
    case 'shares':
      return valueOfShares(spec, draw)
    case 'scores':
      return draw.auc
    case 'confusion':
      return macroF1(draw.shares)
  }
}
