import { insufficient, invalid, type Result } from '../result.ts'
import { BinStore } from './bin-store.ts'
import { readSketchState, type SketchState } from './ddsketch-state.ts'

/** Values of greater magnitude are refused, so that no sum overflows. */
const MAX_MAGNITUDE = 1e290
/** Values of smaller magnitude count as zero, so that no bin edge underflows. */
const MIN_MAGNITUDE = 1e-290
/** How far the edges of a bin are moved outward, to cover the rounding of the logarithm that chose the bin. */
const EDGE_SLACK = 1e-11

/** An interval that contains an order statistic for certain, in the unit of the values. */
type RankBounds = { readonly lower: number; readonly upper: number }

/**
 * A mergeable summary of a stream of numbers that answers any quantile within a relative error (DDSketch: Masson,
 * Rim & Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019).
 *
 * A positive value x falls in bin ceil(log x / log gamma), gamma = (1 + accuracy) / (1 - accuracy); negative values
 * have bins of their own by magnitude, values of magnitude under 1e-290 count as zero. Every quantile is within
 * `relativeAccuracy` of the exact order statistic, unless the values of one sign span more than `maxBins` bins (2048
 * bins at 1 % hold 17 decades): then the smallest magnitudes share one bin. Count, minimum and maximum are exact, the
 * sum is compensated. Not affected by the order of values, nor by how they were split before merging.
 *
 * @use For quantiles of a stream in bounded memory, merged over workers and time.
 * @source Masson, Rim & Lee, "DDSketch", PVLDB 12, 2019.
 */
export class DDSketch {
  readonly relativeAccuracy: number
  readonly maxBins: number
  readonly #logGamma: number
  readonly #positive: BinStore
  readonly #negative: BinStore
  #zeros = 0
  #count = 0
  #sum = 0
  #compensation = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY

  /** Throws a RangeError for an accuracy outside [0.0001, 0.5] or a number of bins outside [2, 65536]. */
  constructor({ relativeAccuracy = 0.01, maxBins = 2048 }: { relativeAccuracy?: number; maxBins?: number } = {}) {
    if (!(relativeAccuracy >= 1e-4 && relativeAccuracy <= 0.5))
      throw new RangeError(`relativeAccuracy is ${relativeAccuracy}; it must be from 0.0001 to 0.5`)
    if (!(Number.isInteger(maxBins) && maxBins >= 2 && maxBins <= 65_536))
      throw new RangeError(`maxBins is ${maxBins}; it must be a whole number from 2 to 65536`)
    this.relativeAccuracy = relativeAccuracy
    this.maxBins = maxBins
    this.#logGamma = Math.log1p((2 * relativeAccuracy) / (1 - relativeAccuracy))
    this.#positive = new BinStore(maxBins)
    this.#negative = new BinStore(maxBins)
  }

  /** How many values were added. */
  get count(): number {
    return this.#count
  }

  /** The sum of all values, in their unit. */
  get sum(): number {
    return this.#sum + this.#compensation
  }

  /** The smallest value, exact; absent while there is none. */
  get min(): number | undefined {
    return this.#count === 0 ? undefined : this.#min
  }

  /** The greatest value, exact; absent while there is none. */
  get max(): number | undefined {
    return this.#count === 0 ? undefined : this.#max
  }

  /**
   * Adds a value `count` times. Returns false, and changes nothing, for a value that is not finite or exceeds 1e290 in
   * magnitude and for a count that is not a positive whole number: a measurement that failed must not stop a request.
   */
  add(value: number, count = 1): boolean {
    const magnitude = Math.abs(value)
    if (!(magnitude <= MAX_MAGNITUDE && count > 0 && Number.isSafeInteger(count + this.#count))) return false
    if (!Number.isInteger(count)) return false
    if (value >= MIN_MAGNITUDE) this.#positive.add(this.#binOf(magnitude), count)
    else if (magnitude < MIN_MAGNITUDE) this.#zeros += count
    else this.#negative.add(this.#binOf(magnitude), count)
    this.#count += count
    this.#addToSum(value * count)
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    return true
  }

  /**
   * Takes back a value that was added. Returns false, and changes nothing, where it cannot have been. The minimum and
   * the maximum stay: they still bound what is left.
   */
  remove(value: number): boolean {
    const magnitude = Math.abs(value)
    if (!(magnitude <= MAX_MAGNITUDE) || this.#count === 0) return false
    if (value >= MIN_MAGNITUDE) this.#positive.add(this.#binOf(magnitude), -1)
    else if (magnitude < MIN_MAGNITUDE) this.#zeros -= 1
    else this.#negative.add(this.#binOf(magnitude), -1)
    this.#count -= 1
    this.#addToSum(-value)
    return true
  }

  /** Adds all values of the other sketch; refuses one of another accuracy, and then changes nothing. */
  merge(other: DDSketch): Result<{ count: number }> {
    if (other.relativeAccuracy !== this.relativeAccuracy)
      return invalid(
        `sketches of relative accuracy ${this.relativeAccuracy} and ${other.relativeAccuracy} do not merge`,
      )
    if (!Number.isSafeInteger(this.#count + other.#count))
      return invalid(`the merged sketch would count more than ${Number.MAX_SAFE_INTEGER} values`)
    this.#positive.merge(other.#positive)
    this.#negative.merge(other.#negative)
    this.#zeros += other.#zeros
    this.#count += other.#count
    const compensation = other.#compensation
    this.#addToSum(other.#sum)
    this.#addToSum(compensation)
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
    return { ok: true, count: this.#count }
  }

  /**
   * The value at rank 1 + floor(q (count - 1)), within the relative accuracy, in the unit of the values; 0 <= q <= 1.
   * An empty sketch has no quantiles.
   */
  quantile(q: number): Result<{ value: number }> {
    if (!(q >= 0 && q <= 1)) return invalid(`the quantile is ${q}; it must be from 0 to 1`)
    return this.valueAtRank(1 + Math.floor(q * Math.max(this.#count - 1, 0)))
  }

  /** The `rank`-th smallest value, within the relative accuracy, in the unit of the values; 1 <= rank <= count. */
  valueAtRank(rank: number): Result<{ value: number }> {
    const bin = this.#locate(rank)
    if (!bin.ok) return bin
    const middle = (bin.sign * 2 * Math.exp(bin.bin * this.#logGamma)) / (1 + Math.exp(this.#logGamma))
    return { ok: true, value: this.#clamp(rank, middle) }
  }

  /** An interval that contains the `rank`-th smallest value for certain, also when its bin was collapsed. */
  boundsAtRank(rank: number): Result<RankBounds> {
    const bin = this.#locate(rank)
    if (!bin.ok) return bin
    const far = Math.exp(bin.bin * this.#logGamma) * (1 + EDGE_SLACK)
    const near = bin.collapsed ? 0 : Math.exp((bin.bin - 1) * this.#logGamma) * (1 - EDGE_SLACK)
    const lower = bin.sign < 0 ? -far : bin.sign * near
    const upper = bin.sign < 0 ? -near : bin.sign * far
    return { ok: true, lower: this.#clamp(rank, lower), upper: this.#clamp(rank, upper) }
  }

  /**
   * How many values are at most x. Values within the relative accuracy of x (in the same bin) count as at most x; all
   * others are counted exactly. Throws a RangeError for NaN.
   */
  countAtMost(x: number): number {
    if (Number.isNaN(x)) throw new RangeError('countAtMost is not defined at NaN')
    if (x < this.#min) return 0
    if (x >= this.#max) return this.#count
    if (x <= -MIN_MAGNITUDE) return this.#negative.total - this.#negative.countUpTo(this.#binOf(-x) - 1)
    const notPositive = this.#negative.total + (x > -MIN_MAGNITUDE ? this.#zeros : 0)
    return x < MIN_MAGNITUDE ? notPositive : notPositive + this.#positive.countUpTo(this.#binOf(x))
  }

  /** The state as plain data, for storage. */
  toJSON(): SketchState {
    return {
      relativeAccuracy: this.relativeAccuracy,
      maxBins: this.maxBins,
      count: this.#count,
      sum: this.sum,
      ...(this.#count === 0 ? {} : { min: this.#min, max: this.#max }),
      zeros: this.#zeros,
      positive: this.#positive.toRun(),
      negative: this.#negative.toRun(),
    }
  }

  /** The sketch of a stored state; refuses anything that is not one, and says where. */
  static fromJSON(json: unknown): Result<{ sketch: DDSketch }> {
    const read = readSketchState(json)
    if (!read.ok) return read
    const { relativeAccuracy, maxBins, count, sum, min, max, zeros, positive, negative } = read.state
    const sketch = new DDSketch({ relativeAccuracy, maxBins })
    sketch.#positive.addRun(positive)
    sketch.#negative.addRun(negative)
    sketch.#zeros = zeros
    sketch.#count = count
    sketch.#sum = sum
    sketch.#min = min ?? Number.POSITIVE_INFINITY
    sketch.#max = max ?? Number.NEGATIVE_INFINITY
    return { ok: true, sketch }
  }

  /** An independent copy. */
  clone(): DDSketch {
    const copy = new DDSketch({ relativeAccuracy: this.relativeAccuracy, maxBins: this.maxBins })
    copy.merge(this)
    return copy
  }

  #binOf(magnitude: number): number {
    // Adding 0 turns -0, which rounding up gives just below 1, into 0: one bin has one number.
    return Math.ceil(Math.log(magnitude) / this.#logGamma) + 0
  }

  /** Neumaier's compensated summation (1974). */
  #addToSum(value: number): void {
    const sum = this.#sum + value
    this.#compensation += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum
    this.#sum = sum
  }

  #locate(rank: number): Result<{ sign: -1 | 0 | 1; bin: number; collapsed: boolean }> {
    if (this.#count === 0) return insufficient('the sketch is empty')
    if (!(Number.isInteger(rank) && rank >= 1 && rank <= this.#count))
      return invalid(`the rank is ${rank}; it must be a whole number from 1 to ${this.#count}`)
    const negatives = this.#negative.total
    if (rank <= negatives) return this.#binIn(this.#negative, -1, negatives - rank + 1)
    if (rank <= negatives + this.#zeros) return { ok: true, sign: 0, bin: 0, collapsed: false }
    return this.#binIn(this.#positive, 1, rank - negatives - this.#zeros)
  }

  #binIn(store: BinStore, sign: -1 | 1, rank: number): Result<{ sign: -1 | 1; bin: number; collapsed: boolean }> {
    const bin = store.binAtRank(rank)
    return { ok: true, sign, bin, collapsed: store.isCollapsed(bin) }
  }

  #clamp(rank: number, value: number): number {
    if (rank === 1) return this.#min
    if (rank === this.#count) return this.#max
    return Math.min(Math.max(value, this.#min), this.#max)
  }
}
