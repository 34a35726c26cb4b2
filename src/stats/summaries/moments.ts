import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'

/**
 * The first two moments of a stream of numbers, updated one value at a time and merged exactly.
 *
 * A sum of squares minus n times the squared mean loses every digit when the mean is large against the spread
 * (timestamps, bytes); the centred form of Welford (Technometrics 4, 1962) does not. `m2` is in squared units of the
 * values.
 */
export type Moments = {
  /** How many values. */
  readonly n: number
  /** Their mean; 0 when there are none. */
  readonly mean: number
  /** The sum of their squared distances from the mean; 0 when there are fewer than two. */
  readonly m2: number
}

/** The moments of no values at all. */
export const emptyMoments: Moments = { n: 0, mean: 0, m2: 0 }

/**
 * The moments after one more value; refuses a value that is not finite, or whose square overflows.
 *
 * @use For the mean and variance of values that only come.
 * @source Welford, Technometrics 4, 1962.
 */
export function addToMoments(moments: Moments, value: number): Result<{ moments: Moments }> {
  if (!Number.isFinite(value)) return invalid(`the value is ${value}; it must be a finite number`)
  return mergeMoments(moments, { n: 1, mean: value, m2: 0 })
}

/**
 * The moments of two sets of values together (Chan, Golub & LeVeque, 1979); associative and commutative up to
 * rounding. Refuses moments that no set of finite numbers has.
 *
 * @use For moments that were counted apart.
 * @source Chan, Golub & LeVeque, 1979.
 */
export function mergeMoments(a: Moments, b: Moments): Result<{ moments: Moments }> {
  const bad = checkMoments(a) ?? checkMoments(b)
  if (bad !== undefined) return bad
  if (a.n === 0) return { ok: true, moments: b }
  if (b.n === 0) return { ok: true, moments: a }
  const n = a.n + b.n
  const difference = b.mean - a.mean
  const mean = a.mean + difference * (b.n / n)
  const m2 = a.m2 + b.m2 + difference * difference * a.n * (b.n / n)
  if (!Number.isFinite(m2)) return invalid(`the values ${a.mean} and ${b.mean} are too far apart for a double`)
  return { ok: true, moments: { n, mean, m2 } }
}

/**
 * The unbiased variance m2 / (n - 1), in squared units of the values, for values that are independent and have one
 * distribution. With fewer than two values there is none.
 *
 * @use For the variance of counted moments.
 * @source Welford, Technometrics 4, 1962.
 */
export function variance(moments: Moments): Result<{ variance: number }> {
  const bad = checkMoments(moments)
  if (bad !== undefined) return bad
  if (moments.n < 2) return insufficient(`a variance needs at least 2 values; there are ${moments.n}`)
  return { ok: true, variance: moments.m2 / (moments.n - 1) }
}

function checkMoments({ n, mean, m2 }: Moments): Failure | undefined {
  const bad = checkCount('the number of values', n)
  if (bad !== undefined) return bad
  if (Number.isFinite(mean) && Number.isFinite(m2) && m2 >= 0) return undefined
  return invalid(`moments with mean ${mean} and m2 ${m2}; both must be finite and m2 at least 0`)
}
