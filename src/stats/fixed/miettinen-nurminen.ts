import { rootOfDecreasing, type Slope } from '../numerics/monotone-root.ts'
import { normalQuantile } from '../numerics/special.ts'
import { insufficient, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import type { Interval } from './interval.ts'
import { normalPValues, type SidedPValues } from './p-value.ts'
import { checkPair, checkQuestion, differenceOf, type ProportionQuestion } from './two-proportions.ts'

/**
 * The score interval of Miettinen and Nurminen for the difference of two rates, candidate minus stable: the differences
 * that their score test at level alpha does not reject.
 *
 * @use When the interval has to agree with a test against a margin (`miettinenNurminenTest`), at any counts; it holds
 *   its level well for rates near 0 and 1. `newcombeInterval` is nearly as good and needs no iteration.
 * @assumes Independent outcomes with one probability in each version; sample sizes fixed beforehand.
 * @formula all delta with |p_c - p_s - delta| <= z_{alpha/2} sqrt((P_c (1-P_c)/n_c + P_s (1-P_s)/n_s) N/(N-1)), where
 *   P_c = P_s + delta are the rates of greatest likelihood under that difference and N = n_c + n_s.
 * @source O. Miettinen & M. Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4 (1985) 213-226.
 * @degenerate A version without trials is insufficient. Rates of 0 and 1 have an interval as well, within [-1, 1].
 */
export function miettinenNurminenInterval({ candidate, stable, alpha }: ProportionQuestion): Result<Interval> {
  const refusal = checkQuestion({ candidate, stable, alpha })
  if (refusal !== undefined) return refusal
  const z = -normalQuantile(alpha / 2)
  const estimate = differenceOf(candidate, stable)
  const reach = (delta: number) => z * Math.sqrt(constrainedVariance(candidate, stable, delta))
  const below = (delta: number) => estimate - delta - reach(delta)
  const above = (delta: number) => reach(delta) - (delta - estimate)
  return {
    ok: true,
    estimate,
    lower: estimate === -1 ? -1 : byHalving(below, -1, estimate),
    upper: estimate === 1 ? 1 : byHalving(above, estimate, 1),
  }
}

function byHalving(decreasing: (delta: number) => number, low: number, high: number): number {
  return rootOfDecreasing(delta => ({ value: decreasing(delta), slope: Number.NaN }), low, high)
}

/** The score test against one difference. */
export type ScoreTest = SidedPValues & {
  /** The difference of the observed rates, candidate minus stable. */
  readonly estimate: number
  readonly z: number
}

/**
 * Tests whether the difference of two rates, candidate minus stable, is `margin`: `less` is the p value of
 * non-inferiority for harmful events ("worse by less than the margin"), `greater` that of a breach.
 *
 * @use For non-inferiority of a rate at one planned look. At margin 0 it is the pooled z test times sqrt((N-1)/N).
 * @assumes Independent outcomes with one probability in each version; sample sizes fixed beforehand.
 * @formula z = (p_c - p_s - margin) / sqrt((P_c (1-P_c)/n_c + P_s (1-P_s)/n_s) N/(N-1)), as in the interval.
 * @source O. Miettinen & M. Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4 (1985) 213-226.
 * @degenerate A margin outside (-1, 1) is invalid. A version without trials is insufficient, and so are outcomes that
 *   are all the same in both versions at margin 0.
 */
export function miettinenNurminenTest({
  candidate,
  stable,
  margin,
}: {
  candidate: Outcomes
  stable: Outcomes
  margin: number
}): Result<ScoreTest> {
  const refusal = checkPair(candidate, stable)
  if (refusal !== undefined) return refusal
  if (!(Math.abs(margin) < 1)) return invalid(`margin is ${margin}; it must be greater than -1 and less than 1`)
  const variance = constrainedVariance(candidate, stable, margin)
  if (variance === 0) return insufficient('all outcomes are the same; a score test at margin 0 needs both kinds')
  const estimate = differenceOf(candidate, stable)
  const z = (estimate - margin) / Math.sqrt(variance)
  return { ok: true, ...normalPValues(z), estimate, z }
}

/** The variance of the difference of the observed rates if the true one is delta, -1 <= delta <= 1. */
function constrainedVariance(first: Outcomes, second: Outcomes, delta: number): number {
  if (delta < 0) return constrainedVariance(second, first, -delta)
  if (delta === 1) return 0
  const mirrored = [complement(second), complement(first)] as const
  const [one, other] = scoreAt(first, second, delta, (1 - delta) / 2).value > 0 ? mirrored : [first, second]
  const smaller = smallerRate(one, other, delta)
  const trials = first.trials + second.trials
  const rest = Math.max(0, 1 - delta - smaller)
  const own = ((smaller + delta) * rest) / one.trials
  return (own + (smaller * (rest + delta)) / other.trials) * (trials / (trials - 1))
}

function complement({ events, trials }: Outcomes): Outcomes {
  return { events: trials - events, trials }
}

/** The rate of `second` of greatest likelihood when that of `first` is larger by delta; it is at most (1 - delta)/2. */
function smallerRate(first: Outcomes, second: Outcomes, delta: number): number {
  // Without events the likelihood may fall all the way from rate 0.
  if (second.events === 0 && scoreAt(first, second, delta, 0).value <= 0) return 0
  return rootOfDecreasing(rate => scoreAt(first, second, delta, rate), 0, (1 - delta) / 2)
}

/** The derivative of the log-likelihood in the smaller rate. */
function scoreAt(first: Outcomes, second: Outcomes, delta: number, rate: number): Slope {
  const rest = 1 - delta - rate
  const parts = [
    part(first.events, rate + delta),
    part(second.events, rate),
    part(first.trials - first.events, rest, -1),
    part(second.trials - second.events, rest + delta, -1),
  ]
  return {
    value: parts.reduce((sum, { value }) => sum + value, 0),
    slope: parts.reduce((sum, { slope }) => sum + slope, 0),
  }
}

/** An outcome that never happened has no share in the likelihood, even at probability 0. */
function part(count: number, probability: number, sign = 1): Slope {
  if (count === 0) return { value: 0, slope: 0 }
  return { value: (sign * count) / probability, slope: -count / probability / probability }
}
