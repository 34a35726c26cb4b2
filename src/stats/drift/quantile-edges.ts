/**
 * Ascending edges that cut at least `bins` finite values into parts of about equal share, bins being closed above. A
 * value that takes two quantiles, or is the least of all, gets an edge just below it too, and so a bin of its own.
 */
export function quantileEdges(values: readonly number[], bins: number): readonly number[] {
  const sorted = Float64Array.from(values).sort()
  const cuts = Array.from({ length: bins - 1 }, (_, index) => {
    const rank = Math.ceil(((index + 1) * sorted.length) / bins)
    return sorted[rank - 1] ?? 0
  })
  const edges = cuts.flatMap((cut, index) => {
    const own = cut === sorted[0] || cut === cuts[index - 1] || cut === cuts[index + 1]
    return own ? [nextBelow(cut), cut] : [cut]
  })
  // Minus 0 and 0 are one value, and a set takes them for one.
  return [...new Set(edges)]
}

/** The greatest double less than a finite `value`. */
function nextBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  bits.setBigInt64(0, bits.getBigInt64(0) + (value > 0 ? -1n : 1n))
  const below = bits.getFloat64(0)
  return Number.isFinite(below) ? below : value
}
