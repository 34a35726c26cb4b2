/** Pairs of numbers with weights: their means and their co-moment in centred form, so that nothing large cancels. */
export type WeightedPair = {
  /** The sum of the weights; 0 when there are none. */
  readonly weight: number
  /** The weighted mean of the first numbers. */
  readonly first: number
  /** The weighted mean of the second numbers. */
  readonly second: number
  /** The weighted sum of the products of both distances from their means. */
  readonly comoment: number
}

/** No pair at all. */
export const emptyPair: WeightedPair = { weight: 0, first: 0, second: 0, comoment: 0 }

/**
 * The pairs of both together (the weighted form of Chan, Golub & LeVeque, 1979). A weight of 0 changes nothing. May
 * overflow; whoever keeps the result checks it.
 */
export function mergePairs(a: WeightedPair, b: WeightedPair): WeightedPair {
  if (a.weight === 0) return b.weight === 0 ? emptyPair : b
  if (b.weight === 0) return a
  const weight = a.weight + b.weight
  const share = b.weight / weight
  const firstStep = b.first - a.first
  const secondStep = b.second - a.second
  return {
    weight,
    first: a.first + firstStep * share,
    second: a.second + secondStep * share,
    comoment: a.comoment + b.comoment + firstStep * secondStep * a.weight * share,
  }
}
