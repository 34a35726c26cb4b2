import { logGamma } from '../numerics/special.ts'
import { insufficient, invalid, type Result } from '../result.ts'
import { logKolmogorovSurvival } from './kolmogorov.ts'
import { type CountPair, occupiedBins } from './paired-counts.ts'

/** More steps than this take too long to count paths one by one (1e6 take some 20 ms). */
const EXACT_STEPS_MAX = 1e6
/** The smallest p value is 1 over the number of paths; beyond this logarithm it would underflow. */
const LOG_PATHS_MAX = 690

/** The greatest distance between two empirical distribution functions. */
export type Ks = {
  /** D, from 0 to 1. */
  readonly statistic: number
  readonly pValue: number
  readonly logPValue: number
  /** `exact`: paths counted, ties taken into account; `asymptotic`: Kolmogorov's limit, conservative with ties. */
  readonly method: 'exact' | 'asymptotic'
}

/**
 * The two-sample Kolmogorov-Smirnov test: whether two samples of numbers come from one distribution, by the greatest
 * distance D of their empirical distribution functions.
 *
 * @use For drift of a number in any form. For shifts in the tails alone it has little power.
 * @assumes Independent values. Ties are allowed.
 * @formula D = max |F(x) - G(x)|. Exact p value: the share of all orders of the pooled values (ties kept together) whose
 * D is at least that large, by recursion over lattice paths, if n m <= 1e6 and the number of orders fits a double;
 * otherwise 2 sum (-1)^(k-1) exp(-2 k^2 D^2 n m / (n + m)).
 * @source Hodges, The significance probability of the Smirnov two-sample test, Arkiv for Matematik 3, 1958 (paths);
 * Schroer & Trenkler, Exact and randomization distributions of Kolmogorov-Smirnov tests two or three samples,
 * Computational Statistics & Data Analysis 20, 1995 (ties); Smirnov, Annals of Mathematical Statistics 19, 1948 (limit).
 * @degenerate An empty sample is insufficient; a value that is not finite is invalid. Equal constants give D = 0, p = 1.
 */
export function ks({ first, second }: { first: readonly number[]; second: readonly number[] }): Result<Ks> {
  if (!first.every(Number.isFinite) || !second.every(Number.isFinite))
    return invalid('a value is not a finite number; leave missing values out')
  if (first.length === 0 || second.length === 0)
    return insufficient(`both samples need values; there are ${first.length} and ${second.length}`)
  // The fewer values come second: memory and the inner loop then are the smaller ones.
  const [long, short] = first.length >= second.length ? [first, second] : [second, first]
  const { excess, tieEnds } = greatestExcess(Float64Array.from(long).sort(), Float64Array.from(short).sort())
  const n = long.length
  const m = short.length
  const statistic = Math.min(1, excess / n / m)
  const exact = n * m <= EXACT_STEPS_MAX && logPaths(n, m) <= LOG_PATHS_MAX
  const logPValue = exact
    ? logShareOfPaths(n, m, excess, tieEnds)
    : logKolmogorovSurvival(statistic * Math.sqrt((n / (n + m)) * m))
  return { ok: true, statistic, pValue: Math.exp(logPValue), logPValue, method: exact ? 'exact' : 'asymptotic' }
}

/**
 * A lower bound of the statistic D from counts of the same bins, in ascending order: the distance of the distribution
 * functions at the edges of the bins, between which it may be greater.
 *
 * @use When only histograms were kept. No p value: it would be too large by an unknown factor.
 * @assumes Bins in ascending order, without a bin of missing values.
 * @formula max over edges of |F(edge) - G(edge)|.
 * @source Kolmogorov-Smirnov statistic as in `ks`, taken at the edges alone.
 * @degenerate An empty sample is insufficient; one bin gives 0.
 */
export function binnedKs({ reference, current }: CountPair): Result<{ statisticAtLeast: number }> {
  const occupied = occupiedBins({ reference, current })
  if (!occupied.ok) return occupied
  let below = 0
  let belowCurrent = 0
  let statisticAtLeast = 0
  for (const bin of occupied.bins) {
    below += bin.reference
    belowCurrent += bin.current
    const distance = Math.abs(below / occupied.referenceRows - belowCurrent / occupied.currentRows)
    statisticAtLeast = Math.max(statisticAtLeast, distance)
  }
  return { ok: true, statisticAtLeast }
}

/** n m D, a whole number, and for every position in the pooled order whether a group of equal values ends there. */
function greatestExcess(long: Float64Array, short: Float64Array): { excess: number; tieEnds: Uint8Array } {
  const tieEnds = new Uint8Array(long.length + short.length + 1)
  let i = 0
  let j = 0
  let excess = 0
  while (i < long.length || j < short.length) {
    const value = Math.min(long[i] ?? Number.POSITIVE_INFINITY, short[j] ?? Number.POSITIVE_INFINITY)
    while (i < long.length && long[i] === value) i += 1
    while (j < short.length && short[j] === value) j += 1
    tieEnds[i + j] = 1
    excess = Math.max(excess, Math.abs(i * short.length - j * long.length))
  }
  return { excess, tieEnds }
}

/**
 * The logarithm of the share of orders that reach the distance somewhere. `reached[j]` is that share among the paths
 * to (i, j), whose last step came from (i - 1, j) with probability i / (i + j); only sums of positive numbers, so that
 * tiny shares keep their digits.
 */
function logShareOfPaths(n: number, m: number, excess: number, tieEnds: Uint8Array): number {
  if (excess === 0) return 0
  const reached = new Float64Array(m + 1)
  for (let i = 0; i <= n; i += 1) {
    for (let j = 0; j <= m; j += 1) {
      if (tieEnds[i + j] === 1 && Math.abs(i * m - j * n) >= excess) reached[j] = 1
      else if (i + j > 0) reached[j] = ((reached[j] ?? 0) * i + (j > 0 ? (reached[j - 1] ?? 0) * j : 0)) / (i + j)
    }
  }
  return Math.min(0, Math.log(reached[m] ?? 1))
}

function logPaths(n: number, m: number): number {
  return logGamma(n + m + 1) - logGamma(n + 1) - logGamma(m + 1)
}
