/**
 * The k-th smallest of all m n differences `first[i] - second[j]`, k from 1 on, without making them: the differences up
 * to a value are counted in m + n steps, and the value is found by halving the doubles in at most 64 rounds, exactly.
 * Both samples are sorted in ascending order.
 */
export function differenceOfRank(first: Float64Array, second: Float64Array, rank: number): number {
  let low = keyOf((first[0] ?? 0) - (second.at(-1) ?? 0))
  let high = keyOf((first.at(-1) ?? 0) - (second[0] ?? 0))
  while (low < high) {
    const middle = (low + high) >> 1n
    if (countUpTo(first, second, valueOf(middle)) >= rank) high = middle
    else low = middle + 1n
  }
  return valueOf(low) + 0
}

/** The median of all differences. */
export function medianDifference(first: Float64Array, second: Float64Array): number {
  const pairs = first.length * second.length
  const upper = differenceOfRank(first, second, Math.floor(pairs / 2) + 1)
  if (pairs % 2 === 1) return upper
  const lower = differenceOfRank(first, second, pairs / 2)
  return lower + (upper - lower) / 2
}

/** How many differences are at most `value`. Rounded differences still grow with i and fall with j. */
function countUpTo(first: Float64Array, second: Float64Array, value: number): number {
  let count = 0
  let from = 0
  for (const one of first) {
    while (from < second.length && one - (second[from] ?? 0) > value) from += 1
    count += second.length - from
  }
  return count
}

const doubles = new Float64Array(1)
const bits = new BigInt64Array(doubles.buffer)
const SIGN = 1n << 63n

/** Whole numbers in the order of the doubles. */
function keyOf(value: number): bigint {
  doubles[0] = value + 0
  const pattern = bits[0] ?? 0n
  return pattern >= 0n ? pattern : -SIGN - pattern
}

function valueOf(key: bigint): number {
  bits[0] = key >= 0n ? key : -SIGN - key
  return doubles[0] ?? 0
}
