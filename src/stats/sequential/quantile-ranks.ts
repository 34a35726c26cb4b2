import { binomialDivergence, logRegularizedIncompleteBeta } from '../numerics/special.ts'
import { checkAlpha, checkCount, type Failure, invalid, type Result } from '../result.ts'
import { logMixtureLoss } from './bernoulli-mixture.ts'

/** The ranks, from 1 to the count, of the order statistics that bound a quantile. */
export type QuantileRanks = {
  readonly lower?: number
  readonly upper?: number
  /** The count from which both exist. */
  readonly needed: number
}

/**
 * The ranks of the order statistics between which the quantile lies, at all times, each side failing with probability
 * at most alpha/2: the ranks k at which "k values up to the quantile" is not rejected.
 *
 * Too many values up to x, against "at most p": the likelihood ratio of the count averaged over rates above p,
 * B(a + k, b + n - k) P(Beta(a + k, b + n - k) > p) / (B(a, b) P(Beta(a, b) > p) p^k (1 - p)^(n - k)); too few
 * likewise over rates below p. Averaging over one side only keeps it a supermartingale under the whole hypothesis,
 * so ties do no harm, and halves its price. a = m p, b = m (1 - p) with the smaller of them 1/2: smaller ones would
 * shorten the wait for the first limit by little (409 values at 1/4, 385 at 1/10 instead of 444 for the 99th
 * percentile) and loosen every later one.
 */
export function quantileRanks({
  count,
  quantile,
  alpha,
}: {
  count: number
  quantile: number
  alpha: number
}): Result<QuantileRanks> {
  const bad =
    checkAlpha(alpha) ?? checkCount('the number of values', count) ?? checkMagnitude(count) ?? checkQuantile(quantile)
  if (bad !== undefined) return bad
  const threshold = Math.log(2 / alpha)
  const above = evidenceOfTooMany(quantile)
  // Values up to the quantile are too few exactly if values beyond it, of probability 1 - p, are too many.
  const below = evidenceOfTooMany(1 - quantile)
  const fromBelow = leastTooMany(above, count, quantile, threshold)
  const fromAbove = leastTooMany(below, count, 1 - quantile, threshold)
  return {
    ok: true,
    ...(fromAbove === undefined ? {} : { lower: count - fromAbove + 1 }),
    ...(fromBelow === undefined ? {} : { upper: fromBelow }),
    needed: Math.max(
      firstCount(n => above(n, n) >= threshold),
      firstCount(n => below(n, n) >= threshold),
    ),
  }
}

/** log E of k among n values. */
type Evidence = (k: number, n: number) => number

/** Against "the probability is at most p"; 0 or less unless k exceeds n p. */
function evidenceOfTooMany(p: number): Evidence {
  const strength = 0.5 / Math.min(p, 1 - p)
  const a = strength * p
  const b = strength * (1 - p)
  const priorTail = logUpperTail(p, a, b)
  return (k, n) => {
    if (k <= n * p) return Number.NEGATIVE_INFINITY
    const tails = logUpperTail(p, a + k, b + n - k) - priorTail
    return logMixtureLoss(k, n - k, a, b) + binomialDivergence(k, n - k, p) + tails
  }
}

/** The least k that is too many; it is sought from n p on, for it is a few standard deviations away. */
function leastTooMany(evidence: Evidence, n: number, p: number, threshold: number): number | undefined {
  const isTooMany = (k: number) => evidence(k, n) >= threshold
  if (!isTooMany(n)) return undefined
  let low = Math.floor(n * p)
  let reach = Math.max(1, Math.ceil(4 * Math.sqrt(n * p * (1 - p))))
  while (low + reach < n && !isTooMany(low + reach)) {
    low += reach
    reach *= 2
  }
  return firstTrue(Math.max(1, low), Math.min(n, low + reach), isTooMany)
}

/** log P(Beta(a, b) > p). */
function logUpperTail(p: number, a: number, b: number): number {
  return logRegularizedIncompleteBeta(1 - p, b, a)
}

function firstCount(exists: (n: number) => boolean): number {
  let high = 1
  while (!exists(high)) high *= 2
  return firstTrue(Math.ceil(high / 2), high, exists)
}

/** The least whole number from `low` to `high` at which a rule that stays true holds; it holds at `high`. */
function firstTrue(low: number, high: number, rule: (n: number) => boolean): number {
  let left = low
  let right = high
  while (left < right) {
    const middle = Math.floor((left + right) / 2)
    if (rule(middle)) right = middle
    else left = middle + 1
  }
  return right
}

/** Beyond these no count that a double holds could bound the quantile. */
const EXTREME = 1e-9

/** Beyond this the incomplete beta function takes too many steps; a million values a second reach it in 11 days. */
const MAX_COUNT = 1e12

function checkMagnitude(count: number): Failure | undefined {
  if (count <= MAX_COUNT) return undefined
  return invalid(`the number of values is ${count}; a quantile is bounded for at most ${MAX_COUNT}`)
}

function checkQuantile(quantile: number): Failure | undefined {
  if (quantile >= EXTREME && quantile <= 1 - EXTREME) return undefined
  return invalid(`the quantile is ${quantile}; it must be from ${EXTREME} to ${1 - EXTREME}`)
}
