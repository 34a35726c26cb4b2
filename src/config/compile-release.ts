/** A Release document as the plan that the control plane starts. */
import { errorRateName, latencyQuantileOf } from '../contract/metric-names.ts'
import type { ReleaseResource } from '../contract/resources.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import {
  availableStageKinds,
  type CanaryPlan,
  type CanaryStep,
  type GoalCheck,
  type Measure,
  type MetricCheck,
  type ReleasePlan,
  type StagePlan,
} from '../core/plan.ts'
import { durationMs, marginFraction, percentPpm } from './quantities.ts'

/** A plan without what only the controller knows: the stable version that it starts from. */
export type RequestedRelease = Omit<ReleasePlan, 'from' | 'planVersion'>

type CheckResource = ReleaseResource['guardrails'][string]
type CanaryResource = NonNullable<ReleaseResource['stages'][number]['canary']>

/** A sample-ratio mismatch is called at this chance of a false alarm, the customary one for such alarms. */
const sampleRatioAlpha = 0.001

export function compileRelease(resource: ReleaseResource): RequestedRelease {
  refuseUnavailable(resource)
  return {
    endpoint: resource.endpoint,
    to: resource.to,
    stages: resource.stages.map(compileStage),
    guardrails: compileGuardrails(resource.guardrails),
    signals: compileChecks(resource.signals),
    goals: compileGoals(resource.goals),
    minimumAgeMs: durationMs(resource['minimum-age']),
    coverageAlpha: sampleRatioAlpha,
    onFail: resource['on-fail'],
    probationMs: durationMs(resource.probation),
    sampleRatioAlpha,
    readyTimeoutMs: durationMs(resource['ready-timeout']),
    drainMs: durationMs(resource.drain),
  }
}

/** What a check of this name compares. A name that is not built in is a metric that the endpoint must declare. */
export function measureOf(name: string, margin: string): Measure {
  if (name === errorRateName) return { kind: 'error-rate' }
  const quantile = latencyQuantileOf(name)
  if (quantile !== null) return { kind: 'latency', quantile }
  return { kind: 'declared', scale: margin.endsWith('%') ? 'relative' : 'absolute' }
}

function refuseUnavailable(resource: ReleaseResource): void {
  const problems: Problem[] = resource.stages.flatMap((stage, index) =>
    Object.keys(stage)
      .filter(kind => !isAvailable(kind))
      .map(kind => ({
        path: `stages[${index}].${kind}`,
        message: `${kind} is not available yet`,
        allowed: [...availableStageKinds],
      })),
  )
  const conflict = resource['on-conflict']
  if (conflict !== 'refuse') {
    problems.push({
      path: 'on-conflict',
      message: `${conflict} is not available yet`,
      value: conflict,
      allowed: ['refuse'],
    })
  }
  if (problems.length === 0) return
  const what = problems.map(problem => `${problem.path}: ${problem.message}`).join('; ')
  throw new CutoverError('not-available-yet', `this release cannot be started: ${what}`, problems)
}

function isAvailable(kind: string): boolean {
  return availableStageKinds.some(available => available === kind)
}

function compileStage(stage: ReleaseResource['stages'][number]): StagePlan {
  if (stage.canary === undefined) throw new Error('a stage that is not available passed the check')
  return compileCanary(stage.canary)
}

function compileCanary(canary: CanaryResource): CanaryPlan {
  const ceilingMs = durationMs(canary['at-most'])
  const steps = canary.steps.map(step => compileStep(step, ceilingMs)).filter(step => step.weightPpm < 1_000_000)
  return { kind: 'canary', steps, approval: canary.approval, minRequests: canary['min-requests'] }
}

function compileStep(step: CanaryResource['steps'][number], stageCeilingMs: number): CanaryStep {
  if (typeof step === 'string') return { weightPpm: percentPpm(step), floorMs: 0, ceilingMs: stageCeilingMs }
  const ceiling = step['at-most']
  return {
    weightPpm: percentPpm(step.weight),
    floorMs: step.for === undefined ? 0 : durationMs(step.for),
    ceilingMs: ceiling === undefined ? stageCeilingMs : durationMs(ceiling),
  }
}

/** A release that names no guardrail is still guarded: a canary without one would promote whatever answers. */
const defaultGuardrails: Readonly<Record<string, CheckResource>> = {
  [errorRateName]: { margin: '1pp', alpha: 0.01, 'min-events': 100 },
}

function compileGuardrails(guardrails: Readonly<Record<string, CheckResource>>): MetricCheck[] {
  return compileChecks(Object.keys(guardrails).length === 0 ? defaultGuardrails : guardrails)
}

function compileChecks(checks: Readonly<Record<string, CheckResource>>): MetricCheck[] {
  return Object.entries(checks).map(([metric, check]) => ({
    metric,
    measure: measureOf(metric, check.margin),
    margin: marginFraction(check.margin),
    alpha: check.alpha,
    minEvents: check['min-events'],
  }))
}

/** The chance of a false promotion over all goals together, unless a goal says its own. */
const goalsAlpha = 0.05

function compileGoals(goals: ReleaseResource['goals']): GoalCheck[] {
  const entries = Object.entries(goals)
  return entries.map(([metric, goal]) => {
    const worse = goal['no-worse-than']
    const effect = goal['minimum-effect']
    return {
      metric,
      measure: measureOf(metric, worse ?? effect ?? '0'),
      margin: worse === undefined ? 0 : marginFraction(worse),
      alpha: goal.alpha ?? goalsAlpha / entries.length,
      minEvents: goal['min-events'],
      goal:
        goal.improve === undefined
          ? { kind: 'no-worse' }
          : {
              kind: 'improve',
              direction: goal.improve,
              minimumEffect: effect === undefined ? null : marginFraction(effect),
            },
    }
  })
}
