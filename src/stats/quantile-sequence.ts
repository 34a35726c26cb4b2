/**
 * Always-valid bounds of a quantile, and a comparison of two versions' quantiles.
 *
 * What it estimates: the p-quantile q of independent observations. Method: the number of observations at or below q is
 * Binomial(n, p), so the beta-binomial mixture E_n(k) = B(a + k, b + n - k) / B(a, b) / (p^k (1-p)^(n-k)) is a martingale
 * at the true q; ranks k with E_n(k) < 1/alpha are kept at all times with probability 1 - alpha (Howard & Ramdas,
 * "Sequential estimation of quantiles", Bernoulli 28, 2022; mixture as in Robbins 1970). The prior Beta(m p, m (1-p)) is
 * centred on p; a small m makes the upper bound of an extreme quantile exist as early as can be. Units: those of the
 * observations. The sketch's relative accuracy widens the bounds. Degenerate cases: no observations; a bound that the
 * data cannot give yet is null and `needed` says from how many observations on it exists.
 */
import type { DDSketch } from './ddsketch.ts'
import { alphaFault, failed, type Result } from './result.ts'
import { logBeta } from './special.ts'

const priorWeight = 10

export type QuantileSequence = { estimate: number; lower: number | null; upper: number | null; needed: number }

export function quantileSequence(input: {
  sketch: DDSketch
  quantile: number
  alpha: number
}): Result<QuantileSequence> {
  const { sketch, quantile, alpha } = input
  const fault = alphaFault(alpha)
  if (fault !== null) return fault
  if (!(quantile > 0 && quantile < 1)) return failed(`quantile ${quantile} does not lie between 0 and 1`)
  const middle = sketch.quantile(quantile)
  if (!middle.ok) return middle
  const { low, high } = keptRanks({ trials: sketch.count, quantile, alpha })
  const lower = low < 1 ? null : sketch.valueAtRank(low)
  const upper = high >= sketch.count ? null : sketch.valueAtRank(high + 1)
  const { accuracy } = sketch
  return {
    ok: true,
    estimate: middle.value,
    lower: lower?.ok ? widen(lower.value, -accuracy) : null,
    upper: upper?.ok ? widen(upper.value, accuracy) : null,
    needed: trialsForUpper(quantile, alpha),
  }
}

/** A bound moved outwards by the sketch's error, whatever its sign. */
function widen(value: number, accuracy: number): number {
  return value + Math.abs(value) * accuracy
}

/** log E_n(k) for "P(X <= q) is the quantile". */
function logRankEvidence(at: { rank: number; trials: number; quantile: number }): number {
  const { rank, trials, quantile } = at
  const a = priorWeight * quantile
  const b = priorWeight * (1 - quantile)
  const mixture = logBeta(a + rank, b + trials - rank) - logBeta(a, b)
  return mixture - rank * Math.log(quantile) - (trials - rank) * Math.log1p(-quantile)
}

/** The least and the greatest rank that are kept; evidence falls towards n p from both sides. */
function keptRanks(at: { trials: number; quantile: number; alpha: number }): { low: number; high: number } {
  const { trials, quantile } = at
  const threshold = Math.log(1 / at.alpha)
  const isKept = (rank: number): boolean => logRankEvidence({ rank, trials, quantile }) < threshold
  const middle = Math.min(trials, Math.max(0, Math.round(trials * quantile)))
  return { low: lastKept(middle, 0, isKept), high: lastKept(middle, trials, isKept) }
}

/** The kept rank that is nearest to `end`, walking from a kept `middle` by bisection. */
function lastKept(middle: number, end: number, isKept: (rank: number) => boolean): number {
  if (isKept(end)) return end
  let kept = middle
  let dropped = end
  while (Math.abs(dropped - kept) > 1) {
    const rank = Math.trunc((kept + dropped) / 2)
    if (isKept(rank)) kept = rank
    else dropped = rank
  }
  return kept
}

/** From this number of observations on the quantile is bounded from above. */
function trialsForUpper(quantile: number, alpha: number): number {
  const threshold = Math.log(1 / alpha)
  const isEnough = (trials: number): boolean => logRankEvidence({ rank: trials, trials, quantile }) >= threshold
  let enough = 1
  while (!isEnough(enough)) enough *= 2
  let short = enough >> 1
  while (enough - short > 1) {
    const trials = (short + enough) >> 1
    if (isEnough(trials)) enough = trials
    else short = trials
  }
  return enough
}

export type QuantileComparison = {
  /** Candidate's quantile over stable's. */
  ratio: number
  /** Time-uniform bounds of the ratio; null where the data cannot give them yet. */
  lowerRatio: number | null
  upperRatio: number | null
  /** The candidate's quantile is above (1 + margin) times the stable's. */
  crossed: boolean
  /** It is shown to be below. */
  shownBelow: boolean
  /** Observations that a version needs before its quantile is bounded from above. */
  needed: number
}

/** Each version's one-sided bound errs with chance alpha/2, so each side of the ratio errs with alpha at most (union bound). */
export function compareQuantiles(input: {
  candidate: DDSketch
  stable: DDSketch
  quantile: number
  relativeMargin: number
  alpha: number
}): Result<QuantileComparison> {
  const { quantile, relativeMargin } = input
  const alpha = input.alpha / 2
  if (!(relativeMargin > -1 && Number.isFinite(relativeMargin)))
    return failed(`margin is ${relativeMargin}; it must be above -1`)
  const candidate = quantileSequence({ sketch: input.candidate, quantile, alpha })
  if (!candidate.ok) return candidate
  const stable = quantileSequence({ sketch: input.stable, quantile, alpha })
  if (!stable.ok) return stable
  if (!(stable.estimate > 0)) return failed('a ratio needs a stable quantile above zero')
  const limit = 1 + relativeMargin
  const lowerRatio = divide(candidate.lower, stable.upper)
  const upperRatio = divide(candidate.upper, stable.lower)
  return {
    ok: true,
    ratio: candidate.estimate / stable.estimate,
    lowerRatio,
    upperRatio,
    crossed: lowerRatio !== null && lowerRatio > limit,
    shownBelow: upperRatio !== null && upperRatio < limit,
    needed: stable.needed,
  }
}

function divide(a: number | null, b: number | null): number | null {
  return a === null || b === null || b <= 0 ? null : a / b
}
