import { logChiSquareSurvival } from '../numerics/incomplete-gamma.ts'
import { checkAlpha, insufficient, invalid, type Result } from '../result.ts'
import { chiSquareUpperQuantile } from './chi-square-quantile.ts'
import { type CountPair, occupiedBins } from './paired-counts.ts'

/** Fewer rows a bin than this, and the chi-square distribution says nothing about the noise. */
const ROWS_PER_BIN_MIN = 5

/** The population stability index with the noise that two samples of one distribution would show. */
export type Psi = {
  readonly psi: number
  /** Bins that any row fell into. */
  readonly bins: number
  /** What the index is on average without any drift. */
  readonly expectedWithoutDrift: number
  /** What it exceeds without drift with probability alpha. */
  readonly threshold: number
  readonly exceeds: boolean
  readonly pValue: number
  readonly logPValue: number
  /** Rows that were added to every occupied bin of both samples. */
  readonly smoothing: number
}

/**
 * The population stability index (PSI, the symmetric Kullback-Leibler divergence in nats) of two samples counted in the
 * same bins, judged against its own sampling noise instead of the fixed 0.1 and 0.25, which small windows exceed without
 * any drift.
 *
 * @use As a size of drift that people know. For a decision prefer the chi-square test: with rare bins this p value is
 * only approximate.
 * @assumes Independent rows; bins that do not depend on the current sample.
 * @formula sum (q - p) ln(q / p) over the bins with rows, p = (count + s) / (rows + s B) in the reference and q in the
 * current sample, s = 0.5 by default, B bins. Without drift PSI / (1 / rows_reference + 1 / rows_current) is about
 * chi-square with B - 1 degrees of freedom, so its mean is (B - 1)(1 / rows_reference + 1 / rows_current); smoothing
 * takes some percent of that in windows of a dozen rows a bin.
 * @source Yurdakul, Statistical properties of population stability index, Western Michigan University, 2018; Kullback &
 * Leibler, Annals of Mathematical Statistics 22, 1951 (the divergence).
 * @degenerate Insufficient with fewer than 2 bins that hold rows or fewer than 5 rows a bin in either sample. Bins empty
 * in one sample are finite by the smoothing, which must be above 0.
 */
export function psi({
  reference,
  current,
  alpha,
  smoothing = 0.5,
}: CountPair & { alpha: number; smoothing?: number }): Result<Psi> {
  const bad = checkAlpha(alpha)
  if (bad !== undefined) return bad
  if (!(smoothing > 0 && smoothing <= 1)) return invalid(`smoothing is ${smoothing}; it must be above 0 and at most 1`)
  const occupied = occupiedBins({ reference, current })
  if (!occupied.ok) return occupied
  const { bins, referenceRows, currentRows } = occupied
  if (bins.length < 2) return insufficient('a PSI needs rows in at least 2 bins; all are in one')
  if (Math.min(referenceRows, currentRows) < ROWS_PER_BIN_MIN * bins.length)
    return insufficient(
      `a PSI of ${bins.length} bins needs ${ROWS_PER_BIN_MIN * bins.length} rows of each sample; there are ${referenceRows} and ${currentRows}`,
    )
  let index = 0
  for (const bin of bins) {
    const p = (bin.reference + smoothing) / (referenceRows + smoothing * bins.length)
    const q = (bin.current + smoothing) / (currentRows + smoothing * bins.length)
    index += (q - p) * logRatio(q, p)
  }
  const noise = 1 / referenceRows + 1 / currentRows
  return { ok: true, psi: index, bins: bins.length, smoothing, ...noiseOf(index, noise, bins.length - 1, alpha) }
}

/** ln(q / p), with its digits also where both are nearly equal. */
function logRatio(q: number, p: number): number {
  return Math.abs(q - p) < p / 2 ? Math.log1p((q - p) / p) : Math.log(q / p)
}

function noiseOf(index: number, noise: number, df: number, alpha: number) {
  const threshold = noise * chiSquareUpperQuantile({ alpha, df })
  const logPValue = Math.min(0, logChiSquareSurvival(index / noise, df))
  return {
    expectedWithoutDrift: df * noise,
    threshold,
    exceeds: index > threshold,
    pValue: Math.exp(logPValue),
    logPValue,
  }
}
