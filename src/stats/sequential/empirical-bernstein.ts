import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import type { BoundedMean } from './betting.ts'
import { addToPlugIn, checkInRange, checkRange, emptyPlugIn, type PlugIn, plugInBet, plugInMean } from './plug-in.ts'

/** What `addBernstein` carries from value to value: plain JSON of constant size. */
export type Bernstein = {
  readonly low: number
  readonly high: number
  readonly alpha: number
  /** Of the values, scaled to [0, 1], as all that follows. */
  readonly moments: PlugIn
  /** The sums of the bets, of the bets times the values, and of what the variance costs. */
  readonly bets: number
  readonly weighted: number
  readonly cost: number
  /** The tightest limits so far. */
  readonly lower: number
  readonly upper: number
}

const BET_MAX = 0.5

/** The state before any value: values will lie in [low, high]. */
export function startBernstein({
  low,
  high,
  alpha,
}: {
  low: number
  high: number
  alpha: number
}): Result<{ state: Bernstein }> {
  const bad = checkAlpha(alpha) ?? checkRange(low, high)
  if (bad !== undefined) return bad
  const sums = { bets: 0, weighted: 0, cost: 0 }
  return { ok: true, state: { low, high, alpha, moments: emptyPlugIn, ...sums, lower: 0, upper: 1 } }
}

/**
 * The state after one more value, in constant time.
 *
 * @use As `bernsteinSequence`.
 * @assumes As `bernsteinSequence`; values come one at a time, in their order.
 * @formula With x scaled to [0, 1] and bets l = min(1/2, sqrt(2 ln(2/alpha) / (variance_(t-1) t ln(1 + t)))): centre
 *   sum l x / sum l, half width (ln(2/alpha) + sum (x - mean_(t-1))^2 (-ln(1 - l) - l)) / sum l.
 * @source Waudby-Smith & Ramdas, JRSS B 86, 2024 (arXiv 2010.09686), theorem 2 (predictable plug-in empirical
 *   Bernstein confidence sequence).
 * @degenerate A value outside of the declared range is refused.
 */
export function addBernstein({ state, value }: { state: Bernstein; value: number }): Result<{ state: Bernstein }> {
  const bad = checkState(state) ?? checkInRange(value, state.low, state.high)
  if (bad !== undefined) return bad
  const x = (value - state.low) / (state.high - state.low)
  const bet = Math.min(BET_MAX, plugInBet(state.moments, state.alpha))
  const bets = state.bets + bet
  const weighted = state.weighted + bet * x
  const cost = state.cost + (x - plugInMean(state.moments)) ** 2 * (-Math.log1p(-bet) - bet)
  const halfWidth = (Math.log(2 / state.alpha) + cost) / bets
  const lower = Math.max(state.lower, weighted / bets - halfWidth)
  const upper = Math.min(state.upper, weighted / bets + halfWidth)
  const moments = addToPlugIn(state.moments, x)
  return { ok: true, state: { ...state, moments, bets, weighted, cost, lower, upper } }
}

/**
 * The empirical Bernstein confidence sequence so far for the mean of bounded values, in closed form with a state of ten
 * numbers: wider than `bettingSequence` by a tenth to a half at 100 values, by little at 500, and no wider at 5000.
 *
 * @use Where many means are watched at once, one a feature or a segment, and a grid for each would be too much, or where values are many.
 * @assumes As `bettingSequence`: every value lies in the declared range and has the same mean whatever came before.
 * @formula See `addBernstein`; the limits are the tightest so far.
 * @source Waudby-Smith & Ramdas, JRSS B 86, 2024, theorem 2.
 * @degenerate Without values insufficient.
 */
export function bernsteinSequence({ state }: { state: Bernstein }): Result<BoundedMean> {
  const bad = checkState(state)
  if (bad !== undefined) return bad
  const { low, high, moments, lower, upper } = state
  if (moments.n === 0) return insufficient('a mean needs at least 1 value; there is none')
  const unscaled = (x: number) => low + (high - low) * x
  return {
    ok: true,
    estimate: unscaled(moments.sum / moments.n),
    lower: unscaled(lower),
    upper: unscaled(upper),
    heterogeneous: lower > upper,
    n: moments.n,
  }
}

function checkState({ low, high, alpha, moments, bets, cost, lower, upper }: Bernstein): Failure | undefined {
  const bad = checkAlpha(alpha) ?? checkRange(low, high)
  if (bad !== undefined) return bad
  const counted = Number.isSafeInteger(moments.n) && moments.n >= 0 && moments.squares >= 0 && moments.sum >= 0
  if (counted && bets >= 0 && cost >= 0 && Number.isFinite(lower) && Number.isFinite(upper)) return undefined
  return invalid('the state is none that startBernstein and addBernstein make')
}
