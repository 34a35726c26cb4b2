import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type ExpectedCounts, type Statistic, statisticsOf, sumOf } from './chi-square.ts'

/** A smaller share than this is a mistake rather than an intention. */
const LEAST_SHARE = 1e-12

/** Whether traffic was split as intended, at one planned look. */
export type SampleRatioFixed = Statistic & {
  /** Arms with a positive weight, less 1. At 0 there is nothing to test and p is 1. */
  readonly df: number
  /** p is at most alpha, or an impossible arm has counts: no comparison of the arms can be trusted. */
  readonly alarm: boolean
  /** Counts that each arm should have got, of those of all arms with a positive weight; 0 for an impossible arm. */
  readonly expectedCounts: readonly number[]
  /** Arms, by position, that have counts while their weight is 0; they have no share in the statistic. */
  readonly impossibleArms: readonly number[]
  /** How well the approximation fits. */
  readonly expected: ExpectedCounts
}

/**
 * The chi-square test for a sample ratio mismatch: whether arms got units in proportion to their constant weights.
 *
 * @use Once, at the planned end. While traffic runs, or when weights changed, take the sequential `sampleRatio`. Usual
 *   levels are 0.001 and below, since a mismatch invalidates everything.
 * @assumes Each unit was assigned independently with the same weights.
 * @formula sum (o - e)^2 / e over arms with positive weight, e = weight share times the counts of those arms; df = the
 *   number of those arms - 1.
 * @source A. Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019,
 *   DOI 10.1145/3292500.3330722.
 * @degenerate Counts in an arm of weight 0 are listed in `impossibleArms` and alarm whatever p is. No counts at all are
 *   insufficient. One arm with a positive weight cannot be out of proportion: df 0, p 1.
 */
export function sampleRatioFixed({
  counts,
  weights,
  alpha,
}: {
  counts: readonly number[]
  weights: readonly number[]
  alpha: number
}): Result<SampleRatioFixed> {
  const refusal = checkAlpha(alpha) ?? checkArms(counts, weights)
  if (refusal !== undefined) return refusal
  const impossibleArms = [...counts.keys()].filter(arm => weights[arm] === 0 && (counts[arm] ?? 0) > 0)
  const possible = counts.filter((_, arm) => (weights[arm] ?? 0) > 0)
  const total = sumOf(possible)
  if (total === 0 && impossibleArms.length === 0) return insufficient('no arm has counts; a ratio needs some')
  const weight = sumOf(weights)
  const expectedCounts = weights.map(share => total * (share / weight))
  const cells = counts.map((observed, arm) => ({ observed, expected: expectedCounts[arm] ?? 0 }))
  const df = possible.length - 1
  const { pearson, expected } = statisticsOf(cells, df)
  const alarm = impossibleArms.length > 0 || pearson.pValue <= alpha
  return { ok: true, ...pearson, df, alarm, expectedCounts, impossibleArms, expected }
}

function checkArms(counts: readonly number[], weights: readonly number[]): Failure | undefined {
  if (counts.length !== weights.length)
    return invalid(`there are ${counts.length} counts and ${weights.length} weights; each arm needs both`)
  for (const [arm, count] of counts.entries()) {
    const bad = checkCount(`the count of arm ${arm}`, count)
    if (bad !== undefined) return bad
  }
  const weight = sumOf(weights)
  if (!weights.every(share => share >= 0) || !(weight > 0 && weight < Number.POSITIVE_INFINITY))
    return invalid(`the weights are ${weights}; they must be at least 0 and their sum positive`)
  if (weights.every(share => share === 0 || share / weight >= LEAST_SHARE)) return undefined
  return invalid(`the weights are ${weights}; a share must be 0 or at least ${LEAST_SHARE}`)
}
