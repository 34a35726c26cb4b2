/** What a stage with challengers needs of its endpoint: versions that exist, answers that can be compared, checks that pairs can tell. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import { unjudgedReason } from '../../core/judge/pair-checks.ts'
import type { MetricCheck } from '../../core/metric-check.ts'
import type { MetricType } from '../../core/metrics/spec.ts'
import type { Comparator, ShadowPlan, StagePlan } from '../../core/stage-plans.ts'
import type { EndpointState } from '../../core/state.ts'
import type { ReleaseRequest } from '../control-plane.ts'

/** A stage that does not say how answers are compared goes by how the endpoint reads them. */
export function withComparator(stage: StagePlan, spec: EndpointSpec): StagePlan {
  return stage.kind === 'shadow' && stage.comparator === null ? { ...stage, comparator: comparatorOf(spec) } : stage
}

const numberTypes: readonly MetricType[] = ['mae', 'rmse', 'r2', 'mape']

function comparatorOf({ answer, metrics }: EndpointSpec): Comparator {
  if (answer === null) return { kind: 'shape' }
  if (answer.read === 'ranking') return { kind: 'ranking', persistence: 0.9, least: 0.9 }
  const isNumber = Object.values(metrics).some(({ type }) => numberTypes.includes(type))
  return isNumber && answer.read === 'value' ? { kind: 'number', absolute: 0, relative: 0.01 } : { kind: 'label' }
}

export function shadowProblems(endpoint: EndpointState, request: ReleaseRequest): Problem[] {
  return request.stages.flatMap((stage, index) => {
    if (stage.kind !== 'shadow') return []
    const path = `stages[${index}].shadow`
    const isLast = index === request.stages.length - 1
    return [
      ...challengerProblems(endpoint, stage, path),
      ...bodyProblems(endpoint, stage, path),
      ...answerProblems(endpoint, stage, path),
      ...(stage.goal === null ? [] : unjudged(stage, [stage.goal], `${path}.goal`)),
      ...(isLast ? unjudged(stage, request.guardrails, 'guardrails') : []),
      ...(isLast ? unjudged(stage, request.goals ?? [], 'goals') : []),
    ]
  })
}

function challengerProblems({ spec, stable }: EndpointState, { challengers }: ShadowPlan, path: string): Problem[] {
  const allowed = Object.keys(spec.versions).filter(version => version !== stable)
  return challengers
    .filter(version => !allowed.includes(version))
    .map(value => {
      const message =
        value === stable ? 'is the stable version, which is the champion' : 'the endpoint has no such version'
      return { path: `${path}.challengers`, message, value, allowed }
    })
}

/** Recorded requests are sent again from kept bodies, and shapes are compared of them. */
function bodyProblems({ spec }: EndpointState, { mode, comparator }: ShadowPlan, path: string): Problem[] {
  if (spec.payloadSamplePpm > 0) return []
  const needs = mode === 'replay' ? 'a replay' : comparator?.kind === 'shape' ? 'a comparison of shapes' : null
  if (needs === null) return []
  return [{ path, message: `${needs} needs bodies that are kept: give the endpoint a payload-sample above 0%` }]
}

/** What is to be compared must be read from answers. */
function answerProblems({ spec: { answer } }: EndpointState, { comparator }: ShadowPlan, path: string): Problem[] {
  if (comparator === null || comparator.kind === 'shape') return []
  const at = { path: `${path}.compare`, value: comparator.kind }
  if (answer === null)
    return [{ ...at, message: 'the endpoint does not say what its answers are: give it `prediction`' }]
  const isScored = answer.scores !== undefined || answer.read === 'ranking'
  if ((comparator.kind === 'vector' || comparator.kind === 'cosine') && !isScored)
    return [{ ...at, message: 'the endpoint does not say where its scores are: give it `prediction.scores`' }]
  return []
}

/** What this stage could not decide and no later one will. */
function unjudged({ mode }: ShadowPlan, checks: readonly MetricCheck[], path: string): Problem[] {
  return checks.flatMap(({ metric, measure }): Problem[] => {
    const why = unjudgedReason(measure, mode)
    if (why === null) return []
    const message = `is not judged on pairs: ${why}; a later stage that gives the candidate traffic can judge it`
    return [{ path: path.endsWith('.goal') ? `${path}.metric` : `${path}.${metric}`, message, value: metric }]
  })
}
