/**
 * Quantile sketch with relative accuracy (Masson, Rim, Lee, "DDSketch", PVLDB 12(12), 2019). A value x > 0 falls into
 * bin ceil(log_γ x) with γ = (1 + a)/(1 - a); every quantile answered is within the fraction a of a true order statistic.
 * Merging is exact. Beyond `binsMax` bins the lowest ones are collapsed: low quantiles lose accuracy, high ones do not.
 */
import { failed, type Result } from './result.ts'

const defaultAccuracy = 0.01
const binsMax = 2048
const binsAtFirst = 128

/** Counts by bin index, growing at both ends. */
class Store {
  bins = new Float64Array(binsAtFirst)
  /** Bin index of `bins[0]`. */
  offset = 0
  low = 0
  high = -1

  get isEmpty(): boolean {
    return this.high < this.low
  }

  add(index: number, count: number): void {
    if (this.isEmpty) {
      this.offset = index - (this.bins.length >> 1)
      this.low = index
      this.high = index
    } else if (index > this.high) {
      this.high = index
      if (this.high - this.low >= binsMax) this.collapseBelow(this.high - binsMax + 1)
    } else if (index < this.low) {
      this.low = Math.max(index, this.high - binsMax + 1)
    }
    this.makeRoom()
    const at = Math.max(index, this.low) - this.offset
    this.bins[at] = (this.bins[at] ?? 0) + count
  }

  count(index: number): number {
    return index < this.low || index > this.high ? 0 : (this.bins[index - this.offset] ?? 0)
  }

  private makeRoom(): void {
    if (this.low >= this.offset && this.high < this.offset + this.bins.length) return
    const span = this.high - this.low + 1
    const next = new Float64Array(Math.max(binsAtFirst, 2 * span))
    const offset = this.low - ((next.length - span) >> 1)
    const from = Math.max(this.low, this.offset)
    const to = Math.min(this.high, this.offset + this.bins.length - 1)
    for (let index = from; index <= to; index++) next[index - offset] = this.bins[index - this.offset] ?? 0
    this.bins = next
    this.offset = offset
  }

  private collapseBelow(low: number): void {
    let moved = 0
    for (let index = this.low; index < low; index++) {
      moved += this.count(index)
      this.bins[index - this.offset] = 0
    }
    this.low = low
    this.makeRoom()
    this.bins[low - this.offset] = (this.bins[low - this.offset] ?? 0) + moved
  }

  entries(): [number, number][] {
    const found: [number, number][] = []
    for (let index = this.low; index <= this.high; index++)
      if (this.count(index) > 0) found.push([index, this.count(index)])
    return found
  }
}

/** A sketch as plain data: bins as [index, count] pairs. */
export type DDSketchData = {
  accuracy: number
  count: number
  sum: number
  min: number
  max: number
  zeros: number
  positive: readonly (readonly [number, number])[]
  negative: readonly (readonly [number, number])[]
}

export class DDSketch {
  readonly accuracy: number
  count = 0
  sum = 0
  min = 0
  max = 0
  private zeros = 0
  private readonly positive = new Store()
  private readonly negative = new Store()
  private readonly gamma: number
  private readonly perLog: number

  constructor(accuracy: number = defaultAccuracy) {
    this.accuracy = accuracy
    this.gamma = (1 + accuracy) / (1 - accuracy)
    this.perLog = 1 / Math.log(this.gamma)
  }

  /** Adds a finite value; others are refused, since they would poison the sum. */
  add(value: number, count = 1): void {
    if (!Number.isFinite(value)) throw new RangeError(`a sketch takes finite values, not ${value}`)
    if (value > 0) this.positive.add(this.indexOf(value), count)
    else if (value < 0) this.negative.add(this.indexOf(-value), count)
    else this.zeros += count
    this.min = this.count === 0 ? value : Math.min(this.min, value)
    this.max = this.count === 0 ? value : Math.max(this.max, value)
    this.count += count
    this.sum += value * count
  }

  /** Adds all of another sketch of the same accuracy, negative values too. */
  merge(other: DDSketch): void {
    if (other.accuracy !== this.accuracy)
      throw new RangeError(`sketches of accuracy ${this.accuracy} and ${other.accuracy} cannot merge`)
    if (other.count === 0) return
    this.min = this.count === 0 ? other.min : Math.min(this.min, other.min)
    this.max = this.count === 0 ? other.max : Math.max(this.max, other.max)
    for (const [index, count] of other.positive.entries()) this.positive.add(index, count)
    for (const [index, count] of other.negative.entries()) this.negative.add(index, count)
    this.zeros += other.zeros
    this.count += other.count
    this.sum += other.sum
  }

  /** The value of the order statistic at rank floor(q (n - 1)) + 1, within the relative accuracy. */
  quantile(q: number): Result<{ value: number }> {
    if (!(q >= 0 && q <= 1)) return failed(`quantile ${q} does not lie between 0 and 1`)
    return this.valueAtRank(Math.floor(q * (this.count - 1)) + 1)
  }

  /** The value of the order statistic of a rank from 1 to `count`, within the relative accuracy. */
  valueAtRank(rank: number): Result<{ value: number }> {
    if (this.count === 0) return failed('no observations')
    if (!(rank >= 1 && rank <= this.count)) return failed(`rank ${rank} is outside 1 to ${this.count}`)
    return { ok: true, value: Math.min(this.max, Math.max(this.min, this.atRank(rank))) }
  }

  private atRank(rank: number): number {
    let seen = 0
    const { negative, positive } = this
    for (let index = negative.high; index >= negative.low; index--) {
      seen += negative.count(index)
      if (seen >= rank) return -this.binValue(index)
    }
    seen += this.zeros
    if (seen >= rank) return 0
    for (let index = positive.low; index <= positive.high; index++) {
      seen += positive.count(index)
      if (seen >= rank) return this.binValue(index)
    }
    return this.max
  }

  private indexOf(magnitude: number): number {
    return Math.ceil(Math.log(magnitude) * this.perLog)
  }

  private binValue(index: number): number {
    return (2 * this.gamma ** index) / (this.gamma + 1)
  }

  toJSON(): DDSketchData {
    const { accuracy, count, sum, min, max, zeros } = this
    return {
      accuracy,
      count,
      sum,
      min,
      max,
      zeros,
      positive: this.positive.entries(),
      negative: this.negative.entries(),
    }
  }

  static fromJSON(data: DDSketchData): DDSketch {
    const sketch = new DDSketch(data.accuracy)
    for (const [index, count] of data.positive) sketch.positive.add(index, count)
    for (const [index, count] of data.negative) sketch.negative.add(index, count)
    sketch.zeros = data.zeros
    sketch.count = data.count
    sketch.sum = data.sum
    sketch.min = data.min
    sketch.max = data.max
    return sketch
  }
}
