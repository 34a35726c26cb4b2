import { logStudentSurvival, studentUpperQuantile } from '../numerics/student.ts'
import { insufficient, type Result } from '../result.ts'

/** An estimate with the limits of its interval, all in one unit. */
export type Interval = { readonly estimate: number; readonly lower: number; readonly upper: number }

/** One independent contribution to the variance of an estimate, with the degrees of freedom that it was estimated by. */
export type VarianceComponent = { readonly variance: number; readonly degreesOfFreedom: number }

/** What a two-sided t test of "the difference is 0" gives. */
export type StudentDifference = {
  readonly difference: Interval
  readonly standardError: number
  readonly degreesOfFreedom: number
  /** Two-sided; 0 where it underflows. */
  readonly pValue: number
  /** Its natural logarithm, which does not underflow. */
  readonly logPValue: number
}

const OUT_OF_RANGE = 'the numbers are too large or too small for a double'

/** Beyond this the square of t overflows, and log p is below -300 in any case that has data. */
const T_MAX = 1e150

/**
 * The two-sided t test and interval of a difference whose variance is a sum of independently estimated parts, the
 * degrees of freedom by Satterthwaite: 1 / sum(share_k^2 / df_k) with share_k the part's share of the variance
 * (Biometrics Bulletin 2, 1946). Arguments are checked by the callers. A variance of 0 is insufficient, never p = 0.
 */
export function studentDifference({
  estimate,
  components,
  alpha,
}: {
  estimate: number
  components: readonly VarianceComponent[]
  alpha: number
}): Result<StudentDifference> {
  const variance = components.reduce((sum, part) => sum + part.variance, 0)
  const standardError = Math.sqrt(variance)
  if (variance === 0) return insufficient('the values show no variance, so that no difference can be told from chance')
  if (!(Number.isFinite(estimate) && Number.isFinite(variance))) return insufficient(OUT_OF_RANGE)
  const spread = components.reduce((sum, part) => sum + (part.variance / variance) ** 2 / part.degreesOfFreedom, 0)
  const degreesOfFreedom = 1 / spread
  const t = Math.min(Math.abs(estimate) / standardError, T_MAX)
  const logPValue = Math.min(0, Math.LN2 + logStudentSurvival(t, degreesOfFreedom))
  const halfWidth = studentUpperQuantile(alpha / 2, degreesOfFreedom) * standardError
  const difference = { estimate, lower: estimate - halfWidth, upper: estimate + halfWidth }
  if (![standardError, degreesOfFreedom, difference.lower, difference.upper].every(Number.isFinite))
    return insufficient(OUT_OF_RANGE)
  return { ok: true, difference, standardError, degreesOfFreedom, pValue: Math.exp(logPValue), logPValue }
}
