import { checkCount, type Failure, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { emptyMoments, type Moments, mergeMoments } from '../summaries/moments.ts'
import { checkRateArms } from './arms.ts'

/** Statistics of the latest blocks (such as hours), ascending by the number of the block; a plain value to be stored. */
export type Window<T> = { readonly blocks: readonly { readonly block: number; readonly statistics: T }[] }

/** A window after an observation, and the sum of what it holds. */
export type Slid<T> = {
  readonly window: Window<T>
  readonly total: T
  /** The observation was older than the window and is not in it. */
  readonly late: boolean
}

/**
 * Yes-or-no outcomes of one arm in the latest `width` blocks.
 *
 * @use Instead of `discountOutcomes`, where old outcomes are to be forgotten altogether. Block is the number of the
 * stretch of time or rounds in which the request was made; slide every arm to the current block, with no outcomes if
 * it has none, or it keeps what it had.
 * @assumes Rates hardly change within `width` blocks.
 * @formula The sum over blocks b with latest - width < b <= latest.
 * @source Garivier & Moulines, ALT 2011, section 3 (sliding-window UCB), in blocks.
 * @degenerate Outcomes older than the window are left out and `late` says so; those that come late but within it
 * count. Refuses block numbers and widths that are not whole.
 */
export function slideOutcomes({
  window,
  block,
  width,
  outcomes,
}: {
  window: Window<Outcomes>
  block: number
  width: number
  outcomes: Outcomes
}): Result<Slid<Outcomes>> {
  const bad = checkBlock(block, width) ?? checkRateArms([outcomes])
  if (bad !== undefined) return bad
  return slide(window, { block, statistics: outcomes }, width, { events: 0, trials: 0 }, (left, right) => {
    const merged = { events: left.events + right.events, trials: left.trials + right.trials }
    return checkRateArms([merged]) ?? { ok: true, merged }
  })
}

/**
 * Moments of one arm in the latest `width` blocks.
 *
 * @use As `slideOutcomes`, for values of any unit.
 * @assumes Means hardly change within `width` blocks.
 * @formula The merged moments of blocks b with latest - width < b <= latest; no subtraction, so no digits are lost.
 * @source Garivier & Moulines, ALT 2011, section 3; the merge of Chan, Golub & LeVeque (1979).
 * @degenerate As `slideOutcomes`.
 */
export function slideMoments({
  window,
  block,
  width,
  moments,
}: {
  window: Window<Moments>
  block: number
  width: number
  moments: Moments
}): Result<Slid<Moments>> {
  const bad = checkBlock(block, width)
  if (bad !== undefined) return bad
  return slide(window, { block, statistics: moments }, width, emptyMoments, (left, right) => {
    const merged = mergeMoments(left, right)
    return merged.ok ? { ok: true, merged: merged.moments } : merged
  })
}

type Merge<T> = (left: T, right: T) => Result<{ merged: T }>

function slide<T>(
  { blocks }: Window<T>,
  added: { readonly block: number; readonly statistics: T },
  width: number,
  empty: T,
  merge: Merge<T>,
): Result<Slid<T>> {
  const latest = Math.max(added.block, blocks.at(-1)?.block ?? 0)
  const late = added.block <= latest - width
  const kept = blocks.filter(({ block }) => block > latest - width && block !== added.block)
  const before = blocks.find(({ block }) => block === added.block)?.statistics ?? empty
  const merged = merge(before, added.statistics)
  if (!merged.ok) return merged
  const all = late ? kept : [...kept, { block: added.block, statistics: merged.merged }]
  let total = empty
  for (const { statistics } of all) {
    const sum = merge(total, statistics)
    if (!sum.ok) return sum
    total = sum.merged
  }
  return { ok: true, window: { blocks: all.toSorted((left, right) => left.block - right.block) }, total, late }
}

function checkBlock(block: number, width: number): Failure | undefined {
  const bad = checkCount('the number of the block', block)
  if (bad !== undefined) return bad
  if (Number.isSafeInteger(width) && width >= 1) return undefined
  return invalid(`the window is ${width} blocks wide; it must be a whole number of at least 1`)
}
