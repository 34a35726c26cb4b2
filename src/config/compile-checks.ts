/** Guardrails, signals and goals as the judge runs them. */
import { errorRateName, latencyQuantileOf } from '../contract/metric-names.ts'
import type { ReleaseResource } from '../contract/resources.ts'
import type { GoalCheck, Measure, MetricCheck } from '../core/metric-check.ts'
import { marginFraction } from './quantities.ts'

type CheckResource = ReleaseResource['guardrails'][string]

/** What a check of this name compares. A name that is not built in is a metric that the endpoint must declare. */
export function measureOf(name: string, margin: string): Measure {
  if (name === errorRateName) return { kind: 'error-rate' }
  const quantile = latencyQuantileOf(name)
  if (quantile !== null) return { kind: 'latency', quantile }
  return { kind: 'declared', scale: margin.endsWith('%') ? 'relative' : 'absolute' }
}

/** A release that names no guardrail is still guarded: a canary without one would promote whatever answers. */
const defaultGuardrails: Readonly<Record<string, CheckResource>> = {
  [errorRateName]: {
    margin: '1pp',
    alpha: 0.01,
    'min-events': 100,
    failures: 3,
    missing: 'insufficient',
    'dry-run': false,
  },
}

export function compileGuardrails(guardrails: Readonly<Record<string, CheckResource>>): MetricCheck[] {
  return compileChecks(Object.keys(guardrails).length === 0 ? defaultGuardrails : guardrails)
}

export function compileChecks(checks: Readonly<Record<string, CheckResource>>): MetricCheck[] {
  return Object.entries(checks).map(([metric, check]) => ({
    metric,
    measure: checkMeasure(metric, check),
    margin: check.margin === undefined ? 0 : marginFraction(check.margin),
    alpha: check.alpha,
    minEvents: check['min-events'],
    ...(check['dry-run'] && { dryRun: true }),
  }))
}

/** Whether a declared metric is external the endpoint knows: what such a one needs comes along. */
function checkMeasure(name: string, check: CheckResource): Measure {
  const measure = measureOf(name, check.margin ?? '0')
  if (measure.kind !== 'declared') return measure
  const { failures, missing } = check
  return { ...measure, external: { bound: boundOf(check), failures, missing } }
}

function boundOf({ max, min }: CheckResource): { kind: 'max' | 'min'; bound: number } | null {
  if (max !== undefined) return { kind: 'max', bound: max }
  return min === undefined ? null : { kind: 'min', bound: min }
}

/** The chance of a false promotion over all goals together, unless a goal says its own. */
const goalsAlpha = 0.05

export function compileGoals(goals: ReleaseResource['goals']): GoalCheck[] {
  const entries = Object.entries(goals)
  return entries.map(([metric, goal]) =>
    compileStageGoal({ metric, ...goal }, goal.alpha ?? goalsAlpha / entries.length),
  )
}

type GoalResource = Omit<ReleaseResource['goals'][string], 'alpha'> & { metric: string }

/** A goal whose level is given: a stage's own. */
export function compileStageGoal(goal: GoalResource, alpha: number): GoalCheck {
  const { metric, improve } = goal
  const worse = goal['no-worse-than']
  const effect = goal['minimum-effect']
  return {
    metric,
    measure: measureOf(metric, worse ?? effect ?? '0'),
    margin: worse === undefined ? 0 : marginFraction(worse),
    alpha,
    minEvents: goal['min-events'],
    goal:
      improve === undefined
        ? { kind: 'no-worse' }
        : { kind: 'improve', direction: improve, minimumEffect: effect === undefined ? null : marginFraction(effect) },
  }
}
