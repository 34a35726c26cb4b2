import { insufficient, invalid, type Result } from '../result.ts'

/**
 * Kendall's tau-b of two orders of the same items: item i has rank or score `first[i]` in one and `second[i]` in the
 * other; 1 if all pairs of items are in the same order, -1 if all are reversed.
 *
 * @use To compare how two models order the same items, ties allowed. For lists of different items use
 *   `rankBiasedOverlap`.
 * @assumes Nothing; a description of these items.
 * @formula (concordant - discordant) / sqrt((pairs - ties in first)(pairs - ties in second)).
 * @source Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945); computed in O(n log n) by Knight,
 *   JASA 61 (1966).
 * @degenerate Lists of different lengths and values that are not finite are invalid. Fewer than 2 items, or an order in
 *   which all are tied, are insufficient.
 */
export function kendallTau({
  first,
  second,
}: {
  first: readonly number[]
  second: readonly number[]
}): Result<{ readonly tauB: number }> {
  if (first.length !== second.length)
    return invalid(`the lists have ${first.length} and ${second.length} items; they must have as many`)
  if (![...first, ...second].every(Number.isFinite)) return invalid('every rank or score must be a finite number')
  const at = (values: readonly number[], index: number) => values[index] ?? 0
  const order = [...first.keys()].sort((a, b) => at(first, a) - at(first, b) || at(second, a) - at(second, b))
  const ordered = order.map(index => at(second, index))
  const bothTied = tiedPairs(order, (a, b) => at(first, a) === at(first, b) && at(second, a) === at(second, b))
  const firstTied = tiedPairs(order, (a, b) => at(first, a) === at(first, b))
  const { sorted, discordant } = sortedWithInversions(ordered)
  const secondTied = tiedPairs(sorted, (a, b) => a === b)
  const pairs = (first.length * (first.length - 1)) / 2
  if (firstTied === pairs || secondTied === pairs)
    return insufficient('an order in which all items are tied, or of fewer than 2 items, agrees with nothing')
  const difference = pairs - firstTied - secondTied + bothTied - 2 * discordant
  const tauB = difference / Math.sqrt(pairs - firstTied) / Math.sqrt(pairs - secondTied)
  return { ok: true, tauB: Math.max(-1, Math.min(1, tauB)) }
}

/** Pairs of tied neighbours and neighbours' neighbours in a list where tied values stand together. */
function tiedPairs(values: readonly number[], tied: (a: number, b: number) => boolean): number {
  let pairs = 0
  let run = 0
  for (const [index, value] of values.entries()) {
    const before = values[index - 1]
    run = before !== undefined && tied(before, value) ? run + 1 : 0
    pairs += run
  }
  return pairs
}

/** A list in ascending order, and how many pairs had the greater value first; by merging ever longer runs. */
function sortedWithInversions(values: readonly number[]): { sorted: readonly number[]; discordant: number } {
  let from = [...values]
  let discordant = 0
  for (let width = 1; width < values.length; width *= 2) {
    const to: number[] = []
    for (let start = 0; start < from.length; start += 2 * width)
      discordant += mergeRuns({ from, to, start, middle: start + width, end: Math.min(start + 2 * width, from.length) })
    from = to
  }
  return { sorted: from, discordant }
}

/** Appends the merged runs [start, middle) and [middle, end) to `to` and counts the inversions between them. */
function mergeRuns(runs: { from: number[]; to: number[]; start: number; middle: number; end: number }): number {
  const { from, to, end } = runs
  const middle = Math.min(runs.middle, end)
  let left = runs.start
  let right = middle
  let inversions = 0
  while (left < middle || right < end) {
    const takesRight = right < end && (left >= middle || (from[right] ?? 0) < (from[left] ?? 0))
    if (takesRight) inversions += middle - left
    to.push(from[takesRight ? right : left] ?? 0)
    if (takesRight) right += 1
    else left += 1
  }
  return inversions
}
