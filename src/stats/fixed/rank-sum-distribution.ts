/**
 * The greatest product of the size of the smaller sample and that of both for which the exact distribution of a rank
 * sum is counted out; its work grows with the square of the product, and takes some 10 ms there. It admits 28 against
 * 28 values and 5 against 315.
 */
export const EXACT_PRODUCT_MAX = 1600

/** Whether the exact distribution is small enough to be counted out. */
export function isCountable(first: number, second: number): boolean {
  return Math.min(first, second) * (first + second) <= EXACT_PRODUCT_MAX
}

/** The numbers of equally likely assignments of values to the first sample by its doubled rank sum. */
export type RankSumCounts = Float64Array

/**
 * In how many ways `size` of the items with these doubled midranks (whole numbers) have each sum: the permutation
 * distribution given the ties, by adding one item at a time (Streitberg & Röhmel, "Exact distributions for permutation
 * and rank tests", Statistical Software Newsletter 12, 1986). Sums of counts only, so relative errors stay at rounding.
 */
export function rankSumCounts(doubledRanks: readonly number[], size: number): RankSumCounts {
  const total = doubledRanks.reduce((sum, rank) => sum + rank, 0)
  const small = Math.min(size, doubledRanks.length - size)
  const counts = smallSampleCounts(doubledRanks, small)
  if (small === size) return counts
  // The other sample has what is left of the total.
  const mirrored = new Float64Array(total + 1)
  for (const [sum, count] of counts.entries()) if (count > 0) mirrored[total - sum] = count
  return mirrored
}

function smallSampleCounts(doubledRanks: readonly number[], size: number): RankSumCounts {
  const greatest = doubledRanks.toSorted((a, b) => b - a).slice(0, size)
  const length = greatest.reduce((sum, rank) => sum + rank, 0) + 1
  const bySize = Array.from({ length: size + 1 }, () => new Float64Array(length))
  const none = bySize[0]
  if (none !== undefined) none[0] = 1
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

/** The logarithms of the probabilities that the sum is at least, and at most, the doubled rank sum that was seen. */
export function logTailsOf(counts: RankSumCounts, seen: number): { logGreater: number; logLess: number } {
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

/** The greatest number of sums from the least one up whose probability together is at most `share`. */
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
