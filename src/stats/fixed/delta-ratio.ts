import { checkAlpha, type Failure, insufficient, type Result } from '../result.ts'
import { checkJointMoments, type JointMoments } from '../summaries/joint-moments.ts'
import { type Interval, type StudentDifference, studentDifference } from './student-difference.ts'

/**
 * A denominator nearer to 0 than this many of its standard errors makes the linear approximation useless: its relative
 * error reaches 1/4, and the ratio has no finite variance.
 */
const STABLE_FROM = 4

/** Below this share of the parts that cancel, a variance is rounding and counts as 0. */
const ROUNDING = 1e-14

/** A ratio of means over units, in units of the numerator per unit of the denominator. */
export type RatioEstimate = { readonly ratio: number; readonly standardError: number; readonly units: number }

/** The ratios of two versions and their difference, candidate minus stable. */
export type RatioComparison = StudentDifference & {
  readonly candidate: RatioEstimate
  readonly stable: RatioEstimate
  /** candidate / stable - 1; refused where the stable ratio is too near 0 to divide by. */
  readonly relative: Result<Interval>
}

/**
 * Estimates a ratio of two means over units, sum of numerators over sum of denominators, with its standard error. One
 * pair a unit of randomisation: x the unit's numerator (errors, clicks), y its denominator (requests, views).
 *
 * @use For rates per event where whole units (sessions, users) were assigned: treating events of one unit as
 * independent makes p values far too small. Not for the mean of per-unit ratios, which weighs all units equally.
 * @assumes Units are independent with one distribution and finite variances; many enough (some tens) for the ratio to be
 * about linear in both means.
 * @formula r = M/D; var = var_m/D^2 + var_d M^2/D^4 - 2 cov M/D^3, which is the variance of (m - r d)/D; se =
 * sqrt(var/n).
 * @source Deng, Knoblich & Lu, "Applying the delta method in metric analytics", KDD 2018, equation 2.
 * @degenerate Fewer than 2 units, or a mean denominator within 4 of its standard errors of 0, are insufficient. A
 * numerator that is an exact multiple of the denominator has standard error 0.
 */
export function ratioOf(moments: JointMoments): Result<RatioEstimate> {
  const bad = checkJointMoments('the units', moments) ?? checkDenominator('the units', moments)
  if (bad !== undefined) return bad
  const { n, meanX, meanY, m2X, m2Y, coXY } = moments
  const ratio = meanX / meanY
  const parts = m2X + ratio * ratio * m2Y
  const residual = parts - 2 * ratio * coXY
  const m2 = residual > ROUNDING * parts ? residual : 0
  const standardError = Math.sqrt(m2 / (n - 1) / n) / Math.abs(meanY)
  if (!Number.isFinite(ratio) || !Number.isFinite(standardError))
    return insufficient(`a numerator of mean ${meanX} over a denominator of mean ${meanY} overflows`)
  return { ok: true, ratio, standardError, units: n }
}

/**
 * Tests whether two versions have the same ratio of means over units, and estimates the difference (candidate minus
 * stable, in units of the ratio) and the relative difference (candidate / stable - 1, a fraction).
 *
 * @use For ratio metrics at a horizon fixed in advance. Looked at more than once the p value is descriptive only.
 * @assumes As `ratioOf` in each version; the versions' units are independent of each other.
 * @formula t = (r_c - r_s) / sqrt(se_c^2 + se_s^2) with Satterthwaite's degrees of freedom, so that denominators of 1
 * give Welch's test exactly. Relative: var = se_c^2 / r_s^2 + se_s^2 r_c^2 / r_s^4.
 * @source Deng, Knoblich & Lu, "Applying the delta method in metric analytics", KDD 2018, sections 3.1 and 3.2.
 * @degenerate Insufficient as `ratioOf` says, and where neither version shows any variance. `relative` is refused by
 * itself where the stable ratio is within 4 of its standard errors of 0.
 */
export function compareRatios({
  candidate,
  stable,
  alpha,
}: {
  candidate: JointMoments
  stable: JointMoments
  alpha: number
}): Result<RatioComparison> {
  const bad =
    checkAlpha(alpha) ??
    checkJointMoments('the candidate', candidate) ??
    checkJointMoments('the stable version', stable) ??
    checkDenominator('the candidate', candidate) ??
    checkDenominator('the stable version', stable)
  if (bad !== undefined) return bad
  const first = ratioOf(candidate)
  if (!first.ok) return first
  const second = ratioOf(stable)
  if (!second.ok) return second
  const difference = studentDifference({
    estimate: first.ratio - second.ratio,
    components: [component(first, 1), component(second, 1)],
    alpha,
  })
  if (!difference.ok) return difference
  return { ...difference, candidate: first, stable: second, relative: relativeOf(first, second, alpha) }
}

function component({ standardError, units }: RatioEstimate, factor: number) {
  return { variance: (standardError * factor) ** 2, degreesOfFreedom: units - 1 }
}

function relativeOf(candidate: RatioEstimate, stable: RatioEstimate, alpha: number): Result<Interval> {
  if (Math.abs(stable.ratio) < STABLE_FROM * stable.standardError || stable.ratio === 0)
    return insufficient(
      `the stable ratio is ${stable.ratio} with a standard error of ${stable.standardError}; it must be at least ` +
        `${STABLE_FROM} standard errors from 0 to be divided by`,
    )
  const lift = candidate.ratio / stable.ratio
  const result = studentDifference({
    estimate: lift - 1,
    components: [component(candidate, 1 / stable.ratio), component(stable, lift / stable.ratio)],
    alpha,
  })
  return result.ok ? { ok: true, ...result.difference } : result
}

function checkDenominator(name: string, { n, meanY, m2Y }: JointMoments): Failure | undefined {
  if (n < 2) return insufficient(`a ratio needs at least 2 units; ${name} counts ${n}`)
  const standardError = Math.sqrt(m2Y / (n - 1) / n)
  if (meanY !== 0 && Math.abs(meanY) >= STABLE_FROM * standardError) return undefined
  return insufficient(
    `the mean denominator of ${name} is ${meanY} with a standard error of ${standardError}; it must be at least ` +
      `${STABLE_FROM} standard errors from 0`,
  )
}
