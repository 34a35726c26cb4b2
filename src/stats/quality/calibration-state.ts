import { checkCount, type Failure, invalid, type Result } from '../result.ts'
import { checkProbability } from './log-loss.ts'

/** Rows whose probabilities are alike. */
export type CalibrationCell = {
  readonly rows: number
  /** Rows whose label is yes. */
  readonly positives: number
  readonly probabilitySum: number
}

/** What calibration is judged from, as plain JSON: bins of equal width, (lo, hi], the first with 0 too, and two sums. */
export type CalibrationState = {
  readonly bins: readonly CalibrationCell[]
  /** The sum of (y - p)(1 - 2p). */
  readonly excess: number
  /** Its variance if the probabilities are right: the sum of (1 - 2p)^2 p (1 - p). */
  readonly excessVariance: number
}

/** A probability of yes, and whether it was yes. */
export type JudgedProbability = { readonly probability: number; readonly label: boolean }

const BINS_DEFAULT = 10
const BINS_MAX = 100_000

/** A cell without rows. */
export const emptyCell: CalibrationCell = { rows: 0, positives: 0, probabilitySum: 0 }

/**
 * An empty state with `bins` bins of equal width, 10 by default. For equal-mass tables take some 1000, which
 * `equalMassCalibration` then joins.
 *
 * @use Once for each version, before the first row.
 * @assumes Nothing.
 * @formula Bin k of K holds (k/K, (k + 1)/K], the first one 0 too.
 * @source Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017, section 2.
 * @degenerate A number of bins that is not whole, or not from 1 to 100 000, is invalid.
 */
export function emptyCalibration(bins: number = BINS_DEFAULT): Result<{ readonly state: CalibrationState }> {
  const bad = checkBinNumber(bins)
  if (bad !== undefined) return bad
  return { ok: true, state: { bins: new Array(bins).fill(emptyCell), excess: 0, excessVariance: 0 } }
}

/**
 * The state after more rows: probabilities that labels are yes, and whether they were.
 *
 * @use For the labelled rows of a stream, in batches, since the bins are copied once a call.
 * @assumes Nothing.
 * @formula The sums of `CalibrationState`.
 * @source As `emptyCalibration` and `spiegelhalterTest`.
 * @degenerate A probability outside [0, 1] is invalid, and none of the rows is added.
 */
export function addToCalibration({
  state,
  rows,
}: {
  state: CalibrationState
  rows: readonly JudgedProbability[]
}): Result<{ readonly state: CalibrationState }> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  const bins = [...state.bins]
  let { excess, excessVariance } = state
  for (const { probability, label } of rows) {
    const badRow = checkProbability(probability)
    if (badRow !== undefined) return badRow
    const positives = label ? 1 : 0
    const slope = 1 - 2 * probability
    const place = binOf(probability, bins.length)
    bins[place] = joined(bins[place] ?? emptyCell, { rows: 1, positives, probabilitySum: probability })
    excess += (positives - probability) * slope
    excessVariance += slope * slope * probability * (1 - probability)
  }
  return { ok: true, state: { bins, excess, excessVariance } }
}

/**
 * The state of the rows of both states together.
 *
 * @use For windows, workers and epochs.
 * @assumes No row is in both.
 * @formula Sums add.
 * @source As `emptyCalibration`.
 * @degenerate States with different numbers of bins are invalid.
 */
export function mergeCalibration({
  first,
  second,
}: {
  first: CalibrationState
  second: CalibrationState
}): Result<{ readonly state: CalibrationState }> {
  const bad = checkState(first) ?? checkState(second)
  if (bad !== undefined) return bad
  if (first.bins.length !== second.bins.length)
    return invalid(`the states have ${first.bins.length} and ${second.bins.length} bins; they must have as many`)
  return {
    ok: true,
    state: {
      bins: first.bins.map((bin, index) => joined(bin, second.bins[index] ?? emptyCell)),
      excess: first.excess + second.excess,
      excessVariance: first.excessVariance + second.excessVariance,
    },
  }
}

/** The rows of both cells. */
export function joined(first: CalibrationCell, second: CalibrationCell): CalibrationCell {
  return {
    rows: first.rows + second.rows,
    positives: first.positives + second.positives,
    probabilitySum: first.probabilitySum + second.probabilitySum,
  }
}

/** Refuses a number of bins that is not whole, not positive or beyond any use. */
export function checkBinNumber(bins: number): Failure | undefined {
  if (Number.isInteger(bins) && bins >= 1 && bins <= BINS_MAX) return undefined
  return invalid(`there are to be ${bins} bins; their number must be whole and from 1 to ${BINS_MAX}`)
}

/** Refuses a state that no rows have. */
export function checkState({ bins, excess, excessVariance }: CalibrationState): Failure | undefined {
  const bad = checkBinNumber(bins.length)
  if (bad !== undefined) return bad
  if (!Number.isFinite(excess) || !(excessVariance >= 0 && excessVariance < Number.POSITIVE_INFINITY))
    return invalid(
      `the state has excess ${excess} and variance ${excessVariance}; both must be finite, the second >= 0`,
    )
  for (const [index, { rows, positives, probabilitySum }] of bins.entries()) {
    const badCount =
      checkCount(`the rows of bin ${index}`, rows) ?? checkCount(`the positives of bin ${index}`, positives)
    if (badCount !== undefined) return badCount
    if (positives > rows || !(probabilitySum >= 0 && probabilitySum <= rows * (1 + 1e-9)))
      return invalid(
        `bin ${index} has ${positives} positives and a probability sum of ${probabilitySum} in ${rows} rows`,
      )
  }
  return undefined
}

/** The bin (k/K, (k + 1)/K] of a probability; the edges are the doubles k/K, which rounding of p K may miss by one. */
function binOf(probability: number, bins: number): number {
  let bin = Math.max(0, Math.ceil(probability * bins) - 1)
  if (bin > 0 && probability <= bin / bins) bin -= 1
  if (probability > (bin + 1) / bins) bin += 1
  return bin
}
