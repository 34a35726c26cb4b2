import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments } from '../summaries/moments.ts'
import { checkReward, type LoggedRow } from './logged-row.ts'
import {
  addToOverlap,
  emptyOverlap,
  estimateOverlap,
  type Overlap,
  type OverlapState,
  refusePoorOverlap,
} from './overlap.ts'

/** Below this the normal limit is not to be trusted, whatever the caller plans. */
const BURN_IN_MIN = 100
/** No row may carry more of the variance: with rare rewards of one size, at least about ten of them. */
const VARIANCE_SHARE_MAX = 0.1

/** The rows of a stream so far, in the order of the decisions; plain JSON of constant size. */
export type AnytimeState = {
  readonly plan: { readonly alpha: number; readonly plannedRows: number; readonly burnInRows: number }
  readonly overlap: OverlapState
  /** The increments dm + w (r - q). */
  readonly increments: Moments
  readonly lowest: number
  readonly greatest: number
  /** The variance of the mixture, in squared units of the sum; null before the burn-in ends, fixed from then on. */
  readonly mixtureVariance: number | null
}

/** The value of a policy with an interval that may be looked at after every row. */
export type AnytimeEstimate = {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  readonly overlap: Overlap
}

/**
 * An always-valid interval for the mean reward of the evaluation policy (the running mean of its conditional values, if
 * contexts drift), in units of the reward: a confidence sequence on the increments of the doubly robust estimate.
 *
 * @use When logs are looked at as they grow, or were gathered by a policy that learns. For one planned look the interval
 * of `doublyRobust` is narrower.
 * @assumes Rows in the order of the decisions; true logged propensities, which may depend on all earlier rows; q and dm
 * from earlier rows alone (0 where not given, which makes it IPS). Coverage is asymptotic in the burn-in.
 * @formula x = dm + w (r - q), V = sum (x - mean x)^2; mean x +- sqrt((V + m) (ln(1 + V / m) + 2 ln(1 / alpha))) / n. The
 * mixture variance m = V* / (2 ln(1 / alpha) + ln(1 + 2 ln(1 / alpha))), which makes the interval tightest near
 * V = V* = plannedRows times the variance at the end of the burn-in, is fixed then.
 * @source Robbins, Annals of Mathematical Statistics 41, 1970 (normal mixture); Waudby-Smith, Arbour, Sinha, Kennedy &
 * Ramdas, Time-uniform central limit theory and asymptotic confidence sequences, Annals of Statistics 52, 2024,
 * arXiv:2103.06476 (asymptotic form, burn-in); Waudby-Smith, Wu, Ramdas, Karampatziakis & Mineiro, Anytime-valid
 * off-policy inference for contextual bandits, arXiv:2210.10768 (increments); Howard, Ramdas, McAuliffe & Sekhon, Annals
 * of Statistics 49, 2021, arXiv:1810.08240, section 3.5 (the choice of m).
 * @degenerate Insufficient before the burn-in (at least 100 rows), while the overlap fails, and while a single row carries
 * more than 10 % of V; so also when all increments are equal.
 */
export function anytimeOffPolicy({
  rows,
  alpha,
  plannedRows = 10_000,
  burnInRows = BURN_IN_MIN,
}: {
  rows: readonly LoggedRow[]
  alpha: number
  plannedRows?: number
  burnInRows?: number
}): Result<AnytimeEstimate> {
  const started = startAnytime({ alpha, plannedRows, burnInRows })
  if (!started.ok) return started
  let state = started.state
  for (const [index, row] of rows.entries()) {
    const next = addToAnytime({ state, row })
    if (!next.ok) return invalid(`row ${index}: ${next.reason}`)
    state = next.state
  }
  return estimateAnytime(state)
}

/** The state before the first row. `alpha` is fixed here, because the mixture is chosen for it. */
export function startAnytime({
  alpha,
  plannedRows = 10_000,
  burnInRows = BURN_IN_MIN,
}: {
  alpha: number
  plannedRows?: number
  burnInRows?: number
}): Result<{ state: AnytimeState }> {
  const bad = checkAlpha(alpha) ?? checkRows('burnInRows', burnInRows) ?? checkRows('plannedRows', plannedRows)
  if (bad !== undefined) return bad
  const plan = { alpha, plannedRows, burnInRows }
  const nothing = { overlap: emptyOverlap, increments: emptyMoments, lowest: 0, greatest: 0, mixtureVariance: null }
  return { ok: true, state: { plan, ...nothing } }
}

/** The state after the next row, in constant time. Rows must come in the order of their decisions. */
export function addToAnytime({ state, row }: { state: AnytimeState; row: LoggedRow }): Result<{ state: AnytimeState }> {
  const { reward, modelledReward = 0, modelledValue = 0 } = row
  const bad =
    checkReward('the reward', reward) ??
    checkReward('the modelled reward', modelledReward) ??
    checkReward('the modelled value', modelledValue)
  if (bad !== undefined) return bad
  const counted = addToOverlap({ state: state.overlap, row })
  if (!counted.ok) return counted
  const increment = modelledValue + counted.weight * (reward - modelledReward)
  const added = addToMoments(state.increments, increment)
  if (!added.ok) return added
  const first = state.increments.n === 0
  const next = {
    ...state,
    overlap: counted.state,
    increments: added.moments,
    lowest: first ? increment : Math.min(state.lowest, increment),
    greatest: first ? increment : Math.max(state.greatest, increment),
  }
  return { ok: true, state: { ...next, mixtureVariance: state.mixtureVariance ?? mixtureVarianceOf(next) } }
}

/** The interval of `anytimeOffPolicy` after the rows so far. */
export function estimateAnytime(state: AnytimeState): Result<AnytimeEstimate> {
  const { n, mean, m2 } = state.increments
  const overlap = estimateOverlap(state.overlap)
  if (!overlap.ok) return overlap
  if (n < state.plan.burnInRows)
    return insufficient(`an always-valid interval needs ${state.plan.burnInRows} rows; there are ${n}`)
  const poor = refusePoorOverlap(overlap)
  if (poor !== undefined) return poor
  const share = greatestVarianceShare(state)
  const mixture = state.mixtureVariance
  if (mixture === null || share > VARIANCE_SHARE_MAX)
    return insufficient(
      `a single row carries ${share} of the variance of the ${n} rows; at most ${VARIANCE_SHARE_MAX} is allowed`,
    )
  const halfWidth = Math.sqrt((m2 + mixture) * (Math.log1p(m2 / mixture) + 2 * -Math.log(state.plan.alpha))) / n
  if (!Number.isFinite(halfWidth)) return invalid('the rewards are too large for a double')
  return { ok: true, estimate: mean, lower: mean - halfWidth, upper: mean + halfWidth, overlap }
}

/** null until the burn-in is over and the variance rests on more than a few rows. */
function mixtureVarianceOf(state: AnytimeState): number | null {
  const { plan, increments } = state
  if (increments.n < plan.burnInRows || greatestVarianceShare(state) > VARIANCE_SHARE_MAX) return null
  const logs = -2 * Math.log(plan.alpha)
  return (plan.plannedRows * (increments.m2 / increments.n)) / (logs + Math.log1p(logs))
}

/** 1 if nothing varies. */
function greatestVarianceShare({ increments, lowest, greatest }: AnytimeState): number {
  const { mean, m2 } = increments
  if (m2 === 0) return 1
  return Math.min(1, Math.max(greatest - mean, mean - lowest) ** 2 / m2)
}

function checkRows(name: string, rows: number): Failure | undefined {
  if (Number.isSafeInteger(rows) && rows >= BURN_IN_MIN) return undefined
  return invalid(`${name} is ${rows}; it must be a whole number of at least ${BURN_IN_MIN}`)
}
