import { normalQuantile } from '../numerics/special.ts'
import { checkProportion, type Failure, insufficient, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { checkIntervalAlpha, type Interval } from './interval.ts'
import { wilsonLimits } from './one-proportion.ts'
import { normalPValues, type SidedPValues } from './p-value.ts'

/** Yes-or-no outcomes of both versions, and the error probability of the question. */
export type ProportionQuestion = { readonly candidate: Outcomes; readonly stable: Outcomes; readonly alpha: number }

/** The comparison of two rates at one planned look; differences are probabilities, candidate minus stable. */
export type TwoProportions = SidedPValues & {
  /** The pooled z statistic. */
  readonly z: number
  /** The difference with Newcombe's interval, the one to report. */
  readonly difference: Interval
  /** The difference with the unpooled normal interval; too narrow at small counts and not confined to [-1, 1]. */
  readonly wald: Interval
}

/**
 * Tests whether two rates are equal, by the pooled z test, and estimates their difference.
 *
 * @use At one planned look with at least about 5 expected events and failures in each version; with fewer take
 *   `fisherExact` and the intervals alone. Looked at repeatedly it rejects too often: take the sequential comparison.
 * @assumes Independent outcomes with one probability in each version; sample sizes fixed beforehand.
 * @formula z = (p_c - p_s) / sqrt(p (1-p) (1/n_c + 1/n_s)), p the pooled rate; Wald: p_c - p_s -+ z_{alpha/2}
 *   sqrt(p_c (1-p_c)/n_c + p_s (1-p_s)/n_s).
 * @source J. L. Fleiss, B. Levin & M. C. Paik, "Statistical Methods for Rates and Proportions", 3rd ed. (2003), ch. 3.
 * @degenerate A version without trials is insufficient, and so are outcomes that are all the same in both versions: the
 *   z statistic would be 0/0. `newcombeInterval` and `miettinenNurminenInterval` still answer then.
 */
export function twoProportions({ candidate, stable, alpha }: ProportionQuestion): Result<TwoProportions> {
  const refusal = checkQuestion({ candidate, stable, alpha })
  if (refusal !== undefined) return refusal
  const trials = candidate.trials + stable.trials
  const rate = (candidate.events + stable.events) / trials
  const notRate = (trials - candidate.events - stable.events) / trials
  if (rate === 0 || notRate === 0) return insufficient('all outcomes are the same; a z test needs both kinds')
  const estimate = differenceOf(candidate, stable)
  const z = estimate / Math.sqrt(rate * notRate * (1 / candidate.trials + 1 / stable.trials))
  const quantile = -normalQuantile(alpha / 2)
  const half = quantile * Math.sqrt(varianceOf(candidate) + varianceOf(stable))
  return {
    ok: true,
    ...normalPValues(z),
    z,
    difference: newcombeLimits(candidate, stable, quantile),
    wald: { estimate, lower: estimate - half, upper: estimate + half },
  }
}

/**
 * Newcombe's hybrid score interval for the difference of two rates, candidate minus stable: Wilson's limits of both
 * rates, their distances from the estimates added in squares.
 *
 * @use As the default interval of a difference of rates at one planned look, at any counts.
 * @assumes Independent outcomes with one probability in each version; sample sizes fixed beforehand.
 * @formula d - sqrt((p_c - l_c)^2 + (u_s - p_s)^2) to d + sqrt((u_c - p_c)^2 + (p_s - l_s)^2), (l, u) Wilson's limits.
 * @source R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
 *   methods", Statistics in Medicine 17 (1998) 873-890, method 10.
 * @degenerate A version without trials is insufficient. Rates of 0 and 1 have an interval as well, within [-1, 1].
 */
export function newcombeInterval({ candidate, stable, alpha }: ProportionQuestion): Result<Interval> {
  const refusal = checkQuestion({ candidate, stable, alpha })
  if (refusal !== undefined) return refusal
  return { ok: true, ...newcombeLimits(candidate, stable, -normalQuantile(alpha / 2)) }
}

function newcombeLimits(candidate: Outcomes, stable: Outcomes, z: number): Interval {
  const estimate = differenceOf(candidate, stable)
  const own = wilsonLimits(candidate, z)
  const other = wilsonLimits(stable, z)
  return {
    estimate,
    lower: Math.max(-1, estimate - Math.hypot(own.estimate - own.lower, other.upper - other.estimate)),
    upper: Math.min(1, estimate + Math.hypot(own.upper - own.estimate, other.estimate - other.lower)),
  }
}

/** The ratio of two rates and the relative lift, ratio - 1, that it means; both dimensionless. */
export type RiskRatio = { readonly ratio: Interval; readonly lift: Interval }

/**
 * Estimates the ratio of two rates, candidate over stable, with the interval of Katz on the logarithmic scale.
 *
 * @use For a relative statement ("12 % fewer errors") when both versions have at least about 10 events.
 * @assumes Independent outcomes with one probability in each version; sample sizes fixed beforehand.
 * @formula log(p_c/p_s) -+ z_{alpha/2} sqrt((1-p_c)/x_c + (1-p_s)/x_s), x the events.
 * @source D. Katz, J. Baptista, S. P. Azen & M. C. Pike, "Obtaining confidence intervals for the risk ratio in cohort
 *   studies", Biometrics 34 (1978) 469-474, method C.
 * @degenerate A version without events is insufficient, as the ratio is then 0, infinite or undefined; so are two
 *   versions without failures.
 */
export function riskRatio({ candidate, stable, alpha }: ProportionQuestion): Result<RiskRatio> {
  const refusal = checkQuestion({ candidate, stable, alpha })
  if (refusal !== undefined) return refusal
  if (candidate.events === 0 || stable.events === 0)
    return insufficient(
      `a ratio of rates needs events in both versions; candidate has ${candidate.events}, stable ${stable.events}`,
    )
  const se = Math.sqrt(logVarianceOf(candidate) + logVarianceOf(stable))
  if (se === 0) return insufficient('all outcomes are events; a ratio of rates needs failures too')
  const ratio = candidate.events / candidate.trials / (stable.events / stable.trials)
  const log = Math.log(ratio)
  const half = -normalQuantile(alpha / 2) * se
  return {
    ok: true,
    ratio: { estimate: ratio, lower: Math.exp(log - half), upper: Math.exp(log + half) },
    lift: { estimate: ratio - 1, lower: Math.expm1(log - half), upper: Math.expm1(log + half) },
  }
}

/** Candidate minus stable; of the failures where those are rarer, since rates next to 1 round their difference away. */
export function differenceOf(candidate: Outcomes, stable: Outcomes): number {
  if (2 * candidate.events <= candidate.trials || 2 * stable.events <= stable.trials)
    return candidate.events / candidate.trials - stable.events / stable.trials
  return (stable.trials - stable.events) / stable.trials - (candidate.trials - candidate.events) / candidate.trials
}

function varianceOf({ events, trials }: Outcomes): number {
  return ((events / trials) * ((trials - events) / trials)) / trials
}

function logVarianceOf({ events, trials }: Outcomes): number {
  return (trials - events) / trials / events
}

/** Refuses outcomes or a level that no comparison of two rates can use. */
export function checkQuestion({ candidate, stable, alpha }: ProportionQuestion): Failure | undefined {
  return checkIntervalAlpha(alpha) ?? checkPair(candidate, stable)
}

/** Refuses outcomes that are impossible, and a version without trials. */
export function checkPair(candidate: Outcomes, stable: Outcomes): Failure | undefined {
  const bad =
    checkProportion('candidate', candidate.events, candidate.trials) ??
    checkProportion('stable', stable.events, stable.trials)
  if (bad !== undefined) return bad
  if (candidate.trials > 0 && stable.trials > 0) return undefined
  return insufficient(`each version needs at least 1 trial; candidate has ${candidate.trials}, stable ${stable.trials}`)
}
