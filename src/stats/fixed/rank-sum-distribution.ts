/**
 * The greatest product of the size of the smaller sample and that of both for which the exact distribution of a rank
 * sum is counted out; its work grows with the square of the product, and takes some 10 ms there. It admits 20 against
 * 20 values and 5 against 155.
 */
export const EXACT_PRODUCT_MAX = 800

/** Whether the exact distribution is small enough to be counted out. */
export function isCountable(first: number, second: number): boolean {
  return Math.min(first, second) * (first + second) <= EXACT_PRODUCT_MAX
}

/** The numbers of ways to draw a sample by the doubled rank sum that it has. */
export type RankSumCounts = Float64Array

/**
 * In how many ways `size` of the items with these doubled midranks (whole numbers) have each sum: the permutation
 * distribution given the ties, by adding one item at a time (Streitberg & Röhmel, "Exact distributions for permutation
 * and rank tests", Statistical Software Newsletter 12, 1986). Sums of counts only, so relative errors stay at rounding.
 */
export function rankSumCounts(doubledRanks: readonly number[], size: number): RankSumCounts {
  const greatest = doubledRanks.toSorted((a, b) => b - a).slice(0, size)
  const length = greatest.reduce((sum, rank) => sum + rank, 0) + 1
  const bySize = Array.from({ length: size + 1 }, () => new Float64Array(length))
  bySize[0]?.fill(1, 0, 1)
  for (const rank of doubledRanks) {
    for (let taken = size; taken >= 1; taken -= 1) addShifted(bySize[taken], bySize[taken - 1], rank)
  }
  return bySize[size] ?? new Float64Array(1)
}

function addShifted(target: RankSumCounts | undefined, source: RankSumCounts | undefined, shift: number): void {
  if (target === undefined || source === undefined) return
  for (let sum = shift; sum < target.length; sum += 1) {
    target[sum] = (target[sum] ?? 0) + (source[sum - shift] ?? 0)
  }
}

/** The logarithms of both tails of a distribution, each with what was seen. */
export type LogTails = { readonly logGreater: number; readonly logLess: number }

/** The logarithms of the probabilities that the sum is at least, and at most, the doubled rank sum that was seen. */
export function logTailsOf(counts: RankSumCounts, seen: number): LogTails {
  let below = 0
  let above = 0
  let total = 0
  for (const [sum, count] of counts.entries()) {
    total += count
    if (sum <= seen) below += count
    if (sum >= seen) above += count
  }
  return { logGreater: Math.log(above / total), logLess: Math.log(below / total) }
}

/** How many sums from the least one up, in steps, have a probability of at most `share` together. */
export function sumsWithin(counts: RankSumCounts, step: number, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const first = counts.findIndex(count => count > 0)
  let within = 0
  let below = 0
  for (let sum = first; sum < counts.length; sum += step) {
    below += counts[sum] ?? 0
    // A level such as 1/3 is itself rounded.
    if (below > total * share * (1 + 1e-12)) return within
    within += 1
  }
  return within
}
