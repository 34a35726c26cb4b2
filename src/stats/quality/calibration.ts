import { type Failure, insufficient, type Result } from '../result.ts'
import {
  type CalibrationCell,
  type CalibrationState,
  checkBinNumber,
  checkState,
  emptyCell,
  type JudgedProbability,
  joined,
} from './calibration-state.ts'
import { checkProbability } from './log-loss.ts'
import { twoSided } from './normal-inference.ts'

/** One line of a reliability table: rows with a probability in (lower, upper]. */
export type ReliabilityBin = {
  readonly lower: number
  readonly upper: number
  readonly rows: number
  readonly meanProbability: number
  /** The share of rows whose label is yes. */
  readonly positiveRate: number
}

/** Distances between what was said and what happened, and the table they come from (bins without rows left out). */
export type Calibration = {
  /** The expected calibration error: the mean distance over the rows. */
  readonly expectedError: number
  /** The largest distance of a bin. */
  readonly maximumError: number
  readonly table: readonly ReliabilityBin[]
}

/** The square of a larger z overflows; only probabilities that round to 0, 1/2 or 1 lead there. */
const Z_MAX = 1e150

/** Rows with a probability above the edge of the cell before and up to `upper`. */
type EdgedCell = CalibrationCell & { readonly upper: number }

/**
 * The expected calibration error over the bins of equal width of a state, with the reliability table.
 *
 * @use To describe whether probabilities mean what they say. It is never negative and, without any miscalibration, of
 *   about sqrt(bins / rows) / 3: compare versions at equal numbers of rows and test with `spiegelhalterTest`.
 * @assumes Nothing; a description. It depends on the number of bins, and errors inside a bin cancel.
 * @formula ECE = sum_b n_b / n |share of yes - mean probability|; maximum error: the largest of these distances.
 * @source Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; Guo,
 *   Pleiss, Sun & Weinberger, ICML 2017, equation 3.
 * @degenerate Without rows insufficient; bins without rows are left out.
 */
export function calibration(state: CalibrationState): Result<Calibration> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  return calibrationOf(edgedBins(state))
}

/**
 * The expected calibration error over bins of about equally many rows, made by joining neighbouring bins of a state; a
 * bin is never split, so the state needs many more than `bins` of them.
 *
 * @use Where most probabilities are alike (rare events), so that bins of equal width hold nearly all rows in one.
 * @assumes As `calibration`.
 * @formula As `calibration`; bin g ends with the first fine bin that reaches g n / bins rows.
 * @source Nixon, Dusenberry, Zhang, Jerfel & Tran, "Measuring calibration in deep learning", CVPR workshops 2019
 *   (adaptive calibration error), arXiv 1904.01685.
 * @degenerate Without rows insufficient. Fewer than `bins` bins result where a fine bin holds more than its share.
 */
export function equalMassCalibration({ state, bins }: { state: CalibrationState; bins: number }): Result<Calibration> {
  const bad = checkState(state) ?? checkBinNumber(bins)
  if (bad !== undefined) return bad
  return calibrationOf(equalMass(edgedBins(state), bins))
}

/**
 * As `equalMassCalibration`, exactly, from rows that are at hand; rows of equal probability stay in one bin.
 *
 * @use For samples that fit in memory.
 * @assumes As `calibration`.
 * @formula As `equalMassCalibration`.
 * @source As `equalMassCalibration`.
 * @degenerate Without rows insufficient; a probability outside [0, 1] is invalid.
 */
export function equalMassCalibrationOfRows({
  rows,
  bins,
}: {
  rows: readonly JudgedProbability[]
  bins: number
}): Result<Calibration> {
  const bad =
    checkBinNumber(bins) ?? rows.map(row => checkProbability(row.probability)).find(found => found !== undefined)
  if (bad !== undefined) return bad
  const cells: EdgedCell[] = []
  for (const { probability, label } of rows.toSorted((a, b) => a.probability - b.probability)) {
    const one = { rows: 1, positives: label ? 1 : 0, probabilitySum: probability }
    const last = cells.at(-1)
    if (last?.upper === probability) cells[cells.length - 1] = { ...joined(last, one), upper: probability }
    else cells.push({ ...one, upper: probability })
  }
  return calibrationOf(equalMass(cells, bins))
}

/**
 * Spiegelhalter's test of whether yes-or-no labels happen with the probabilities that were given, without any bins.
 *
 * @use To test calibration. It sees probabilities that are too extreme or too timid, not those near 1/2, whose weight is 0.
 * @assumes Rows are independent.
 * @formula z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)).
 * @source Spiegelhalter, "Probabilistic prediction in patient management and clinical trials", Statistics in Medicine 5
 *   (1986) 10.1002/sim.4780050506.
 * @degenerate Without rows, and where every probability is 0, 1/2 or 1, insufficient.
 */
export function spiegelhalterTest(
  state: CalibrationState,
): Result<{ readonly z: number; readonly pValue: number; readonly logPValue: number }> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  const z = state.excess / Math.sqrt(state.excessVariance)
  if (!(Math.abs(z) < Z_MAX))
    return insufficient('every probability is 0, 1/2 or 1 or so near that the test has no variance')
  return { ok: true, z, ...twoSided(z) }
}

function edgedBins({ bins }: CalibrationState): readonly EdgedCell[] {
  return bins.map((bin, index) => ({ ...bin, upper: (index + 1) / bins.length }))
}

function equalMass(cells: readonly EdgedCell[], bins: number): readonly EdgedCell[] {
  const total = cells.reduce((sum, { rows }) => sum + rows, 0)
  const result: EdgedCell[] = []
  let open = emptyCell
  let rows = 0
  let reached = 0
  for (const cell of cells) {
    open = joined(open, cell)
    rows += cell.rows
    if (rows * bins < (reached + 1) * total) continue
    result.push({ ...open, upper: cell.upper })
    open = emptyCell
    reached = Math.floor((rows * bins) / total)
  }
  return result
}

function calibrationOf(cells: readonly EdgedCell[]): Failure | ({ ok: true } & Calibration) {
  const total = cells.reduce((sum, { rows }) => sum + rows, 0)
  if (total === 0) return insufficient('calibration needs at least 1 row; there is none')
  const table = cells.flatMap(({ rows, positives, probabilitySum, upper }, index) => {
    const line = { lower: cells[index - 1]?.upper ?? 0, upper, rows, meanProbability: probabilitySum / rows }
    return rows === 0 ? [] : [{ ...line, positiveRate: positives / rows }]
  })
  const distances = table.map(({ positiveRate, meanProbability }) => Math.abs(positiveRate - meanProbability))
  return {
    ok: true,
    expectedError: table.reduce((sum, { rows }, index) => sum + (rows / total) * (distances[index] ?? 0), 0),
    maximumError: distances.reduce((greatest, distance) => Math.max(greatest, distance), 0),
    table,
  }
}
