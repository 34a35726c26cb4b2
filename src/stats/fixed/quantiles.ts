import { logRegularizedIncompleteBeta } from '../numerics/special.ts'
import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import type { Interval } from './student-difference.ts'

/** The ranks, from 1 to the count, of the order statistics that bound a quantile, and how often they do. */
export type OrderStatisticRanks = {
  readonly lower: number
  readonly upper: number
  /** The probability that a continuous distribution's quantile lies between them: at least 1 - alpha. */
  readonly coverage: number
}

/**
 * Estimates a quantile of a distribution from a sample in ascending order, in units of the values.
 *
 * @use To describe a sample. With few values beyond the quantile (fewer than about 10) it says little: ask for its
 * interval.
 * @assumes Nothing; as an estimate, that values are independent with one distribution.
 * @formula Linear interpolation at h = (n - 1) p between the values of ranks floor(h) + 1 and the next.
 * @source Hyndman & Fan, "Sample quantiles in statistical packages", The American Statistician 50, 1996, definition 7.
 * @degenerate No values are insufficient; values out of order or not finite are refused. Quantiles 0 and 1 are the
 * extremes.
 */
export function sampleQuantile({
  sorted,
  quantile,
}: {
  sorted: ArrayLike<number>
  quantile: number
}): Result<{ value: number }> {
  if (!(quantile >= 0 && quantile <= 1)) return invalid(`the quantile is ${quantile}; it must be from 0 to 1`)
  const bad = checkSorted(sorted)
  if (bad !== undefined) return bad
  if (sorted.length === 0) return insufficient('a quantile needs at least 1 value; there is none')
  return { ok: true, value: interpolated(sorted, quantile) }
}

/**
 * Estimates a quantile with an interval between two order statistics, valid for every distribution.
 *
 * @use For latencies and other skewed values at a horizon fixed in advance; looked at continuously use the quantile
 * sequence instead.
 * @assumes Values are independent with one distribution (not per-minute aggregates, which are serially correlated). Ties
 * make it cover more, not less.
 * @formula Ranks as `orderStatisticRanks`; the estimate as `sampleQuantile`.
 * @source David & Nagaraja, "Order statistics", 3rd edition, 2003, section 7.1.
 * @degenerate Insufficient as `orderStatisticRanks` says; values out of order or not finite are refused.
 */
export function quantileInterval({
  sorted,
  quantile,
  alpha,
}: {
  sorted: ArrayLike<number>
  quantile: number
  alpha: number
}): Result<{ interval: Interval; ranks: OrderStatisticRanks }> {
  const ranks = orderStatisticRanks({ count: sorted.length, quantile, alpha })
  if (!ranks.ok) return ranks
  const bad = checkSorted(sorted)
  if (bad !== undefined) return bad
  const interval = {
    estimate: interpolated(sorted, quantile),
    lower: sorted[ranks.lower - 1] ?? 0,
    upper: sorted[ranks.upper - 1] ?? 0,
  }
  return { ok: true, interval, ranks }
}

/**
 * The ranks of the order statistics that bound a quantile, each side failing with probability at most alpha / 2, as
 * narrow as that allows.
 *
 * @use Where values are in a sorted store and only the two at these ranks have to be read.
 * @assumes Values are independent with one distribution.
 * @formula With B ~ Binomial(n, p): lower = the greatest l with P(B < l) = I_{1-p}(n - l + 1, l) <= alpha/2, upper = the
 * least u with P(B >= u) = I_p(u, n - u + 1) <= alpha/2; coverage = 1 - both.
 * @source David & Nagaraja, "Order statistics", 3rd edition, 2003, equation 7.1.1.
 * @degenerate Too few values for a rank on either side, p^n or (1 - p)^n above alpha / 2, are insufficient; the reason
 * says how many are needed.
 */
export function orderStatisticRanks({
  count,
  quantile,
  alpha,
}: {
  count: number
  quantile: number
  alpha: number
}): Result<OrderStatisticRanks> {
  const bad =
    checkAlpha(alpha) ?? checkCount('the number of values', count) ?? checkMagnitude(count) ?? checkInside(quantile)
  if (bad !== undefined) return bad
  const target = Math.log(alpha / 2)
  const needed = Math.ceil(target / Math.log1p(-Math.min(quantile, 1 - quantile)) - 1e-9)
  if (count < needed || count === 0)
    return insufficient(`an interval of quantile ${quantile} needs ${needed} values; there are ${count}`)
  const upper = leastRank(count, quantile, target)
  // Values beyond the quantile counted from the top are values up to it, of probability 1 - p, from the bottom.
  const mirrored = leastRank(count, 1 - quantile, target)
  const failure = Math.exp(logTooMany(upper, count, quantile)) + Math.exp(logTooMany(mirrored, count, 1 - quantile))
  return { ok: true, lower: count - mirrored + 1, upper, coverage: 1 - failure }
}

/** The least k with log P(Binomial(count, p) >= k) at most `target`; it holds at `count`. */
function leastRank(count: number, p: number, target: number): number {
  let left = 1
  let right = count
  while (left < right) {
    const middle = Math.floor((left + right) / 2)
    if (logTooMany(middle, count, p) <= target) right = middle
    else left = middle + 1
  }
  return right
}

/** log P(Binomial(count, p) >= k), 1 <= k <= count. */
function logTooMany(k: number, count: number, p: number): number {
  return logRegularizedIncompleteBeta(p, k, count - k + 1)
}

function interpolated(sorted: ArrayLike<number>, quantile: number): number {
  const position = (sorted.length - 1) * quantile
  const rank = Math.floor(position)
  const below = sorted[rank] ?? 0
  const above = sorted[Math.min(rank + 1, sorted.length - 1)] ?? 0
  const share = position - rank
  // In this form, not below + share (above - below), so that the difference cannot overflow; kept between both values.
  return Math.min(Math.max(below * (1 - share) + above * share, below), above)
}

function checkSorted(sorted: ArrayLike<number>): Failure | undefined {
  let previous = Number.NEGATIVE_INFINITY
  for (let index = 0; index < sorted.length; index += 1) {
    const value = sorted[index] ?? Number.NaN
    if (!Number.isFinite(value)) return invalid(`value ${index} is ${value}; it must be a finite number`)
    if (value < previous)
      return invalid(`value ${index} is ${value} after ${previous}; values must be in ascending order`)
    previous = value
  }
  return undefined
}

/** Beyond this the incomplete beta function takes too many steps. */
const COUNT_MAX = 1e12

function checkMagnitude(count: number): Failure | undefined {
  if (count <= COUNT_MAX) return undefined
  return invalid(`the number of values is ${count}; it must be at most ${COUNT_MAX}`)
}

function checkInside(quantile: number): Failure | undefined {
  if (quantile > 0 && quantile < 1 && 1 - quantile < 1) return undefined
  return invalid(`the quantile is ${quantile}; it must be greater than 0 and less than 1`)
}
