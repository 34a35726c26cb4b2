import { checkCount, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments, mergeMoments } from './moments.ts'

/** Between what values are kept as they are, in their unit; a side that is not given is open. */
export type Bounds = { readonly lower?: number; readonly upper?: number }

/** Moments of clipped values, with how many were clipped: the analysis without clipping cannot be had from them. */
export type WinsorisedMoments = {
  readonly moments: Moments
  /** Values that were below the lower bound and count as that bound. */
  readonly clippedBelow: number
  /** Values that were above the upper bound and count as that bound. */
  readonly clippedAbove: number
}

/** The winsorised moments of no values at all. */
export const emptyWinsorisedMoments: WinsorisedMoments = { moments: emptyMoments, clippedBelow: 0, clippedAbove: 0 }

/**
 * Values clipped at declared bounds, in their order and unit, and how many were clipped on each side.
 *
 * @use For means of heavy-tailed values, where one unit can outweigh an effect. Declare the bounds before the data are
 * seen (from an earlier period); bounds read off the data under test depend on the effect. Report the unclipped result
 * beside it. For the tail itself use quantiles.
 * @assumes Nothing about the values; the mean of clipped values is what is estimated afterwards, another number than the
 * mean of the values.
 * @formula x' = min(max(x, lower), upper).
 * @source Dixon, "Simplified estimation from censored normal samples", Annals of Mathematical Statistics 31, 1960.
 * @degenerate No values give no values; a value that is not finite and bounds out of order are refused.
 */
export function winsorise({
  values,
  bounds,
}: {
  values: readonly number[]
  bounds: Bounds
}): Result<{ values: readonly number[]; clippedBelow: number; clippedAbove: number }> {
  const { lower, upper } = limitsOf(bounds)
  if (!(lower <= upper)) return badBounds(bounds)
  const position = values.findIndex(value => !Number.isFinite(value))
  if (position >= 0) return invalid(`value ${position} is ${values[position]}; it must be a finite number`)
  return {
    ok: true,
    values: values.map(value => Math.min(Math.max(value, lower), upper)),
    clippedBelow: values.filter(value => value < lower).length,
    clippedAbove: values.filter(value => value > upper).length,
  }
}

/** The winsorised moments after one more value; the bounds must be the same for every value. */
export function addWinsorised({
  state,
  value,
  bounds,
}: {
  state: WinsorisedMoments
  value: number
  bounds: Bounds
}): Result<{ state: WinsorisedMoments }> {
  const { lower, upper } = limitsOf(bounds)
  if (!(lower <= upper)) return badBounds(bounds)
  if (!Number.isFinite(value)) return invalid(`the value is ${value}; it must be a finite number`)
  const added = addToMoments(state.moments, Math.min(Math.max(value, lower), upper))
  if (!added.ok) return added
  const clippedBelow = state.clippedBelow + (value < lower ? 1 : 0)
  const clippedAbove = state.clippedAbove + (value > upper ? 1 : 0)
  return { ok: true, state: { moments: added.moments, clippedBelow, clippedAbove } }
}

/** The winsorised moments of two sets of values, clipped at the same bounds, together. */
export function mergeWinsorised(a: WinsorisedMoments, b: WinsorisedMoments): Result<{ state: WinsorisedMoments }> {
  const merged = mergeMoments(a.moments, b.moments)
  if (!merged.ok) return merged
  const clippedBelow = a.clippedBelow + b.clippedBelow
  const clippedAbove = a.clippedAbove + b.clippedAbove
  const bad =
    checkCount('the number of values clipped below', clippedBelow) ??
    checkCount('the number of values clipped above', clippedAbove)
  return bad ?? { ok: true, state: { moments: merged.moments, clippedBelow, clippedAbove } }
}

function limitsOf({ lower = Number.NEGATIVE_INFINITY, upper = Number.POSITIVE_INFINITY }: Bounds) {
  return { lower, upper }
}

function badBounds({ lower, upper }: Bounds) {
  return invalid(`the bounds are ${lower} and ${upper}; both must be numbers, the lower not above the upper`)
}
