/** How good a ranking is, given the items that are relevant, each as relevant as the others. */

/**
 * Normalised discounted cumulative gain down to rank `at`: the sum of 1 / log2(1 + rank) over the relevant items, as a
 * share of the greatest that is possible (Järvelin & Kekäläinen, ACM TOIS 20, 2002). An item counts at its first rank.
 */
export function discountedGain(items: readonly string[], relevant: readonly string[], at: number): number {
  const wanted = new Set(relevant)
  let gain = 0
  for (const [index, item] of items.slice(0, at).entries()) if (wanted.delete(item)) gain += 1 / Math.log2(index + 2)
  let best = 0
  for (let index = 0; index < Math.min(at, new Set(relevant).size); index += 1) best += 1 / Math.log2(index + 2)
  return gain / best
}

/** One over the rank of the first relevant item, 0 if there is none down to rank `at`. */
export function reciprocalRank(items: readonly string[], relevant: readonly string[], at: number): number {
  const wanted = new Set(relevant)
  const index = items.slice(0, at).findIndex(item => wanted.has(item))
  return index < 0 ? 0 : 1 / (index + 1)
}
