import { logNormalSurvival, normalQuantile } from '../numerics/special.ts'

/** The z that a standard normal variable exceeds in size with probability `alpha`. */
export function criticalValue(alpha: number): number {
  return -normalQuantile(Math.max(alpha / 2, Number.MIN_VALUE))
}

/** The two-sided p value of a z statistic, and its logarithm, which does not underflow. */
export function twoSided(z: number): { readonly pValue: number; readonly logPValue: number } {
  return pValueOf(Math.LN2 + logNormalSurvival(Math.abs(z)))
}

/** A p value from its logarithm, which rounding or doubling may have put above 0. */
export function pValueOf(logPValue: number): { readonly pValue: number; readonly logPValue: number } {
  const log = Math.min(0, logPValue)
  return { pValue: Math.exp(log), logPValue: log }
}

/** Wilson's score interval for a rate of `events` in `trials` > 0 (Wilson, JASA 22, 1927). */
export function wilsonInterval(events: number, trials: number, alpha: number): { lower: number; upper: number } {
  const z = criticalValue(alpha)
  const share = events / trials
  const rest = (trials - events) / trials
  const shrink = 1 / (1 + (z * z) / trials)
  const centre = (share + (z * z) / (2 * trials)) * shrink
  const half = z * shrink * Math.sqrt((share * rest) / trials + (z * z) / (4 * trials * trials))
  return {
    lower: events === 0 ? 0 : Math.max(0, centre - half),
    upper: events === trials ? 1 : Math.min(1, centre + half),
  }
}
