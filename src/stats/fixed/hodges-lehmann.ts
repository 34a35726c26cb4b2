/** Rounds that halve the range of values, which is quick for most data; then the doubles themselves are halved. */
const VALUE_ROUNDS = 40

/**
 * The k-th smallest of all m n differences `first[i] - second[j]`, k from 1 on, without making them all: those up to a
 * value are counted in m + n steps, and the range is halved until m + n of them are left, which are sorted; at most
 * about 100 rounds, whatever the values. Both samples are in ascending order.
 */
export function differenceOfRank(first: Float64Array, second: Float64Array, rank: number): number {
  const few = first.length + second.length
  let low = (first[0] ?? 0) - (second.at(-1) ?? 0)
  let high = (first.at(-1) ?? 0) - (second[0] ?? 0)
  let below = 0
  let upTo = first.length * second.length
  for (let round = 0; low < high && upTo - below > few; round += 1) {
    const middle = round < VALUE_ROUNDS ? low + (high - low) / 2 : middleDouble(low, high)
    const split = middle < high ? middle : low
    const count = countUpTo(first, second, split)
    if (count >= rank) {
      high = split
      upTo = count
    } else {
      low = doubleOf(keyOf(split) + 1n)
      below = count
    }
  }
  if (low === high) return low + 0
  return differencesBetween(first, second, low, high).sort()[rank - below - 1] ?? low
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
  for (let i = 0; i < first.length; i += 1) {
    from = startOf(second, from, first[i] ?? 0, value)
    count += second.length - from
  }
  return count
}

/** The first position from `from` on at which `one - second[j]` is at most `value`. */
function startOf(second: Float64Array, from: number, one: number, value: number): number {
  let start = from
  while (start < second.length && one - (second[start] ?? 0) > value) start += 1
  return start
}

function differencesBetween(first: Float64Array, second: Float64Array, low: number, high: number): Float64Array {
  const found: number[] = []
  let from = 0
  for (const one of first) {
    from = startOf(second, from, one, high)
    for (let j = from; j < second.length && one - (second[j] ?? 0) >= low; j += 1) found.push(one - (second[j] ?? 0))
  }
  return Float64Array.from(found)
}

const doubles = new Float64Array(1)
const bits = new BigInt64Array(doubles.buffer)
const SIGN = 1n << 63n

function middleDouble(low: number, high: number): number {
  return doubleOf((keyOf(low) + keyOf(high)) >> 1n)
}

/** Whole numbers in the order of the doubles. */
function keyOf(value: number): bigint {
  doubles[0] = value + 0
  const pattern = bits[0] ?? 0n
  return pattern >= 0n ? pattern : -SIGN - pattern
}

function doubleOf(key: bigint): number {
  bits[0] = key >= 0n ? key : -SIGN - key
  return doubles[0] ?? 0
}
