import { logChiSquareSurvival } from '../numerics/incomplete-gamma.ts'
import type { Result } from '../result.ts'
import { type CountPair, type OccupiedBin, occupiedBins } from './paired-counts.ts'

/** Below this expected count the chi-square distribution is not to be trusted for a cell (Cochran's rule). */
const EXPECTED_MIN = 5

/** Whether two samples of categories come from one distribution. */
export type TwoSampleChiSquare = {
  readonly statistic: number
  /** Cells used less 1; 0 if only one cell is left. */
  readonly degreesOfFreedom: number
  readonly pValue: number
  readonly logPValue: number
  /** Occupied bins that were put together because too few rows were expected in them; 0 if none were. */
  readonly pooledBins: number
}

/**
 * The chi-square test of homogeneity on counts of the same bins in two samples: both samples are random, none is taken
 * for the truth.
 *
 * @use For categories and binned numbers. A one-sample test against the shares of the reference gives p values that are
 * too small, by more the larger the current sample is against the reference.
 * @assumes Independent rows. Bins do not depend on the current sample; quantile bins of a large reference do no harm.
 * @formula sum over both samples and cells of (observed - expected)^2 / expected, expected from the pooled shares; cells
 * - 1 degrees of freedom. Bins with an expected count below 5 in either sample are put together into one cell, with the
 * rarest others until it reaches 5.
 * @source Pearson, Biometrika 8, 1911; Cochran, Some methods for strengthening the common chi-square tests, Biometrics
 * 10, 1954 (least expected counts).
 * @degenerate An empty sample is insufficient. If only one cell is left, the samples agree in it: statistic 0, 0 degrees
 * of freedom, p value 1. Counts that are not whole, or lists of different lengths, are invalid.
 */
export function twoSampleChiSquare({ reference, current }: CountPair): Result<TwoSampleChiSquare> {
  const occupied = occupiedBins({ reference, current })
  if (!occupied.ok) return occupied
  const { bins, referenceRows, currentRows } = occupied
  const leastShare = Math.min(referenceRows, currentRows) / (referenceRows + currentRows)
  const { cells, pooledBins } = poolRare(bins, EXPECTED_MIN / leastShare)
  const degreesOfFreedom = cells.length - 1
  if (degreesOfFreedom === 0) return { ok: true, statistic: 0, degreesOfFreedom, pValue: 1, logPValue: 0, pooledBins }
  let statistic = 0
  for (const cell of cells) {
    const difference = cell.reference / referenceRows - cell.current / currentRows
    statistic += (difference * difference) / (cell.reference + cell.current)
  }
  statistic *= referenceRows * currentRows
  const logPValue = Math.min(0, logChiSquareSurvival(statistic, degreesOfFreedom))
  return { ok: true, statistic, degreesOfFreedom, pValue: Math.exp(logPValue), logPValue, pooledBins }
}

/** Puts the rarest bins together until every cell holds at least `rowsMin` rows of both samples together. */
function poolRare(
  bins: readonly OccupiedBin[],
  rowsMin: number,
): { cells: readonly OccupiedBin[]; pooledBins: number } {
  const ascending = bins.toSorted((a, b) => a.reference + a.current - (b.reference + b.current))
  const rarest = ascending[0]
  if (rarest === undefined || rarest.reference + rarest.current >= rowsMin) return { cells: bins, pooledBins: 0 }
  let pool = { reference: 0, current: 0 }
  let pooledBins = 0
  for (const bin of ascending) {
    const enough = pool.reference + pool.current >= rowsMin && bin.reference + bin.current >= rowsMin
    if (enough) break
    pool = { reference: pool.reference + bin.reference, current: pool.current + bin.current }
    pooledBins += 1
  }
  return { cells: [pool, ...ascending.slice(pooledBins)], pooledBins }
}
