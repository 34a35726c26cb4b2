import { invalid, type Result } from '../result.ts'
import { binnedDrift, type FeatureDrift, judge } from './binned-drift.ts'
import {
  addToHistogram,
  type DriftReference,
  emptyHistogram,
  type FeatureValue,
  numberReference,
  textReference,
} from './binning.ts'
import { ks } from './ks.ts'
import { type TwoSampleChiSquare, twoSampleChiSquare } from './two-sample-chi-square.ts'
import { wasserstein } from './wasserstein.ts'

/**
 * Whether one feature has another distribution in the current rows than in the reference rows: all statistics of drift
 * and one verdict.
 *
 * @use On two windows of raw values. For streams keep histograms and use `binnedDrift`; over several features, use
 * `datasetDrift` on the results, which corrects for their number.
 * @assumes Independent rows; one look at this pair of windows. Missing values are null and may drift themselves.
 * @formula Numbers: p = min(1, 2 min(p of KS on the values, p of the two-sample chi-square on quantile bins with missing
 * values)); texts: p of the two-sample chi-square on the `categoriesMax` most frequent categories of both samples
 * together, others and missing values; sizes such as PSI on those of the reference. `fail` if p <= alpha and PSI >
 * toleratedPsi.
 * @source As the statistics: `ks`, `twoSampleChiSquare`, `psi`, `jensenShannon`, `wasserstein`; Bonferroni over the two.
 * @degenerate Fewer than 30 rows on a side are insufficient, also a reference with fewer values than bins. Values of mixed
 * kinds and numbers that are not finite are invalid. A statistic that cannot be had is a refusal within the result.
 */
export function featureDrift({
  reference,
  current,
  alpha,
  toleratedPsi = 0,
  bins = 10,
  categoriesMax = 50,
}: {
  reference: readonly FeatureValue[]
  current: readonly FeatureValue[]
  alpha: number
  toleratedPsi?: number
  bins?: number
  categoriesMax?: number
}): Result<FeatureDrift> {
  const numeric = numbersOf(reference)
  const made = numeric === undefined ? texts(reference, categoriesMax) : numberReference({ values: numeric, bins })
  if (!made.ok) return made
  const counted = countAll(made.reference, current)
  if (!counted.ok) return counted
  const drift = binnedDrift({ reference: made.reference, current: counted.histogram, alpha, toleratedPsi })
  if (!drift.ok) return drift
  if (drift.kind === 'text') {
    const chiSquare = chiSquareOfTexts([...reference, ...current], reference.length, categoriesMax)
    return judge({ drift: { ...drift, statistics: { ...drift.statistics, chiSquare } }, alpha, toleratedPsi })
  }
  const samples = { reference: reference.filter(isNumber), current: current.filter(isNumber) }
  const exact = {
    ks: ks({ first: samples.reference, second: samples.current }),
    wasserstein: wasserstein(samples),
  }
  return judge({ drift: { ...drift, statistics: { ...drift.statistics, ...exact } }, alpha, toleratedPsi })
}

/** The values if none is a text; also if all are missing, which then is the refusal of a number. */
function numbersOf(values: readonly FeatureValue[]): readonly (number | null)[] | undefined {
  const numbers = values.filter(value => typeof value !== 'string')
  return numbers.length === values.length ? numbers : undefined
}

function texts(values: readonly FeatureValue[], categoriesMax: number): Result<{ reference: DriftReference }> {
  const kept = values.filter(value => typeof value !== 'number')
  if (kept.length < values.length) return invalid('the reference mixes numbers and texts')
  return textReference({ values: kept, categoriesMax })
}

/**
 * On categories that both samples chose. Those that the reference alone calls frequent are frequent there by luck too, and
 * rarer in any other sample: of 1,000 equally frequent ones it would find drift at every look.
 */
function chiSquareOfTexts(
  values: readonly FeatureValue[],
  referenceRows: number,
  categoriesMax: number,
): Result<TwoSampleChiSquare> {
  const made = texts(values, categoriesMax)
  if (!made.ok) return made
  const { reference } = made
  const first = countAll(reference, values.slice(0, referenceRows))
  if (!first.ok) return first
  const current = reference.counts.map((count, bin) => count - (first.histogram.counts[bin] ?? 0))
  return twoSampleChiSquare({ reference: first.histogram.counts, current })
}

function countAll(reference: DriftReference, values: readonly FeatureValue[]) {
  const histogram = emptyHistogram(reference)
  for (const [index, value] of values.entries()) {
    const added = addToHistogram({ reference, histogram, value })
    if (!added.ok) return invalid(`current row ${index}: ${added.reason}`)
  }
  return { ok: true as const, histogram }
}

function isNumber(value: FeatureValue): value is number {
  return typeof value === 'number'
}
