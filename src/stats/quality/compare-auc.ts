import { checkAlpha, type Result } from '../result.ts'
import { areaOf, binningErrorOf, delongVariance } from './auc.ts'
import { criticalValue, twoSided } from './normal-inference.ts'
import {
  binsOfRows,
  checkBins,
  checkClasses,
  checkScores,
  placementsOf,
  type ScoreBins,
  type ScoredLabels,
  spreadOf,
} from './placements.ts'

/** Two areas under ROC curves and their difference. */
export type AucComparison = {
  readonly candidate: number
  readonly stable: number
  /** Candidate less stable, with a normal interval inside [-1, 1]. */
  readonly difference: { readonly estimate: number; readonly lower: number; readonly upper: number }
  /** The variance of the difference that the test used; never 0. */
  readonly variance: number
  /** DeLong's variance or, where that is 0, the greatest that the difference can have. */
  readonly varianceBy: 'delong' | 'greatest-possible'
  readonly z: number
  readonly pValue: number
  readonly logPValue: number
}

/**
 * Tests whether two models that scored the SAME rows have different areas under the ROC curve, and estimates the
 * difference candidate - stable. Row i is positive if `labels[i]`; scores may be in different units.
 *
 * @use To compare a candidate with the stable version on replayed or shadowed rows. For versions that saw different rows
 *   use `compareIndependentAuc`. Not for two nested models fitted on these very rows.
 * @assumes Rows are independent of each other; labels and the order of the scores come from one population.
 * @formula z = (AUC_c - AUC_s) / sqrt(var(V10_c - V10_s)/m + var(V01_c - V01_s)/n), V10 and V01 as in `auc`.
 * @source DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988); Sun & Xu, IEEE Signal Processing Letters 21 (2014)
 *   10.1109/LSP.2014.2337313; greatest variance: Hoeffding, JASA 58 (1963), section 5.
 * @degenerate Fewer than 2 rows of a class are insufficient. Where the variance is 0, as with two models that rank all
 *   rows alike, 1 / min(m, n) stands in for it, the greatest variance that a mean of that many values in [-1, 1] has.
 */
export function compareAuc({
  labels,
  candidate,
  stable,
  alpha,
}: {
  labels: readonly boolean[]
  candidate: readonly number[]
  stable: readonly number[]
  alpha: number
}): Result<AucComparison> {
  const bad =
    checkAlpha(alpha) ??
    checkScores('candidate', { labels, scores: candidate }) ??
    checkScores('stable', { labels, scores: stable })
  if (bad !== undefined) return bad
  const positives = labels.filter(label => label).length
  const negatives = labels.length - positives
  const few = checkClasses('the sample', positives, negatives)
  if (few !== undefined) return few
  const first = rowPlacements({ labels, scores: candidate })
  const second = rowPlacements({ labels, scores: stable })
  const ofClass = (label: boolean, placements: (row: number) => number) =>
    spreadOf([...labels.keys()].filter(row => labels[row] === label).map(row => [placements(row), 1]))
  const differences = (label: boolean) => ofClass(label, row => (first[row] ?? 0) - (second[row] ?? 0))
  const difference = differences(true)
  const variance = delongVariance({
    positives,
    negatives,
    ofPositives: difference.m2,
    ofNegatives: differences(false).m2,
  })
  return comparisonOf({
    candidate: ofClass(true, row => first[row] ?? 0).mean / (2 * negatives),
    stable: ofClass(true, row => second[row] ?? 0).mean / (2 * negatives),
    difference: difference.mean / (2 * negatives),
    variance,
    greatestVariance: 1 / Math.min(positives, negatives),
    alpha,
  })
}

/**
 * Tests whether two models that scored DIFFERENT, independent rows have different areas under the ROC curve, and
 * estimates the difference candidate - stable.
 *
 * @use For versions with separate traffic. Where both scored the same rows use `compareAuc`, which needs fewer.
 * @assumes Rows are independent within and between the samples, and both samples come from one population of callers: a
 *   different mix of easy rows moves the AUC without any change of the model.
 * @formula z = (AUC_c - AUC_s) / sqrt(variance_c + variance_s), DeLong's variances.
 * @source Hanley & McNeil, Radiology 143 (1982), for independent samples; variances of DeLong, DeLong &
 *   Clarke-Pearson, Biometrics 44 (1988); greatest variance: Hoeffding, JASA 58 (1963), section 5.
 * @degenerate Fewer than 2 rows of a class in a sample are insufficient. A sample whose variance is 0 (perfect separation,
 *   constant scores) counts with 1 / (4 min(m, n)), the greatest variance its AUC can have.
 */
export function compareIndependentAuc({
  candidate,
  stable,
  alpha,
}: {
  candidate: ScoredLabels
  stable: ScoredLabels
  alpha: number
}): Result<AucComparison> {
  const bad = checkAlpha(alpha) ?? checkScores('candidate', candidate) ?? checkScores('stable', stable)
  if (bad !== undefined) return bad
  return compareBins({ candidate: binsOfRows(candidate), stable: binsOfRows(stable), alpha })
}

/**
 * `compareIndependentAuc` from counts of scores in bins, lowest scores first. The two arms may have different bins.
 * `binningErrorMax` is how far the difference of the scores before binning can be from `difference.estimate`.
 *
 * @use For two arms of a live split, where scores are counted rather than kept.
 * @assumes As `compareIndependentAuc`; the test is of the binned scores. If both arms use the same fine bins, binning
 *   moves both areas alike and the stated error is far from reached.
 * @formula As `compareIndependentAuc`; binningErrorMax = sum over both arms of sum_b p_b n_b / (2 m n).
 * @source As `compareIndependentAuc`.
 * @degenerate As `compareIndependentAuc`; lists of different lengths within an arm and counts that are no counts are
 *   invalid.
 */
export function aucComparisonFromBins({
  candidate,
  stable,
  alpha,
}: {
  candidate: ScoreBins
  stable: ScoreBins
  alpha: number
}): Result<AucComparison & { readonly binningErrorMax: number }> {
  const bad = checkAlpha(alpha) ?? checkBins('candidate', candidate) ?? checkBins('stable', stable)
  if (bad !== undefined) return bad
  const comparison = compareBins({ candidate, stable, alpha })
  if (!comparison.ok) return comparison
  return { ...comparison, binningErrorMax: binningErrorOf(candidate) + binningErrorOf(stable) }
}

function rowPlacements({ labels, scores }: ScoredLabels): readonly number[] {
  const bins = binsOfRows({ labels, scores })
  const { ofPositives, ofNegatives } = placementsOf(bins)
  return bins.binOfRow.map((bin, row) => (labels[row] === true ? ofPositives : ofNegatives)[bin] ?? 0)
}

function compareBins(arms: { candidate: ScoreBins; stable: ScoreBins; alpha: number }): Result<AucComparison> {
  const candidate = areaOf('candidate', arms.candidate)
  if (!candidate.ok) return candidate
  const stable = areaOf('stable', arms.stable)
  if (!stable.ok) return stable
  const both = [candidate, stable]
  const greatest = (area: typeof candidate) => 1 / (4 * Math.min(area.positives, area.negatives))
  const knowsAll = both.every(area => area.variance > 0)
  const variance = both.reduce((sum, area) => sum + (area.variance > 0 ? area.variance : greatest(area)), 0)
  return comparisonOf({
    candidate: candidate.estimate,
    stable: stable.estimate,
    difference: candidate.estimate - stable.estimate,
    variance: knowsAll ? variance : 0,
    greatestVariance: variance,
    alpha: arms.alpha,
  })
}

function comparisonOf(found: {
  candidate: number
  stable: number
  difference: number
  variance: number
  greatestVariance: number
  alpha: number
}): Result<AucComparison> {
  const { candidate, stable, difference: estimate } = found
  const variance = found.variance > 0 ? found.variance : found.greatestVariance
  const error = Math.sqrt(variance)
  const z = estimate / error
  const half = criticalValue(found.alpha) * error
  return {
    ok: true,
    candidate,
    stable,
    difference: { estimate, lower: Math.max(-1, estimate - half), upper: Math.min(1, estimate + half) },
    variance,
    varianceBy: found.variance > 0 ? 'delong' : 'greatest-possible',
    z,
    ...twoSided(z),
  }
}
