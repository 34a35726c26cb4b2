import { type Failure, invalid } from '../result.ts'

/** Running, regularised moments of values scaled to [0, 1], from which the next bet is chosen before its value is seen. */
export type PlugIn = {
  readonly n: number
  /** The sum of the values. */
  readonly sum: number
  /** The sum of squared distances, each from the regularised mean after its value. */
  readonly squares: number
}

export const emptyPlugIn: PlugIn = { n: 0, sum: 0, squares: 0 }

/** (1/2 + sum) / (n + 1): never 0 or 1, whatever came. */
export function plugInMean({ n, sum }: PlugIn): number {
  return (0.5 + sum) / (n + 1)
}

export function addToPlugIn({ n, sum, squares }: PlugIn, value: number): PlugIn {
  const after = { n: n + 1, sum: sum + value, squares }
  return { ...after, squares: squares + (value - plugInMean(after)) ** 2 }
}

/**
 * The next bet, sqrt(2 log(2/alpha) / (variance t log(1 + t))) with variance (1/4 + squares) / t of the t - 1 values
 * before it (Waudby-Smith & Ramdas, JRSS B 86, 2024, "predictable plug-in").
 */
export function plugInBet({ n, squares }: PlugIn, alpha: number): number {
  const t = n + 1
  return Math.sqrt((2 * Math.log(2 / alpha)) / ((0.25 + squares) * Math.log1p(t)))
}

/** Refuses ends that are not the ends of a range of numbers. */
export function checkRange(low: number, high: number): Failure | undefined {
  if (low < high && Number.isFinite(high - low)) return undefined
  return invalid(`the range is from ${low} to ${high}; its ends must be finite and the first below the last`)
}

/** Refuses a value outside of the declared range. */
export function checkInRange(value: number, low: number, high: number): Failure | undefined {
  if (value >= low && value <= high) return undefined
  return invalid(`the value is ${value}; it was declared to be from ${low} to ${high}`)
}
