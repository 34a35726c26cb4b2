import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { binomialDivergence } from '../numerics/special.ts'
import { checkAlpha, type Failure, type Result } from '../result.ts'
import { criticalValue } from './normal-inference.ts'
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

/** The area under a ROC curve. */
export type Auc = {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  /** DeLong's variance of the estimate; 0 if no row of a class is placed differently from the others. */
  readonly variance: number
  /** What the interval rests on: the variance or, where that is 0, a bound that needs none. */
  readonly intervalBy: 'delong' | 'independent-pairs'
  readonly positives: number
  readonly negatives: number
}

/**
 * Estimates the area under the ROC curve: the probability that a random positive row scores above a random negative
 * one, ties counting half. `scores` are in any unit, `labels` true for positive rows, both one a row.
 *
 * @use For a score whose order matters and not its value (a ranking, a threshold set later). Not for a score that is
 *   read as a probability: log loss, Brier score and calibration see what the order does not.
 * @assumes Rows are independent. Rows of one unit (user, session) that resemble each other make the interval too short.
 * @formula AUC = sum over pairs of (1 if x > y, 1/2 if x = y) / (m n); variance = var(V10)/m + var(V01)/n with V10, V01
 *   the mean of a positive (negative) row's pairs; the interval is logit(AUC) -+ z sqrt(variance) / (AUC (1 - AUC)).
 * @source DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 44
 *   (1988); by ranks after Sun & Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21 (2014)
 *   10.1109/LSP.2014.2337313; the interval on the logit scale: Pepe, "The Statistical Evaluation of Medical Tests"
 *   (2003), section 5.2; the bound by pairs: Hoeffding, JASA 58 (1963), theorem 1 and section 5.
 * @degenerate Fewer than 2 rows of a class are insufficient. Where DeLong's variance is 0 (perfect separation, constant
 *   scores) the interval is that of min(m, n) independent pairs: all p with k KL(AUC, p) <= log(2 / alpha).
 */
export function auc({ labels, scores, alpha }: ScoredLabels & { readonly alpha: number }): Result<Auc> {
  const bad = checkAlpha(alpha) ?? checkScores('the sample', { labels, scores })
  if (bad !== undefined) return bad
  return aucOfBins(binsOfRows({ labels, scores }), alpha)
}

/**
 * Estimates the area under the ROC curve from counts of scores in bins, lowest scores first: scores inside one bin tie.
 * `binningErrorMax` is how far the AUC of the scores before binning can be from `estimate`, in either direction.
 *
 * @use For streams, where scores are counted rather than kept. With 1000 bins of about equal count the error is at most
 *   0.0005; with scores crowded in a few bins it is large, and stated.
 * @assumes As `auc`. The interval is that of the AUC of the binned score; it does not contain `binningErrorMax`.
 * @formula As `auc` with ties inside a bin; binningErrorMax = sum_b p_b n_b / (2 m n).
 * @source As `auc`; the error follows from each pair inside a bin counting 0 or 1 instead of 1/2.
 * @degenerate Fewer than 2 rows of a class are insufficient. Lists of different lengths and counts that are not whole
 *   numbers from 0 are invalid.
 */
export function aucFromBins({
  positives,
  negatives,
  alpha,
}: ScoreBins & { readonly alpha: number }): Result<Auc & { readonly binningErrorMax: number }> {
  const bad = checkAlpha(alpha) ?? checkBins('the sample', { positives, negatives })
  if (bad !== undefined) return bad
  const area = aucOfBins({ positives, negatives }, alpha)
  if (!area.ok) return area
  return { ...area, binningErrorMax: binningErrorOf({ positives, negatives }) }
}

/** How far binning can move an AUC: half the share of pairs of rows inside one bin. */
export function binningErrorOf({ positives, negatives }: ScoreBins): number {
  const all = placementsOf({ positives, negatives })
  return positives.reduce((sum, count, bin) => {
    return sum + (count / all.positives) * ((negatives[bin] ?? 0) / all.negatives) * 0.5
  }, 0)
}

type Area = { ok: true; estimate: number; variance: number; positives: number; negatives: number }

/** The AUC of bins with DeLong's variance, or why there is none. */
export function areaOf(name: string, bins: ScoreBins): Failure | Area {
  const all = placementsOf(bins)
  const { positives, negatives } = all
  const bad = checkClasses(name, positives, negatives)
  if (bad !== undefined) return bad
  const ofPositives = spreadOf(all.ofPositives.map((value, bin) => [value, bins.positives[bin] ?? 0]))
  const ofNegatives = spreadOf(all.ofNegatives.map((value, bin) => [value, bins.negatives[bin] ?? 0]))
  return {
    ok: true,
    estimate: Math.min(1, ofPositives.mean / (2 * negatives)),
    variance: delongVariance({ positives, negatives, ofPositives: ofPositives.m2, ofNegatives: ofNegatives.m2 }),
    positives,
    negatives,
  }
}

/** DeLong's variance from the centred sums of squares of doubled placements. */
export function delongVariance(sums: {
  positives: number
  negatives: number
  ofPositives: number
  ofNegatives: number
}): number {
  const { positives, negatives } = sums
  const fromPositives = sums.ofPositives / (positives - 1) / positives / (2 * negatives) / (2 * negatives)
  const fromNegatives = sums.ofNegatives / (negatives - 1) / negatives / (2 * positives) / (2 * positives)
  return fromPositives + fromNegatives
}

function aucOfBins(bins: ScoreBins, alpha: number): Result<Auc> {
  const area = areaOf('the sample', bins)
  if (!area.ok) return area
  const { estimate, variance, positives, negatives } = area
  const byVariance = variance > 0 && estimate > 0 && estimate < 1
  const pairs = Math.min(positives, negatives)
  const interval = byVariance ? logitInterval(area, alpha) : pairsInterval(estimate, pairs, alpha)
  const intervalBy = byVariance ? 'delong' : 'independent-pairs'
  return { ok: true, estimate, ...interval, variance, intervalBy, positives, negatives }
}

function logitInterval({ estimate, variance }: Area, alpha: number): { lower: number; upper: number } {
  const centre = Math.log(estimate / (1 - estimate))
  const half = (criticalValue(alpha) * Math.sqrt(variance)) / (estimate * (1 - estimate))
  return { lower: inverseLogit(centre - half), upper: inverseLogit(centre + half) }
}

function inverseLogit(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

function pairsInterval(estimate: number, pairs: number, alpha: number): { lower: number; upper: number } {
  const allowed = Math.log(2) - Math.log(alpha)
  const wins = pairs * estimate
  const losses = pairs - wins
  // The derivative of the divergence in p is trials (p - estimate) / (p (1 - p)).
  const away = (p: number) => ({
    value: allowed - binomialDivergence(wins, losses, p),
    slope: (wins - pairs * p) / (p * (1 - p)),
  })
  const mirrored = (q: number) => ({ value: away(1 - q).value, slope: -away(1 - q).slope })
  return {
    lower: estimate === 0 ? 0 : 1 - rootOfDecreasing(mirrored, 1 - estimate, 1),
    upper: estimate === 1 ? 1 : rootOfDecreasing(away, estimate, 1),
  }
}
