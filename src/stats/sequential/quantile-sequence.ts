import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import type { DDSketch } from '../summaries/ddsketch.ts'
import { quantileRanks } from './quantile-ranks.ts'

/** A quantile with a confidence interval that may be looked at any number of times, in the unit of the values. */
export type QuantileSequence = {
  /** The quantile of the values seen, within the sketch's accuracy. */
  readonly estimate: number
  /** Absent until there are enough values for a lower limit. */
  readonly lower?: number
  /** Absent until there are enough values for an upper limit. */
  readonly upper?: number
  /** Present while a limit is absent: the number of values from which there are both, whatever the values. */
  readonly needed?: number
}

/**
 * A time-uniform confidence sequence for a quantile of independent values with one distribution, of any shape, ties
 * included: the true quantile ever falls below `lower` with probability at most alpha/2 and ever exceeds `upper` with
 * probability at most alpha/2, over all looks together.
 *
 * The number of values up to the true p-quantile is binomial with probability p. The limits are the order statistics
 * whose ranks the e-process of `quantileRanks` does not reject (Howard & Ramdas, "Sequential estimation of quantiles",
 * Bernoulli 28, 2022), widened to the edges of the sketch's bins, so that they hold for the values themselves. With
 * few values a limit beyond all of them cannot be excluded and is absent: at alpha = 0.05 the 99th percentile has an
 * upper limit from 444 values on (a single look would need 368).
 *
 * Values of different epochs have different distributions: give it the sketch of one epoch. Refuses a quantile or an
 * alpha outside (0, 1); an empty sketch is insufficient.
 *
 * @use For one latency quantile that is watched: an interval from a sketch that is valid at every look.
 * @source Howard & Ramdas, "Sequential estimation of quantiles", Bernoulli 28, 2022 (arXiv 1906.09712).
 */
export function quantileSequence({
  sketch,
  quantile,
  alpha,
}: {
  sketch: DDSketch
  quantile: number
  alpha: number
}): Result<QuantileSequence> {
  const ranks = quantileRanks({ count: sketch.count, quantile, alpha })
  if (!ranks.ok) return ranks
  const estimate = sketch.quantile(quantile)
  if (!estimate.ok) return insufficient(`a quantile needs values; there are none, and ${ranks.needed} bound it`)
  const lower = ranks.lower === undefined ? undefined : sketch.boundsAtRank(ranks.lower)
  const upper = ranks.upper === undefined ? undefined : sketch.boundsAtRank(ranks.upper)
  return {
    ok: true,
    estimate: estimate.value,
    ...(lower?.ok ? { lower: lower.lower } : {}),
    ...(upper?.ok ? { upper: upper.upper } : {}),
    ...(lower === undefined || upper === undefined ? { needed: ranks.needed } : {}),
  }
}

/** What the values of two arms show about the ratio of a quantile, candidate over stable. */
export type QuantileComparison = {
  /** The ratio of the estimates; absent while the stable one is 0. */
  readonly ratio?: number
  /** Ratios below this are excluded at level alpha; absent until both limits exist and the stable one is positive. */
  readonly lowerRatio?: number
  /** Ratios above this are excluded at level alpha; absent likewise. */
  readonly upperRatio?: number
  /** The candidate's quantile exceeds the stable one by more than the margin. */
  readonly crossed: boolean
  /** The candidate's quantile exceeds the stable one by less than the margin. */
  readonly shownBelow: boolean
  /** Both confidence sequences, each limit at level alpha/2, in the unit of the values. */
  readonly candidate: QuantileSequence
  readonly stable: QuantileSequence
}

/**
 * An always-valid comparison of a quantile of two arms, such as the 99th percentile of a latency, against a relative
 * margin: 0.1 tolerates a candidate 10 % above the stable arm.
 *
 * It sets the confidence sequences of both arms against each other, each limit at level alpha/2, so that `crossed`,
 * `shownBelow`, `lowerRatio` and `upperRatio` are each ever wrong with probability at most alpha, under the assumptions
 * of `quantileSequence`; the arms need not be independent. Values must not be negative, or a ratio has no meaning.
 * Without values in both arms the data are insufficient.
 *
 * @use For the latency quantiles of two versions that serve at the same time.
 * @source Howard & Ramdas, Bernoulli 28, 2022 (arXiv 1906.09712).
 */
export function compareQuantiles({
  candidate,
  stable,
  quantile,
  relativeMargin,
  alpha,
}: {
  candidate: DDSketch
  stable: DDSketch
  quantile: number
  relativeMargin: number
  alpha: number
}): Result<QuantileComparison> {
  const bad = checkMargin(relativeMargin) ?? checkValues('candidate', candidate) ?? checkValues('stable', stable)
  if (bad !== undefined) return bad
  const ours = quantileSequence({ sketch: candidate, quantile, alpha })
  if (!ours.ok) return ours
  const theirs = quantileSequence({ sketch: stable, quantile, alpha })
  if (!theirs.ok) return theirs
  const { ok: _ours, ...candidateSequence } = ours
  const { ok: _theirs, ...stableSequence } = theirs
  const tolerated = 1 + relativeMargin
  return {
    ok: true,
    ...ratioOf('ratio', ours.estimate, theirs.estimate),
    ...ratioOf('lowerRatio', ours.lower, theirs.upper),
    ...ratioOf('upperRatio', ours.upper, theirs.lower),
    crossed: ours.lower !== undefined && theirs.upper !== undefined && ours.lower > tolerated * theirs.upper,
    shownBelow: ours.upper !== undefined && theirs.lower !== undefined && ours.upper < tolerated * theirs.lower,
    candidate: candidateSequence,
    stable: stableSequence,
  }
}

/** The quotient under its name, or nothing where there is none that a double holds. */
function ratioOf<Name extends string>(name: Name, a: number | undefined, b: number | undefined) {
  if (a === undefined || b === undefined || b === 0 || !Number.isFinite(a / b)) return {}
  return { [name]: a / b } as { readonly [key in Name]: number }
}

function checkMargin(relativeMargin: number): Failure | undefined {
  if (relativeMargin > -1 && relativeMargin <= 1000) return undefined
  return invalid(`the relative margin is ${relativeMargin}; it must be greater than -1 and at most 1000`)
}

function checkValues(name: string, { min }: DDSketch): Failure | undefined {
  if (min === undefined || min >= 0) return undefined
  return invalid(`the least value of the ${name} arm is ${min}; the ratio of quantiles needs values of at least 0`)
}
