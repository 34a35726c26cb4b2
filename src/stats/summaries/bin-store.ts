/** How many bins a store grows by at a time, so that a slowly widening range seldom copies. */
const GROWTH = 128

/** A run of bins in plain data: `counts[i]` belongs to bin `first + i`. */
export type BinRun = {
  readonly first: number
  readonly counts: readonly number[]
  /** Bins up to this one may hold values that belong further down; absent if no bin was ever collapsed. */
  readonly collapsedUpTo?: number
}

/**
 * Counts of values by integer bin index, in one dense array of at most `maxBins` bins.
 *
 * When the range of the indices outgrows that, the lowest bins are added together into the lowest bin that still
 * fits ("collapsing lowest"; Masson, Rim & Lee, VLDB 2019), which keeps the upper quantiles accurate.
 */
export class BinStore {
  readonly #maxBins: number
  #counts = new Float64Array(0)
  /** The bin index of `#counts[0]`. */
  #offset = 0
  #lowest = Number.POSITIVE_INFINITY
  #highest = Number.NEGATIVE_INFINITY
  #collapsedUpTo = Number.NEGATIVE_INFINITY
  #total = 0

  constructor(maxBins: number) {
    this.#maxBins = maxBins
  }

  /** How many values are counted. */
  get total(): number {
    return this.#total
  }

  /** Counts `count` more values in the bin `index`. */
  add(index: number, count: number): void {
    const bin = index >= this.#lowest && index <= this.#highest ? index : this.#makeRoom(index)
    const position = bin - this.#offset
    this.#counts[position] = (this.#counts[position] ?? 0) + count
    this.#total += count
  }

  /** Adds every bin of the other store; bins that the other has collapsed stay marked as such. */
  merge(other: BinStore): void {
    for (let bin = other.#highest; bin >= other.#lowest; bin -= 1) {
      const count = other.#countOf(bin)
      if (count > 0) this.add(bin, count)
    }
    if (other.#collapsedUpTo > this.#collapsedUpTo) this.#collapsedUpTo = other.#collapsedUpTo
  }

  /** The bin of the `rank`-th smallest index counted, 1 <= rank <= total. */
  binAtRank(rank: number): number {
    let seen = 0
    for (let bin = this.#lowest; bin < this.#highest; bin += 1) {
      seen += this.#countOf(bin)
      if (seen >= rank) return bin
    }
    return this.#highest
  }

  /** How many values lie in bins up to and including `index`. */
  countUpTo(index: number): number {
    if (index >= this.#highest) return this.#total
    let seen = 0
    for (let bin = this.#lowest; bin <= index; bin += 1) seen += this.#countOf(bin)
    return seen
  }

  /** Whether values of this bin may belong to a lower one. */
  isCollapsed(bin: number): boolean {
    return bin <= this.#collapsedUpTo
  }

  /** The bins as plain data. */
  toRun(): BinRun {
    if (this.#total === 0) return { first: 0, counts: [] }
    const start = this.#lowest - this.#offset
    const run = { first: this.#lowest, counts: [...this.#counts.subarray(start, this.#highest - this.#offset + 1)] }
    return this.#collapsedUpTo === Number.NEGATIVE_INFINITY ? run : { ...run, collapsedUpTo: this.#collapsedUpTo }
  }

  /** Adds bins given as plain data. */
  addRun(run: BinRun): void {
    for (let index = run.counts.length - 1; index >= 0; index -= 1) {
      const count = run.counts[index] ?? 0
      if (count > 0) this.add(run.first + index, count)
    }
    if (run.collapsedUpTo !== undefined) this.#collapsedUpTo = Math.max(this.#collapsedUpTo, run.collapsedUpTo)
  }

  #countOf(bin: number): number {
    return this.#counts[bin - this.#offset] ?? 0
  }

  /** Widens the range so that it holds `index`, and returns the bin that takes it. */
  #makeRoom(index: number): number {
    const highest = Math.max(this.#highest, index)
    const lowest = Math.max(Math.min(this.#lowest, index), highest - this.#maxBins + 1)
    if (lowest < this.#offset || highest >= this.#offset + this.#counts.length) this.#reallocate(lowest, highest)
    else if (this.#lowest < lowest) this.#fold(this.#counts, this.#offset, lowest)
    if (this.#lowest < lowest || index < lowest) this.#collapsedUpTo = Math.max(this.#collapsedUpTo, lowest)
    this.#lowest = lowest
    this.#highest = highest
    return Math.max(index, lowest)
  }

  #reallocate(lowest: number, highest: number): void {
    const length = Math.min(this.#maxBins, Math.ceil((highest - lowest + 1) / GROWTH) * GROWTH)
    const spare = length - (highest - lowest + 1)
    const offset = lowest - (lowest < this.#offset ? spare : 0)
    const counts = new Float64Array(length)
    for (let bin = this.#lowest; bin <= this.#highest; bin += 1) {
      const position = Math.max(bin, lowest) - offset
      counts[position] = (counts[position] ?? 0) + this.#countOf(bin)
    }
    this.#counts = counts
    this.#offset = offset
  }

  /** Moves everything below the bin `lowest` into it. */
  #fold(counts: Float64Array, offset: number, lowest: number): void {
    let moved = 0
    for (let position = Math.max(this.#lowest - offset, 0); position < lowest - offset; position += 1) {
      moved += counts[position] ?? 0
      counts[position] = 0
    }
    counts[lowest - offset] = (counts[lowest - offset] ?? 0) + moved
  }
}
