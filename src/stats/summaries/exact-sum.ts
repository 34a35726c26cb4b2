/**
 * A sum of doubles without any rounding until it is read: the same whatever the order of the numbers, and a number that
 * is taken back leaves no trace. Evidence is kept in such sums, so that corrections and rebuilds agree to the last digit.
 *
 * The sum is an expansion, a list of doubles of which none overlaps the next (Shewchuk, "Adaptive precision
 * floating-point arithmetic", Discrete & Computational Geometry 18, 1997); two or three suffice for most data. Exact for
 * numbers up to `EXACT_MAX` in size; products are exact unless they are below 1e-290.
 *
 * @use For sums that must not depend on the order of their numbers, and from which numbers are taken back.
 * @source Shewchuk, Discrete & Computational Geometry 18, 1997.
 */
export class ExactSum {
  #partials: number[] = []

  /** Adds one finite number; throws a RangeError on one larger than `EXACT_MAX`. */
  add(value: number): void {
    if (!(Math.abs(value) <= EXACT_MAX))
      throw new RangeError(`an exact sum takes numbers up to 1e290; this is ${value}`)
    let carry = value
    let kept = 0
    for (const partial of this.#partials) {
      const sum = carry + partial
      const virtual = sum - carry
      const error = carry - (sum - virtual) + (partial - virtual)
      if (error !== 0) this.#partials[kept++] = error
      carry = sum
    }
    this.#partials.length = kept
    if (carry !== 0) this.#partials.push(carry)
  }

  /** Adds a * b without rounding the product. */
  addProduct(a: number, b: number): void {
    const product = a * b
    this.add(product)
    this.add(productError(a, b, product))
  }

  addSum(other: ExactSum): void {
    for (const partial of [...other.#partials]) this.add(partial)
  }

  /** Adds factor * other without rounding. */
  addScaled(factor: number, other: ExactSum): void {
    for (const partial of [...other.#partials]) this.addProduct(factor, partial)
  }

  /** The double nearest to the sum. */
  value(): number {
    let index = this.#partials.length - 1
    let high = this.#partials[index] ?? 0
    let low = 0
    while (index > 0 && low === 0) {
      index -= 1
      const partial = this.#partials[index] ?? 0
      const sum = high + partial
      low = partial - (sum - high)
      high = sum
    }
    return index > 0 ? roundHalf(high, low, this.#partials[index - 1] ?? 0) : high
  }
}

/** Larger numbers could overflow on the way. */
const EXACT_MAX = 1e290

/** Where `low` is exactly half a unit of `high`, what comes below decides which way to round. */
function roundHalf(high: number, low: number, below: number): number {
  if (low === 0 || below === 0 || low < 0 !== below < 0) return high
  const doubled = low * 2
  const rounded = high + doubled
  return rounded - high === doubled ? rounded : high
}

const SPLITTER = 134_217_729

/** a * b - product, exactly (Dekker, Numerische Mathematik 18, 1971). */
function productError(a: number, b: number, product: number): number {
  const [aHigh, aLow] = split(a)
  const [bHigh, bLow] = split(b)
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
}

function split(value: number): readonly [high: number, low: number] {
  const scaled = SPLITTER * value
  const high = scaled - (scaled - value)
  return [high, value - high]
}
