/** What is compared, by how much it may differ, and at which chance of error. Plain data, fixed when a release begins. */
import type { ExternalBound, ExternalMetric } from './external-metric.ts'
import type { MetricSpec } from './metrics/spec.ts'

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
  /** Looked at and told, never acted on. */
  dryRun?: true
}

export type Measure =
  | { kind: 'error-rate' }
  | { kind: 'latency'; quantile: number }
  | { kind: 'accuracy' }
  /** Of a request: a metric that the endpoint declares. Admission puts its definition in; no plan has it. */
  | { kind: 'declared'; scale: Scale; external?: ExternalAsked }
  /** A metric that the endpoint declares, as it was defined when the release began. */
  | {
      kind: 'metric'
      spec: MetricSpec
      scale: Scale
      /** The name under which evidence is kept, where that is not the metric's own. */
      evidence?: string
    }
  /** A number that another system measures; `failures` readings in a row over the bound are a breach. */
  | {
      kind: 'external'
      metric: ExternalMetric
      bound: ExternalBound
      failures: number
      /** What a missing reading means: nothing is known, or nothing is wrong. */
      missing: 'insufficient' | 'pass'
    }

/** What a release asks of a metric that turns out to be external. */
export type ExternalAsked = {
  /** Null where a margin against the stable version is given instead. */
  bound: { kind: 'max' | 'min'; bound: number } | null
  failures: number
  missing: 'insufficient' | 'pass'
}

/** Whether a margin is in the unit of the metric, or a share of the stable version's value. */
export type Scale = 'absolute' | 'relative'

/**
 * What the release is for. `no-worse`: the harm is shown to be below the margin. `improve`: a benefit is shown; the
 * minimum effect is what one hopes for, by which the needed sample is planned.
 */
export type GoalCheck = MetricCheck & {
  goal: { kind: 'no-worse' } | { kind: 'improve'; direction: 'increase' | 'decrease'; minimumEffect: number | null }
}
