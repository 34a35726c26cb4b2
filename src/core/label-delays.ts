/** How late what becomes known of predictions comes, for each kind of it; through all releases of an endpoint. Plain data. */
import { limits } from './limits.ts'

/** One kind of later value. */
export type Signal = {
  /** `label`, `reward`, or `metrics.NAME`. */
  name: string
  /** Declared metrics that wait for it. */
  metrics: readonly string[]
}

export type SignalReport = Signal & {
  /** The time that the report is about: that of the newest prediction. */
  atMs: number
  /** Delays of those that come, in milliseconds, young predictions censored; null with too few. */
  delay: { p50Ms: number; p90Ms: number; p99Ms: number; horizonMs: number } | null
  /** From which age on a prediction can be judged by whether it has the value, or why that is not known. */
  maturity:
    | { known: true; ageMs: number; source: 'declared' | 'learned'; arrivedShare: number | null }
    | { known: false; reason: string }
  versions: readonly VersionDelays[]
}

/** Predictions of one version, the first row of each. */
export type VersionDelays = {
  version: string
  predicted: number
  arrived: number
  /** Old enough to be judged, and those of them whose value came by that age: their quotient is the coverage. */
  matured: number
  maturedArrived: number
  /** The expected share of the values coming in time that have come, from 0 to 1; null while not known. */
  maturity: number | null
  /** By time of prediction, oldest first. */
  cohorts: readonly { fromMs: number; toMs: number; predicted: number; arrived: number }[]
}

/**
 * The age from which a release judges predictions by what has come, where that was learned. What comes by a machine comes
 * within milliseconds; then the age by which most has come says how busy a server was, and a pause of it at one version's
 * answers would be a difference of versions.
 */
export function learnedWindowMs({ ageMs }: { ageMs: number }): number {
  return Math.max(ageMs, limits.learnedWindowLeastMs)
}
