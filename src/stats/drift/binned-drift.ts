import { checkAlpha, insufficient, invalid, type Result } from '../result.ts'
import type { DriftReference, Histogram } from './binning.ts'
import { type JensenShannon, jensenShannon } from './jensen-shannon.ts'
import { binnedKs, type Ks } from './ks.ts'
import { type Psi, psi } from './psi.ts'
import { type TwoSampleChiSquare, twoSampleChiSquare } from './two-sample-chi-square.ts'
import { binnedWasserstein, type Wasserstein } from './wasserstein.ts'

/** Fewer rows on a side could show no drift that matters, and a pass would say nothing. */
const ROWS_MIN = 30

/** Every statistic, or why there is none; null where it makes no sense for the kind of the feature. */
export type DriftStatistics = {
  readonly chiSquare: Result<TwoSampleChiSquare>
  readonly psi: Result<Psi>
  readonly jensenShannon: Result<JensenShannon>
  /** Of raw values; null for histograms and texts. */
  readonly ks: Result<Ks> | null
  readonly ksAtLeast: Result<{ statisticAtLeast: number }> | null
  /** Of raw values or, for histograms, of their positions; null for texts. */
  readonly wasserstein: Result<Wasserstein> | null
}

/** The verdict on one feature. */
export type FeatureDrift = {
  /** `fail` if the feature drifted. */
  readonly verdict: 'pass' | 'fail'
  readonly kind: 'number' | 'text'
  /** The test with the least p value. */
  readonly decidedBy: 'ks' | 'chi-square'
  readonly pValue: number
  readonly logPValue: number
  /** Whether the PSI exceeds what is tolerated, or cannot be had: without this there is no fail. */
  readonly matters: boolean
  readonly referenceRows: number
  readonly currentRows: number
  readonly referenceMissingShare: number
  readonly currentMissingShare: number
  readonly statistics: DriftStatistics
}

/**
 * Whether one feature drifted, from histograms alone: what a stream can afford.
 *
 * @use With a reference of `numberReference` or `textReference` and a histogram counted as rows came.
 * @assumes As `featureDrift`; of texts that the reference keeps no category by luck. Where it leaves out many that are as
 * frequent as those it keeps, these are rarer in every other sample, which is found as drift: keep fewer, or all.
 * @formula p of the two-sample chi-square test on the bins, missing values being one; `fail` if p <= alpha and PSI >
 * toleratedPsi. KS as a lower bound, the Wasserstein distance between positions of bins.
 * @source As `twoSampleChiSquare`.
 * @degenerate As `featureDrift`; counts that do not belong to the reference are invalid.
 */
export function binnedDrift({
  reference,
  current,
  alpha,
  toleratedPsi = 0,
}: {
  reference: DriftReference
  current: Histogram
  alpha: number
  toleratedPsi?: number
}): Result<FeatureDrift> {
  const pair = { reference: reference.counts, current: current.counts }
  const bad = checkAlpha(alpha)
  if (bad !== undefined) return bad
  if (!(toleratedPsi >= 0 && Number.isFinite(toleratedPsi)))
    return invalid(`toleratedPsi is ${toleratedPsi}; it must be at least 0`)
  const chiSquare = twoSampleChiSquare(pair)
  if (!chiSquare.ok) return chiSquare
  const rows = rowsOf(pair.reference, pair.current)
  if (Math.min(rows.referenceRows, rows.currentRows) < ROWS_MIN)
    return insufficient(
      `drift needs ${ROWS_MIN} rows on both sides; there are ${rows.referenceRows} and ${rows.currentRows}`,
    )
  const common = { chiSquare, psi: psi({ ...pair, alpha }), jensenShannon: jensenShannon(pair) }
  const statistics = { ...common, ks: null, ...orderedStatistics(reference, current) }
  return judge({ drift: { kind: reference.kind, ...rows, statistics }, alpha, toleratedPsi })
}

/** The verdict by the tests that are there: Bonferroni's bound of their p values, and the size of the drift. */
export function judge({
  drift,
  alpha,
  toleratedPsi,
}: {
  drift: Omit<FeatureDrift, 'verdict' | 'decidedBy' | 'pValue' | 'logPValue' | 'matters'>
  alpha: number
  toleratedPsi: number
}): Result<FeatureDrift> {
  const { chiSquare, ks, psi: index } = drift.statistics
  if (!chiSquare.ok) return chiSquare
  const byKs = ks?.ok === true && ks.logPValue < chiSquare.logPValue
  const least = byKs ? ks.logPValue : chiSquare.logPValue
  const logPValue = Math.min(0, least + (ks?.ok === true ? Math.LN2 : 0))
  const matters = !index.ok || index.psi > toleratedPsi
  const verdict = matters && logPValue <= Math.log(alpha) ? 'fail' : 'pass'
  const decision = { verdict, decidedBy: byKs ? 'ks' : 'chi-square', matters } as const
  return { ok: true, ...drift, ...decision, pValue: Math.exp(logPValue), logPValue }
}

function orderedStatistics(
  reference: DriftReference,
  current: Histogram,
): Pick<DriftStatistics, 'ksAtLeast' | 'wasserstein'> {
  if (reference.kind === 'text') return { ksAtLeast: null, wasserstein: null }
  const pair = { reference: reference.counts.slice(0, -1), current: current.counts.slice(0, -1) }
  const { positions, moments } = reference
  return { ksAtLeast: binnedKs(pair), wasserstein: binnedWasserstein({ ...pair, positions, moments }) }
}

function rowsOf(reference: readonly number[], current: readonly number[]) {
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)
  const [referenceRows, currentRows] = [total(reference), total(current)]
  return {
    referenceRows,
    currentRows,
    referenceMissingShare: (reference.at(-1) ?? 0) / referenceRows,
    currentMissingShare: (current.at(-1) ?? 0) / currentRows,
  }
}
