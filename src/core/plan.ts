/** A release as it will run: every default filled in, every unit converted, alpha budgets written down. Plain data. */
import type { MetricSpec } from './metrics/spec.ts'
import type { Weights } from './traffic.ts'

export const stageKinds = ['recreate', 'rolling', 'blueGreen', 'canary', 'shadow', 'abTest', 'bandit'] as const
export type StageKind = (typeof stageKinds)[number]

/** The kinds that run today; the others are refused by name before anything starts. */
export const availableStageKinds = ['canary'] as const satisfies readonly StageKind[]

/**
 * A comparison of the candidate with the stable version serving at the same time.
 * `margin` is the largest harm that is tolerated: a difference of rates (0.005 is half a percentage point) for
 * error-rate and accuracy, a relative increase (0.2 is 20 %) for latency.
 */
export type MetricCheck = {
  metric: string
  measure: Measure
  margin: number
  /** The chance of a false breach over the whole release, however often one looks. */
  alpha: number
  /** Observations that each version needs before the check can pass. */
  minEvents: number
}

export type Measure =
  | { kind: 'error-rate' }
  | { kind: 'latency'; quantile: number }
  | { kind: 'accuracy' }
  /** Of a request: a metric that the endpoint declares. Admission puts its definition in; no plan has it. */
  | { kind: 'declared'; scale: Scale }
  /** A metric that the endpoint declares, as it was defined when the release began. */
  | { kind: 'metric'; spec: MetricSpec; scale: Scale }

/** Whether a margin is in the unit of the metric, or a share of the stable version's value. */
export type Scale = 'absolute' | 'relative'

/**
 * What the release is for. `no-worse`: the harm is shown to be below the margin. `improve`: a benefit is shown; the
 * minimum effect is what one hopes for, by which the needed sample is planned.
 */
export type GoalCheck = MetricCheck & {
  goal: { kind: 'no-worse' } | { kind: 'improve'; direction: 'increase' | 'decrease'; minimumEffect: number | null }
}

export type CanaryStep = {
  weightPpm: number
  /** The step lasts at least this long. */
  floorMs: number
  /** Without enough evidence by then the release holds; null waits for ever. */
  ceilingMs: number | null
}

export type CanaryPlan = {
  kind: 'canary'
  steps: readonly CanaryStep[]
  /** Wait for `approve` before the candidate gets all traffic. */
  approval: boolean
  /** Requests that the candidate must answer within each step. */
  minRequests: number
}

/** The plans of the kinds to come carry their name only: they cannot be started. */
export type StagePlan = CanaryPlan | { kind: Exclude<StageKind, (typeof availableStageKinds)[number]> }

export type ReleasePlan = {
  /** The behaviour that this plan was made for; recorded releases replay under their own. */
  planVersion: 1
  endpoint: string
  from: string
  to: string
  stages: readonly StagePlan[]
  /** A breach rolls back. */
  guardrails: readonly MetricCheck[]
  /** A breach holds. */
  signals: readonly MetricCheck[]
  /** All must be shown before the candidate is promoted; one that is refuted does what `onFail` says. */
  goals?: readonly GoalCheck[]
  /** The candidate is not promoted before the release is this old. */
  minimumAgeMs?: number
  /** Different shares of labelled predictions are called at this chance of a false alarm. */
  coverageAlpha?: number
  onFail: 'rollback' | 'hold'
  /** How long the old version is kept warm and watched after the candidate has all traffic. */
  probationMs: number
  /** A sample-ratio mismatch is called at this chance of a false alarm. */
  sampleRatioAlpha: number
  readyTimeoutMs: number
  drainMs: number
}

export function candidateWeights(plan: ReleasePlan, weightPpm: number): Weights {
  return { [plan.from]: 1_000_000 - weightPpm, [plan.to]: weightPpm }
}
