/** Moments of vectors that are drawn by the batch: the sums of many rows at once, merged batch by batch. */
import { drawGamma, drawNormal, type Random } from '../../stats/numerics/random.ts'
import type { VectorMoments } from '../../stats/summaries/exact-moments.ts'

/** How one row is distributed. `skew` and `kurtosis` are of the first part; parts are uncorrelated but for `covariance`. */
export type RowLaw = {
  mean: readonly number[]
  covariance: readonly (readonly number[])[]
  skew: number
  kurtosis: number
  /** One row, drawn as it is. */
  draw(random: Random): number[]
}

/** Up to so many rows are drawn one by one; of more their mean and spread, which are near to normal by then. */
const drawnSingly = 24

export class VectorSums {
  #n = 0
  #mean: number[] = []
  #products: number[][] = []

  read(): VectorMoments {
    const freedom = Math.max(1, this.#n - 1)
    return { n: this.#n, mean: [...this.#mean], covariance: this.#products.map(row => row.map(one => one / freedom)) }
  }

  /** `n` rows of a law. */
  add(random: Random, law: RowLaw, n: number): void {
    if (n <= 0) return
    if (n <= drawnSingly) for (let row = 0; row < n; row += 1) this.#merge(1, law.draw(random), null)
    else this.#addBatch(random, law, n)
  }

  /** Rows that are known: of zeros, or where what a row counts as has changed. */
  addKnown(vector: readonly number[], n: number): void {
    if (n > 0) this.#merge(n, vector, null)
  }

  #addBatch(random: Random, law: RowLaw, n: number): void {
    const first = drawNormal(random)
    const mean = law.mean.map((value, part) => value + this.#shift(random, law, { part, first }) / Math.sqrt(n))
    // The spread of a sample goes with its mean where the law is skewed.
    const correlation = law.kurtosis > 1 ? Math.max(-1, Math.min(1, law.skew / Math.sqrt(law.kurtosis - 1))) : 0
    const other = correlation * first + Math.sqrt(1 - correlation * correlation) * drawNormal(random)
    const spread = Math.max(0, 1 + Math.sqrt(Math.max(0, law.kurtosis - 1) / n) * other)
    const products = law.covariance.map((row, i) => row.map((value, j) => value * (n - 1) * (i + j === 0 ? spread : 1)))
    this.#merge(n, mean, products)
  }

  /** Of one part's mean, in standard errors of one row: correlated with the first as its covariance says. */
  #shift(random: Random, { covariance }: RowLaw, { part, first }: { part: number; first: number }): number {
    const own = covariance[part]?.[part] ?? 0
    const deviation = Math.sqrt(covariance[0]?.[0] ?? 0)
    if (part === 0) return deviation * first
    const slope = deviation === 0 ? 0 : (covariance[part]?.[0] ?? 0) / deviation
    return slope * first + Math.sqrt(Math.max(0, own - slope * slope)) * drawNormal(random)
  }

  /** As one of two samples taken together (Chan, Golub & LeVeque, The American Statistician 37, 1983). */
  #merge(n: number, mean: readonly number[], products: readonly (readonly number[])[] | null): void {
    if (this.#n === 0) {
      this.#mean = [...mean]
      this.#products = mean.map((_, i) => mean.map((_, j) => products?.[i]?.[j] ?? 0))
      this.#n = n
      return
    }
    const all = this.#n + n
    const shift = mean.map((value, part) => value - (this.#mean[part] ?? 0))
    const weight = (this.#n * n) / all
    this.#products = this.#products.map((row, i) =>
      row.map((value, j) => value + (products?.[i]?.[j] ?? 0) + (shift[i] ?? 0) * (shift[j] ?? 0) * weight),
    )
    this.#mean = this.#mean.map((value, part) => value + (shift[part] ?? 0) * (n / all))
    this.#n = all
  }
}

/** A number: normal, or skewed to the right and above 0. */
export function valueLaw(of: { mean: number; deviation: number; shape: 'normal' | 'gamma' }): RowLaw {
  const { mean, deviation, shape } = of
  const variance = deviation * deviation
  if (shape === 'normal' || mean <= 0 || deviation === 0)
    return {
      mean: [mean],
      covariance: [[variance]],
      skew: 0,
      kurtosis: 3,
      draw: random => [mean + deviation * drawNormal(random)],
    }
  const ratio = deviation / mean
  const order = 1 / (ratio * ratio)
  return {
    mean: [mean],
    covariance: [[variance]],
    skew: 2 * ratio,
    kurtosis: 3 + 6 * ratio * ratio,
    draw: random => [(drawGamma(random, order) * mean) / order],
  }
}

/** 1 in a share of the rows, 0 in the others. */
export function yesLaw(rate: number): RowLaw {
  const variance = rate * (1 - rate)
  const skew = variance === 0 ? 0 : (1 - 2 * rate) / Math.sqrt(variance)
  return {
    mean: [rate],
    covariance: [[variance]],
    skew,
    kurtosis: variance === 0 ? 3 : 1 + skew * skew,
    draw: random => [Number(random.next() < rate)],
  }
}

/** Two numbers that have nothing to do with each other. */
export function pairLaw(first: RowLaw, second: RowLaw): RowLaw {
  return {
    mean: [first.mean[0] ?? 0, second.mean[0] ?? 0],
    covariance: [
      [first.covariance[0]?.[0] ?? 0, 0],
      [0, second.covariance[0]?.[0] ?? 0],
    ],
    skew: first.skew,
    kurtosis: first.kurtosis,
    draw: random => [...first.draw(random), ...second.draw(random)],
  }
}

/** A value, then a covariate that explains a share of its variance, then that the covariate is known. */
export function explainedLaw(law: RowLaw, explained: number): RowLaw {
  const [mean, variance] = [law.mean[0] ?? 0, law.covariance[0]?.[0] ?? 0]
  const slope = Math.sqrt(variance * explained)
  return {
    mean: [mean, 0, 1],
    covariance: [
      [variance, slope, 0],
      [slope, 1, 0],
      [0, 0, 0],
    ],
    skew: law.skew,
    kurtosis: law.kurtosis,
    draw: random => {
      const [value = 0] = law.draw(random)
      const known = variance === 0 ? 0 : ((value - mean) / Math.sqrt(variance)) * Math.sqrt(explained)
      return [value, known + Math.sqrt(1 - explained) * drawNormal(random), 1]
    },
  }
}
