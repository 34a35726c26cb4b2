import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { addToPlugIn, checkInRange, checkRange, emptyPlugIn, type PlugIn, plugInBet } from './plug-in.ts'

/** What `addBet` carries from value to value: plain JSON, two numbers for each candidate mean. */
export type Betting = {
  readonly low: number
  readonly high: number
  /** The level the bets are sized for, and that of the limits. */
  readonly alpha: number
  /** Of the values, scaled to [0, 1]. */
  readonly moments: PlugIn
  /** log capital at each candidate mean, from the lowest to the highest, of bets that values exceed it. */
  readonly logAbove: readonly number[]
  /** The same of bets that values fall short of it. */
  readonly logBelow: readonly number[]
  /** How many of the lowest and of the highest candidates are or were ever excluded. */
  readonly excludedLow: number
  readonly excludedHigh: number
}

/** A mean of bounded values, in their unit. */
export type BoundedMean = {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  /** No single mean fits the values: `lower` exceeds `upper`, as happens when the mean drifts. */
  readonly heterogeneous: boolean
  readonly n: number
}

/** At most this share of the capital is ever put at risk. */
const SHARE_AT_RISK = 0.5
const DEFAULT_CANDIDATES = 201
const CANDIDATES_MAX = 100_001

/** The state before any value: values will lie in [low, high], the limits among `candidates` equally spaced means. */
export function startBetting({
  low,
  high,
  alpha,
  candidates = DEFAULT_CANDIDATES,
}: {
  low: number
  high: number
  alpha: number
  candidates?: number
}): Result<{ state: Betting }> {
  const bad = checkAlpha(alpha) ?? checkRange(low, high)
  if (bad !== undefined) return bad
  if (!Number.isInteger(candidates) || candidates < 2 || candidates > CANDIDATES_MAX)
    return invalid(`there are ${candidates} candidate means; there must be from 2 to ${CANDIDATES_MAX}`)
  const zeros = Array.from({ length: candidates }, () => 0)
  const state = { low, high, alpha, moments: emptyPlugIn, logAbove: zeros, logBelow: zeros }
  return { ok: true, state: { ...state, excludedLow: 0, excludedHigh: 0 } }
}

/**
 * The state after one more value: every candidate mean m bets a share of its capital on values above it, and as much of
 * another capital on values below it. If m is the mean, no bet can be expected to win.
 *
 * @use As `bettingSequence`. Each value costs time and memory in proportion to the candidates.
 * @assumes As `bettingSequence`; values come one at a time, in their order.
 * @formula With x and m scaled to [0, 1]: capital above *= 1 + min(l, c / m) (x - m), capital below *=
 *   1 - min(l, c / (1 - m)) (x - m); c = 1/2, l = sqrt(2 ln(2/alpha) / (variance_(t-1) t ln(1 + t))).
 * @source Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024 (arXiv
 *   2010.09686), theorem 3 (hedged capital).
 * @degenerate A value outside of the declared range is refused.
 */
export function addBet({ state, value }: { state: Betting; value: number }): Result<{ state: Betting }> {
  const bad = checkState(state) ?? checkInRange(value, state.low, state.high)
  if (bad !== undefined) return bad
  const x = (value - state.low) / (state.high - state.low)
  const bet = plugInBet(state.moments, state.alpha)
  const last = state.logAbove.length - 1
  const logAbove = state.logAbove.map((log, index) => {
    const m = index / last
    return log + Math.log1p(Math.min(bet, SHARE_AT_RISK / m) * (x - m))
  })
  const logBelow = state.logBelow.map((log, index) => {
    const m = index / last
    return log + Math.log1p(-Math.min(bet, SHARE_AT_RISK / (1 - m)) * (x - m))
  })
  const threshold = Math.log(2 / state.alpha)
  const excludedLow = Math.max(state.excludedLow, 1 + logAbove.findLastIndex(log => log >= threshold))
  const excludedHigh = Math.max(state.excludedHigh, countFrom(logBelow, threshold))
  const moments = addToPlugIn(state.moments, x)
  return { ok: true, state: { ...state, moments, logAbove, logBelow, excludedLow, excludedHigh } }
}

/**
 * The confidence sequence so far for the mean of bounded values: with probability at least 1 - alpha the mean is never
 * outside of the limits, which never move apart.
 *
 * @use For a statistic with a declared range whose distribution is unknown: scores, clipped rewards, shares of a page
 *   read. Exact at any number of values, tight from the first hundred on; it adapts to the variance. Choose candidates so
 *   that their distance is small against the difference that matters: for rare events of means near 0, many, or use
 *   `proportionSequence`. From thousands of values on `bernsteinSequence` costs less and is as narrow.
 * @assumes Every value lies in the declared range, and whatever came before, its mean is the same. Values need not be
 *   independent otherwise, nor have one distribution.
 * @formula Half the capital is bet above m, half below: m is excluded for ever once either half reaches 1/alpha. The limits are
 *   the outermost candidates excluded, so at most one step of the grid wider than without a grid.
 * @source Waudby-Smith & Ramdas, JRSS B 86, 2024, theorem 3; Ville's inequality.
 * @degenerate Without values insufficient. Values that are all alike are no problem: the limits close in on them.
 */
export function bettingSequence({ state }: { state: Betting }): Result<BoundedMean> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  const { low, high, moments, logAbove, excludedLow, excludedHigh } = state
  if (moments.n === 0) return insufficient('a mean needs at least 1 value; there is none')
  const last = logAbove.length - 1
  const at = (index: number) => low + (high - low) * Math.min(1, Math.max(0, index / last))
  const lower = at(excludedLow - 1)
  const upper = at(last - (excludedHigh - 1))
  const estimate = low + (high - low) * (moments.sum / moments.n)
  return { ok: true, estimate, lower, upper, heterogeneous: lower > upper, n: moments.n }
}

/**
 * The log e-values against "the mean is at most the margin" and against "it is at least the margin", each on its own.
 *
 * @use To hold bounded values, such as clipped differences, against a margin at any look and at any alpha.
 * @assumes As `bettingSequence`; for each it is enough that the conditional means never pass the margin.
 * @formula The capital of the nearest candidate beyond the margin, which is at most that of the margin itself.
 * @source Waudby-Smith & Ramdas, JRSS B 86, 2024, section 4.
 * @degenerate A margin outside of the range is refused; without values both are 0.
 */
export function bettingEvidence({ state, margin }: { state: Betting; margin: number }): Result<{
  logEvidenceAbove: number
  logEvidenceBelow: number
}> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  const { low, high, logAbove, logBelow } = state
  if (!(margin >= low && margin <= high)) return invalid(`the margin is ${margin}; it must be from ${low} to ${high}`)
  const index = ((margin - low) / (high - low)) * (logAbove.length - 1)
  const logEvidenceAbove = logAbove[Math.ceil(index - GRID_ROUNDING)] ?? 0
  const logEvidenceBelow = logBelow[Math.floor(index + GRID_ROUNDING)] ?? 0
  return { ok: true, logEvidenceAbove, logEvidenceBelow }
}

/** So that a margin that is a candidate is found in spite of rounding. */
const GRID_ROUNDING = 1e-9

/** How many candidates from the lowest excluded one to the highest. */
function countFrom(logs: readonly number[], threshold: number): number {
  const first = logs.findIndex(log => log >= threshold)
  return first === -1 ? 0 : logs.length - first
}

function checkState({ low, high, alpha, moments, logAbove, logBelow }: Betting): Failure | undefined {
  const bad = checkAlpha(alpha) ?? checkRange(low, high)
  if (bad !== undefined) return bad
  const counted = Number.isSafeInteger(moments.n) && moments.n >= 0 && moments.squares >= 0 && moments.sum >= 0
  if (counted && logAbove.length >= 2 && logAbove.length === logBelow.length) return undefined
  return invalid('the state is none that startBetting and addBet make')
}
