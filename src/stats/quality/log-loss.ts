import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments } from '../summaries/moments.ts'

/**
 * A probabilistic prediction with what was true: the probability of yes with a yes-or-no label, or the probabilities of
 * all classes with the position of the true one.
 */
export type ProbabilityRow =
  | { readonly probability: number; readonly label: boolean }
  | { readonly probabilities: readonly number[]; readonly label: number }

/** Below this, the distance of doubles at 1, a probability is clipped: one wrong certainty costs 36.04 and not infinity. */
export const PROBABILITY_MIN = 2 ** -52

/** How far probabilities may sum from 1: models answer in 32-bit or rounded numbers. */
const SUM_TOLERANCE = 1e-3

/** The mean loss of rows, and its moments for intervals and comparisons of means. */
export type MeanLoss = { readonly mean: number; readonly moments: Moments }

/**
 * The log loss of one row, in nats: minus the logarithm of the probability that was given to what turned out true, at
 * least 2^-52. `clipped` tells that it was less, so that the true loss is larger.
 *
 * @use As a row metric: averages, intervals and comparisons of versions then are those of means.
 * @assumes The probabilities are meant as such.
 * @formula -log(max(p_true, 2^-52)).
 * @source Good, "Rational decisions", JRSS B 14 (1952); Gneiting & Raftery, "Strictly proper scoring rules, prediction,
 *   and estimation", JASA 102 (2007) 10.1198/016214506000001437.
 * @degenerate A probability outside [0, 1], probabilities that do not sum to 1 within 0.001 and a label that is no
 *   position among them are invalid.
 */
export function logLossOfRow(row: ProbabilityRow): Result<{ readonly loss: number; readonly clipped: boolean }> {
  const bad = checkRow(row)
  if (bad !== undefined) return bad
  // Through log1p, so that a tiny probability of the wrong answer is not rounded away.
  if ('probability' in row && !row.label)
    return {
      ok: true,
      loss: -Math.log1p(-Math.min(row.probability, 1 - PROBABILITY_MIN)),
      clipped: row.probability > 1 - PROBABILITY_MIN,
    }
  const given = 'probability' in row ? row.probability : (row.probabilities[row.label] ?? 0)
  const clipped = given < PROBABILITY_MIN
  return { ok: true, loss: Math.max(0, -Math.log(clipped ? PROBABILITY_MIN : given)), clipped }
}

/**
 * The Brier score of one row: the squared distance of the probabilities from what turned out true.
 *
 * @use As `logLossOfRow`; bounded, so that no single row decides. A `probability` row scores 0 to 1; a `probabilities`
 *   row sums over the classes and scores 0 to 2, so that two classes given this way score twice as much.
 * @assumes The probabilities are meant as such.
 * @formula (p - y)^2, or sum_k (p_k - [k is true])^2.
 * @source Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).
 * @degenerate As `logLossOfRow`.
 */
export function brierOfRow(row: ProbabilityRow): Result<{ readonly loss: number }> {
  const bad = checkRow(row)
  if (bad !== undefined) return bad
  if ('probability' in row) return { ok: true, loss: (row.probability - (row.label ? 1 : 0)) ** 2 }
  const loss = row.probabilities.reduce((sum, p, index) => sum + (p - (index === row.label ? 1 : 0)) ** 2, 0)
  return { ok: true, loss }
}

/**
 * The mean log loss of rows, in nats, with the share of rows whose loss was clipped.
 *
 * @use For a whole sample. A clip rate above 0 means that the mean is too small, without a bound.
 * @assumes As `logLossOfRow`.
 * @formula The mean of `logLossOfRow`.
 * @source As `logLossOfRow`.
 * @degenerate Without rows insufficient; a bad row is invalid and named by its position.
 */
export function logLoss(rows: readonly ProbabilityRow[]): Result<MeanLoss & { readonly clipRate: number }> {
  let clipped = 0
  const mean = meanOf(rows, row => {
    const loss = logLossOfRow(row)
    if (loss.ok && loss.clipped) clipped += 1
    return loss
  })
  return mean.ok ? { ...mean, clipRate: clipped / rows.length } : mean
}

/**
 * The mean Brier score of rows.
 *
 * @use For a whole sample.
 * @assumes As `brierOfRow`.
 * @formula The mean of `brierOfRow`.
 * @source As `brierOfRow`.
 * @degenerate Without rows insufficient; a bad row is invalid and named by its position.
 */
export function brierScore(rows: readonly ProbabilityRow[]): Result<MeanLoss> {
  return meanOf(rows, brierOfRow)
}

function meanOf(
  rows: readonly ProbabilityRow[],
  lossOf: (row: ProbabilityRow) => Result<{ loss: number }>,
): Result<MeanLoss> {
  if (rows.length === 0) return insufficient('a mean loss needs at least 1 row; there is none')
  let moments = emptyMoments
  for (const [index, row] of rows.entries()) {
    const loss = lossOf(row)
    if (!loss.ok) return { ...loss, reason: `row ${index}: ${loss.reason}` }
    const next = addToMoments(moments, loss.loss)
    if (!next.ok) return next
    moments = next.moments
  }
  return { ok: true, mean: moments.mean, moments }
}

function checkRow(row: ProbabilityRow): Failure | undefined {
  if ('probability' in row) return checkProbability(row.probability)
  let sum = 0
  for (const probability of row.probabilities) {
    const bad = checkProbability(probability)
    if (bad !== undefined) return bad
    sum += probability
  }
  if (!(Math.abs(sum - 1) <= SUM_TOLERANCE))
    return invalid(`the probabilities sum to ${sum}; they must sum to 1 within ${SUM_TOLERANCE}`)
  if (Number.isInteger(row.label) && row.label >= 0 && row.label < row.probabilities.length) return undefined
  return invalid(`the label is ${row.label}; it must be a position among ${row.probabilities.length} probabilities`)
}

/** Refuses a probability outside [0, 1]. */
export function checkProbability(probability: number): Failure | undefined {
  if (probability >= 0 && probability <= 1) return undefined
  return invalid(`the probability is ${probability}; it must be from 0 to 1`)
}
