import { insufficient, invalid, type Result } from '../result.ts'
import type { DelayDistribution } from './delay-distribution.ts'
import { delayBinEndMs, lastBinWithin } from './delay-grid.ts'

/**
 * An age counts as observed while the predictions watched that long have this many labels: a tail of 5 % is then seen
 * with a standard deviation of 3 points.
 */
const LEAST_LABELS = 50

/** An age is called mature only if predictions were watched for six bins more, twice as long, and the labels held. */
const FOLLOW_UP_BINS = 6

/** Guards a comparison of shares against the last bits of products. */
const ROUNDING = 1e-12

/** The age at which most labels that will come have come. */
export type MaturityAge = {
  /** Milliseconds; the end of a bin of the delay grid. */
  readonly ageMs: number
  /** The age within which labels count as coming at all, in milliseconds. */
  readonly horizonMs: number
  /** The share of all predictions that is labelled within the horizon. */
  readonly labelledShare: number
}

/**
 * The age by which `share` of those labels have come that come within a horizon. Without a horizon of the caller's it is
 * the greatest age observed, and the answer waits until that is twice the age found: then as few labels came in the
 * second half as were left out.
 *
 * @use To choose the age from which a prediction is judged. Ages are chosen from the past and then kept: one that moves
 * with the data moves predictions in and out of what is judged.
 * @assumes Beyond the horizon no labels come that matter. Without a horizon this cannot be learned from data: labels
 * that come in seconds or else in weeks look complete within a minute. Who knows of such gives the horizon.
 * @formula the least end of a bin b with F(b) >= share * F(h); h the horizon, or the last bin with
 * n_h F(h) / S(h-1) >= 50 labels among the predictions watched that long; without a horizon of the caller's
 * b + 6 bins <= h as well, unless every prediction is labelled.
 * @source F is the product-limit estimate of `delayDistribution`. That a plateau must be watched as long again as it took
 * to reach: after Maller & Zhou, "Testing for sufficient follow-up and outliers in survival data", JASA 89 (1994),
 * 1499-1506, here as a fixed rule and not as their test.
 * @degenerate Insufficient with fewer than 50 labels, or while the horizon is not observed. A share outside (0, 1) and a
 * horizon under 1 ms are invalid.
 */
export function maturityAge({
  distribution,
  share,
  horizonMs = null,
}: {
  distribution: DelayDistribution
  share: number
  horizonMs?: number | null
}): Result<MaturityAge> {
  if (!(share > 0 && share < 1)) return invalid(`the share is ${share}; it must be greater than 0 and less than 1`)
  const reach = reachOf(distribution, horizonMs)
  if (!reach.ok) return reach
  const bin = binReaching(distribution, share * reach.labelledShare)
  const isSettled = horizonMs !== null || reach.isComplete || bin + FOLLOW_UP_BINS <= reach.bin
  if (!isSettled)
    return insufficient(
      `labels are still coming: ${percent(share)} of those seen came within ${delayBinEndMs(bin)} ms, and predictions were watched for ${reach.horizonMs} ms, not twice as long`,
    )
  return { ok: true, ageMs: delayBinEndMs(bin), horizonMs: reach.horizonMs, labelledShare: reach.labelledShare }
}

/**
 * The delays below which given shares of the labels come, in milliseconds, of labels that come within the greatest age
 * observed. Provisional by nature: while young predictions are all there are, slow labels are not among them.
 *
 * @use To tell a reader how long labels take. For judging use `maturityAge`, which waits for the tail.
 * @assumes As `delayDistribution`.
 * @formula the least end of a bin b with F(b) >= share * F(h), h the last bin observed.
 * @source As `delayDistribution`.
 * @degenerate Insufficient with fewer than 50 labels; a share outside (0, 1) is invalid.
 */
export function delayQuantiles({
  distribution,
  shares,
}: {
  distribution: DelayDistribution
  shares: readonly number[]
}): Result<{ delaysMs: readonly number[]; horizonMs: number }> {
  const wrong = shares.find(share => !(share > 0 && share < 1))
  if (wrong !== undefined) return invalid(`a share is ${wrong}; it must be greater than 0 and less than 1`)
  const reach = reachOf(distribution, null)
  if (!reach.ok) return reach
  const delaysMs = shares.map(share => delayBinEndMs(binReaching(distribution, share * reach.labelledShare)))
  return { ok: true, delaysMs, horizonMs: reach.horizonMs }
}

/**
 * The share of the labels coming within a horizon that have come by each of some ages, from 0 to 1: how mature
 * predictions of that age are. Ages are rounded down to the grid.
 *
 * @use To weigh or to tell how complete a young cohort is.
 * @assumes As `delayDistribution`.
 * @formula min(1, F(age) / F(horizon)).
 * @source As `delayDistribution`.
 * @degenerate Insufficient while the horizon is not observed, as in `maturityAge`. An age that is not a number or a
 * horizon under 1 ms is invalid; an age below 1 ms has share 0.
 */
export function shareArrived({
  distribution,
  agesMs,
  horizonMs,
}: {
  distribution: DelayDistribution
  agesMs: readonly number[]
  horizonMs: number
}): Result<{ shares: readonly number[] }> {
  if (agesMs.some(Number.isNaN)) return invalid('an age is NaN; it must be a number of milliseconds')
  const reach = reachOf(distribution, horizonMs)
  if (!reach.ok) return reach
  const shares = agesMs.map(ageMs => Math.min(1, shareAt(distribution, lastBinWithin(ageMs)) / reach.labelledShare))
  return { ok: true, shares }
}

type Reach = {
  readonly bin: number
  readonly horizonMs: number
  readonly labelledShare: number
  /** Every prediction got its label: none is left to wait for. */
  readonly isComplete: boolean
}

/** How far the distribution may be believed: to the caller's horizon if that is observed, or as far as it is. */
function reachOf(distribution: DelayDistribution, horizonMs: number | null): Result<Reach> {
  if (horizonMs !== null && !(horizonMs >= 1))
    return invalid(`the horizon is ${horizonMs} ms; it must be 1 ms at least`)
  const observed = lastObserved(distribution)
  if (observed < 0) return insufficient(`the predictions watched have fewer than ${LEAST_LABELS} labels`)
  const wanted = horizonMs === null ? observed : lastBinWithin(horizonMs)
  const isComplete = distribution.unlabelledShare === 0 && observed === distribution.share.length - 1
  if (wanted > observed && !isComplete)
    return insufficient(
      `the horizon is ${horizonMs} ms; predictions with ${LEAST_LABELS} labels were watched for ${delayBinEndMs(observed)} ms`,
    )
  const labelledShare = shareAt(distribution, wanted)
  if (!(labelledShare > 0)) return insufficient(`no label came within the horizon of ${horizonMs} ms`)
  return { ok: true, bin: wanted, horizonMs: horizonMs ?? delayBinEndMs(wanted), labelledShare, isComplete }
}

/** The last bin through which enough predictions were watched; -1 if there is none. */
function lastObserved({ share, atRisk }: DelayDistribution): number {
  for (let bin = share.length - 1; bin >= 0; bin -= 1) {
    const unlabelledBefore = 1 - (share[bin - 1] ?? 0)
    if ((atRisk[bin] ?? 0) * (share[bin] ?? 0) >= LEAST_LABELS * unlabelledBefore) return bin
  }
  return -1
}

function binReaching({ share }: DelayDistribution, target: number): number {
  const bin = share.findIndex(one => one >= target * (1 - ROUNDING))
  return bin < 0 ? share.length - 1 : bin
}

/** The share labelled by the end of a bin; beyond the last one nothing more is known to come. */
function shareAt({ share }: DelayDistribution, bin: number): number {
  return bin < 0 ? 0 : (share[Math.min(bin, share.length - 1)] ?? 0)
}

function percent(share: number): string {
  return `${+(share * 100).toFixed(1)} %`
}
