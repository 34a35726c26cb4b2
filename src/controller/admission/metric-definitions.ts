/** What a release's checks are of: the definitions that the endpoint declares, as they are when the release begins. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import { CutoverError, type Problem } from '../../core/errors.ts'
import type { GoalCheck, Measure, MetricCheck } from '../../core/metric-check.ts'
import { byUnit } from '../../core/metrics/by-unit.ts'
import { isHigherBetter, type MetricSpec } from '../../core/metrics/spec.ts'
import type { Expressions } from '../../ports/expressions.ts'
import type { ReleaseRequest } from '../control-plane.ts'
import { withComparator } from './shadow.ts'

const builtin = ['error-rate', 'latency-p50', 'latency-p90', 'latency-p95', 'latency-p99', 'latency-p99.9']

export function withDefinitions(request: ReleaseRequest, spec: EndpointSpec): ReleaseRequest {
  const define = <Check extends MetricCheck>(check: Check): Check => ({
    ...check,
    measure: definedMeasure(check, spec),
  })
  return {
    ...request,
    guardrails: request.guardrails.map(define),
    signals: request.signals.map(define),
    ...(request.goals !== undefined && { goals: request.goals.map(define) }),
    stages: request.stages.map(stage => {
      const compared = withComparator(stage, spec)
      if (!('goal' in compared) || compared.goal === null) return compared
      const goal = define(compared.goal)
      return compared.kind === 'abTest' ? { ...compared, goal: byUnit(goal, spec.metrics) } : { ...compared, goal }
    }),
  }
}

/** A metric that is not declared stays as it was asked for: it is refused by name. */
function definedMeasure({ metric: name, measure, margin }: MetricCheck, { metrics, external }: EndpointSpec): Measure {
  if (measure.kind !== 'declared') return measure
  const { scale, external: asked } = measure
  const outside = external?.[name]
  if (outside !== undefined && asked !== undefined) {
    const { failures, missing } = asked
    return {
      kind: 'external',
      metric: outside,
      bound: asked.bound ?? { kind: 'margin', margin, scale },
      failures,
      missing,
    }
  }
  const spec = metrics[name]
  if (spec === undefined || asked?.bound != null) return measure
  if (spec.type === 'accuracy' && spec.unitLevel !== true && scale === 'absolute') return { kind: 'accuracy' }
  return { kind: 'metric', spec, scale }
}

export function undeclaredProblems(request: ReleaseRequest, spec: EndpointSpec): Problem[] {
  const named = (role: string, checks: readonly MetricCheck[]): NamedCheck[] =>
    checks.map(check => ({ path: `${role}.${check.metric}`, check }))
  const roles = [
    ['guardrails', named('guardrails', request.guardrails)],
    ['signals', named('signals', request.signals)],
    ['goals', [...named('goals', request.goals ?? []), ...stageGoals(request)]],
  ] as const
  return roles.flatMap(([role, checks]) =>
    checks.flatMap(({ path, check: { metric, measure } }): Problem[] => {
      const isDeclared = spec.metrics[metric] !== undefined
      if (measure.kind === 'declared' && spec.external?.[metric] !== undefined)
        return [
          {
            path,
            message: 'an external metric can guard or signal; nothing is known of how it varies, so it is no goal',
          },
        ]
      if (measure.kind === 'declared' && isDeclared)
        return [
          {
            path,
            message: 'a bound is of external metrics; this one is compared with the stable version: give it a margin',
          },
        ]
      if ((measure.kind === 'declared' || measure.kind === 'accuracy') && !isDeclared) {
        const allowed = [...builtin, ...Object.keys(spec.metrics), ...Object.keys(spec.external ?? {})]
        return [{ path, message: 'the endpoint declares no such metric', value: metric, allowed }]
      }
      if (
        measure.kind === 'metric' &&
        measure.spec.type === 'quantile' &&
        (measure.scale === 'absolute' || role === 'goals')
      )
        return [
          {
            path,
            message: 'a quantile can be guarded by a relative margin, not be a goal',
            allowed: ['a margin such as 20%'],
          },
        ]
      if (measure.kind !== 'accuracy' || spec.answer !== null) return []
      return [{ path, message: 'the endpoint does not say what is compared with the label: give it `prediction`' }]
    }),
  )
}

export function expressionProblems({ metrics }: EndpointSpec, expressions: Expressions): Problem[] {
  return Object.entries(metrics).flatMap(([name, metric]): Problem[] => {
    if (metric.type !== 'expression') return []
    try {
      expressions.compile(metric.expression)
      return []
    } catch (error) {
      if (!(error instanceof CutoverError)) throw error
      return error.problems.map(problem => ({ ...problem, path: `metrics.${name}.${problem.path}` }))
    }
  })
}

type NamedCheck<Check extends MetricCheck = MetricCheck> = { path: string; check: Check }

/** What stages of their own are for. */
function stageGoals({ stages }: ReleaseRequest): NamedCheck<GoalCheck>[] {
  return stages.flatMap((stage, index) =>
    'goal' in stage && stage.goal !== null ? [{ path: `stages[${index}].${stage.kind}.goal`, check: stage.goal }] : [],
  )
}

/** The release's own, then those of its stages. */
function goalsOf(request: ReleaseRequest): NamedCheck<GoalCheck>[] {
  const goals = (request.goals ?? []).map(check => ({ path: `goals.${check.metric}`, check }))
  return [...goals, ...stageGoals(request)]
}

/** A margin that no candidate could break would pass whatever comes, or be refused by the test at every look. */
export function marginProblems(request: ReleaseRequest): Problem[] {
  const guards = (['guardrails', 'signals'] as const).flatMap(role =>
    request[role].map(check => ({ path: `${role}.${check.metric}.margin`, check })),
  )
  const goals = goalsOf(request).map(({ path, check }) => ({ path: `${path}.no-worse-than`, check }))
  return [...guards, ...goals].flatMap(({ path, check: { measure, margin } }): Problem[] => {
    const bound = boundOf(measure)
    if (bound === null || margin < bound.below) return []
    return [{ path, message: bound.message, value: margin, allowed: [bound.allowed] }]
  })
}

type MarginBound = { below: number; message: string; allowed: string }

/** Null where any margin may be broken. */
function boundOf(measure: Measure): MarginBound | null {
  if (measure.kind === 'error-rate' || measure.kind === 'accuracy') return boundOfShares
  if (measure.kind === 'latency') return boundOfQuantiles
  if (measure.kind !== 'metric') return null
  const { spec, scale } = measure
  if (spec.type === 'quantile') return boundOfQuantiles
  if (scale === 'absolute') return shares.has(spec.type) ? boundOfShares : null
  return isHigherBetter(spec) ? boundOfFalls : null
}

const shares: ReadonlySet<MetricSpec['type']> = new Set([
  'accuracy',
  'precision',
  'recall',
  'f1',
  'f1-macro',
  'auc',
  'ndcg',
  'mrr',
  'rate',
])

const boundOfShares = {
  below: 1,
  message: 'no candidate could break it: the metric lies between 0 and 1, where 1 is 100pp',
  allowed: 'less than 100pp, such as 2pp',
}
const boundOfFalls = {
  below: 1,
  message: 'no candidate could be judged by it: 100% is all of the stable value',
  allowed: 'less than 100%, or a number in the unit of the metric',
}
/** `compareQuantiles` takes no greater one. */
const boundOfQuantiles = {
  below: 1_000,
  message: 'no candidate could be judged by it: it allows a quantile a thousand times as great',
  allowed: 'less than 100000%, such as 20%',
}

/** An improvement goes in the direction that is better. */
export function goalProblems(request: ReleaseRequest): Problem[] {
  return goalsOf(request).flatMap(({ path, check: { measure, goal } }): Problem[] => {
    // One that is not declared has been refused for that.
    if (goal.kind !== 'improve' || measure.kind === 'declared') return []
    const better = measure.kind === 'accuracy' || (measure.kind === 'metric' && isHigherBetter(measure.spec))
    const wanted = better ? 'increase' : 'decrease'
    if (goal.direction === wanted) return []
    const message = `better is ${better ? 'higher' : 'lower'} for this metric`
    return [{ path: `${path}.improve`, message, value: goal.direction, allowed: [wanted] }]
  })
}
