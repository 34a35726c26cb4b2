import { ExactSum } from './exact-sum.ts'

/** What a judgement reads: how many vectors, their mean and their unbiased covariance matrix, row by row. */
export type VectorMoments = {
  readonly n: number
  readonly mean: readonly number[]
  readonly covariance: readonly (readonly number[])[]
}

/**
 * The first two moments of vectors that are added and taken back one by one, kept as exact sums: they depend on which
 * vectors are there, not on how they came.
 *
 * @use For means and covariances of values that may be corrected later.
 * @source Shewchuk, Discrete & Computational Geometry 18, 1997; Dekker, Numerische Mathematik 18, 1971.
 */
export class ExactMoments {
  readonly dimensions: number
  #n = 0
  readonly #sums: readonly ExactSum[]
  /** The products of components i <= j, at `pairIndex`. */
  readonly #products: readonly ExactSum[]

  constructor(dimensions: number) {
    this.dimensions = dimensions
    this.#sums = Array.from({ length: dimensions }, () => new ExactSum())
    this.#products = Array.from({ length: (dimensions * (dimensions + 1)) / 2 }, () => new ExactSum())
  }

  get n(): number {
    return this.#n
  }

  add(vector: readonly number[]): void {
    this.#apply(vector, 1)
  }

  /** Takes back a vector that was added. */
  remove(vector: readonly number[]): void {
    this.#apply(vector, -1)
  }

  #apply(vector: readonly number[], sign: 1 | -1): void {
    this.#n += sign
    for (let i = 0; i < this.dimensions; i += 1) {
      const value = (vector[i] ?? 0) * sign
      this.#sums[i]?.add(value)
      for (let j = i; j < this.dimensions; j += 1) this.#products[pairIndex(i, j)]?.addProduct(value, vector[j] ?? 0)
    }
  }

  /** With fewer than two vectors the covariances are 0; without any the means are. */
  read(): VectorMoments {
    const mean = this.#sums.map(sum => (this.#n === 0 ? 0 : sum.value() / this.#n))
    const freedom = Math.max(1, this.#n - 1)
    return {
      n: this.#n,
      mean,
      covariance: mean.map((_, i) => mean.map((_, j) => (this.#n < 2 ? 0 : this.centred(i, j, mean, mean) / freedom))),
    }
  }

  /** The sum of (x_i - a_i)(x_j - b_j), rounded once: no digit is lost however large the means are. */
  centred(i: number, j: number, a: readonly number[], b: readonly number[]): number {
    const [first, second] = [a[i] ?? 0, b[j] ?? 0]
    const total = new ExactSum()
    const [product, sumI, sumJ] = [this.#products[pairIndex(i, j)], this.#sums[i], this.#sums[j]]
    if (product === undefined || sumI === undefined || sumJ === undefined) throw new RangeError('no such component')
    total.addSum(product)
    total.addScaled(-second, sumI)
    total.addScaled(-first, sumJ)
    const both = first * second
    total.addProduct(this.#n, both)
    const rounding = new ExactSum()
    rounding.addProduct(first, second)
    rounding.add(-both)
    total.addScaled(this.#n, rounding)
    const value = total.value()
    return i === j && a === b ? Math.max(0, value) : value
  }
}

function pairIndex(i: number, j: number): number {
  const [low, high] = i < j ? [i, j] : [j, i]
  return (high * (high + 1)) / 2 + low
}
