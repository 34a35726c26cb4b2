/** A release's plan from the domain to the wire. */
import type { WirePlan } from '../contract/wire/plan.ts'
import { assertNever } from '../core/errors.ts'
import { freezeText } from '../core/freeze.ts'
import type { GoalCheck, Measure, MetricCheck } from '../core/metric-check.ts'
import { formOf } from '../core/metrics/spec.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { scopeText } from '../core/scope.ts'
import type { AbTestPlan, StagePlan } from '../core/stage-plans.ts'
import { hypothesisText } from '../core/strategies/ab-test-words.ts'

export function planView(plan: ReleasePlan): WirePlan {
  const { planVersion, onFail, probationMs, sampleRatioAlpha, drainMs } = plan
  return {
    planVersion,
    stages: plan.stages.map(stage => stagePlanView(stage, plan.from)),
    guardrails: plan.guardrails.map(checkPlanView),
    signals: plan.signals.map(checkPlanView),
    goals: (plan.goals ?? []).map(goalPlanView),
    minimumAgeMs: plan.minimumAgeMs ?? 0,
    coverageAlpha: plan.coverageAlpha ?? null,
    onFail,
    probationMs,
    sampleRatioAlpha,
    readyTimeoutMs: plan.readyTimeoutMs ?? null,
    drainMs,
    labelWindowMs: plan.labelWindowMs ?? null,
    reason: plan.reason ?? null,
    gates: (plan.gates ?? []).map(({ before, url, timeoutMs, secret }) => ({
      before,
      url,
      timeoutMs,
      signed: secret !== null,
    })),
    group: plan.group === undefined ? null : { name: plan.group.name, endpoints: [...plan.group.endpoints] },
    match: (plan.match ?? []).map(scopeText),
    freeze: (plan.freeze ?? []).map(freezeText),
    flags: (plan.flags ?? []).map(gate => ({
      flag: gate.flag,
      is: gate.is === undefined ? null : [...gate.is],
      stage: gate.stage ?? null,
    })),
  }
}

function stagePlanView(stage: StagePlan, stable: string): WirePlan['stages'][number] {
  if (stage.kind === 'abTest') return abTestView(stage, stable)
  if (stage.kind === 'bandit') return { ...stage, arms: [...stage.arms] }
  if (stage.kind === 'canary') return { ...stage, steps: stage.steps.map(step => ({ ...step })) }
  return 'goal' in stage ? { ...stage, goal: stage.goal === null ? null : goalPlanView(stage.goal) } : { ...stage }
}

function abTestView(stage: AbTestPlan, stable: string): WirePlan['stages'][number] {
  return {
    ...stage,
    variants: [...stage.variants],
    goal: goalPlanView(stage.goal),
    hypothesis: stage.hypothesis ?? null,
    text: hypothesisText(stage, { stable, split: stage.splitPpm }),
  }
}

function checkPlanView({
  metric,
  measure,
  margin,
  alpha,
  minEvents,
  dryRun,
}: MetricCheck): WirePlan['guardrails'][number] {
  return {
    metric,
    margin,
    marginUnit: marginUnitOf(measure),
    alpha,
    minEvents,
    dryRun: dryRun === true,
    bound: boundView(measure),
  }
}

/** Of an external metric: what a reading is held against. */
function boundView(measure: Measure): WirePlan['guardrails'][number]['bound'] {
  if (measure.kind !== 'external') return null
  const { bound, failures, missing } = measure
  const value = bound.kind === 'margin' ? bound.margin : bound.bound
  return { kind: bound.kind, value, failures, missing }
}

function goalPlanView(check: GoalCheck): WirePlan['goals'][number] {
  const { goal } = check
  const minimumEffect = goal.kind === 'improve' ? goal.minimumEffect : null
  return { ...checkPlanView(check), kind: goal.kind, minimumEffect }
}

export function marginUnitOf(measure: Measure): WirePlan['guardrails'][number]['marginUnit'] {
  switch (measure.kind) {
    case 'error-rate':
    case 'accuracy':
      return 'pp'
    case 'latency':
      return '%'
    case 'external':
      return measure.bound.kind === 'margin' && measure.bound.scale === 'relative' ? '%' : 'own'
    case 'metric':
    case 'declared':
      if (measure.scale === 'relative' || (measure.kind === 'metric' && measure.spec.type === 'quantile')) return '%'
      return measure.kind === 'metric' && formOf(measure.spec) === 'counts' ? 'pp' : 'own'
    default:
      return assertNever(measure)
  }
}
