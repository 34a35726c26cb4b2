/**
 * Student's t and Fisher's F distribution through the incomplete beta function, tails in log space. They throw a
 * RangeError outside their domain, as `special.ts` does.
 */
import { logNormalSurvival, logRegularizedIncompleteBeta, normalQuantile } from './special.ts'

/** From this many degrees of freedom on t and the normal distribution agree to about 1e-12 in the body. */
const NORMAL_FROM_DF = 1e12

/** log P(T > t) for T with `df` > 0 degrees of freedom, not necessarily whole; finite also where it underflows. */
export function logStudentSurvival(t: number, df: number): number {
  if (!(df > 0) || !Number.isFinite(t)) throw new RangeError(`Student's t is not defined at ${t}, ${df}`)
  if (df >= NORMAL_FROM_DF) return logNormalSurvival(t)
  if (t === 0) return -Math.LN2
  const logTail = logHalfTail(Math.abs(t), df)
  return t > 0 ? logTail : Math.log1p(-Math.exp(logTail))
}

/** log P(T > t) for t > 0: half of I_{df/(df+t^2)}(df/2, 1/2). */
function logHalfTail(t: number, df: number): number {
  // For tiny t the argument rounds to 1; the complement keeps the digits.
  const square = (t * t) / df
  if (square < 1e-4 * (1 + 1 / df)) {
    const inside = square / (1 + square)
    if (inside === 0) return -Math.LN2
    return Math.log1p(-Math.exp(logRegularizedIncompleteBeta(inside, 0.5, df / 2))) - Math.LN2
  }
  return logRegularizedIncompleteBeta(1 / (1 + square), df / 2, 0.5) - Math.LN2
}

/** The t below which a Student variable lies with probability p, 0 < p < 1; by bisection on the logarithm of the tail. */
export function studentQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`the quantile of Student's t is not defined at ${p}`)
  if (p === 0.5) return 0
  if (p < 0.5) return -studentUpperQuantile(p, df)
  return studentUpperQuantile(1 - p, df)
}

/** The t that is exceeded with probability `tail`, 0 < tail <= 1/2. Keeps its digits for tiny tails. */
export function studentUpperQuantile(tail: number, df: number): number {
  if (!(tail > 0 && tail <= 0.5)) throw new RangeError(`the upper quantile of Student's t is not defined at ${tail}`)
  if (df >= NORMAL_FROM_DF) return -normalQuantile(tail)
  const target = Math.log(tail)
  let low = 0
  let high = Math.max(1, -normalQuantile(tail))
  while (logStudentSurvival(high, df) > target) {
    low = high
    high *= 2
    if (high === Number.POSITIVE_INFINITY)
      throw new RangeError(`the quantile of Student's t overflows at ${tail}, ${df}`)
  }
  for (let step = 0; step < 200; step += 1) {
    const middle = low + (high - low) / 2
    if (middle === low || middle === high) break
    if (logStudentSurvival(middle, df) > target) low = middle
    else high = middle
  }
  return high
}

/** log P(F > f) for an F variable with the given degrees of freedom, f >= 0. */
export function logFisherSurvival(f: number, df1: number, df2: number): number {
  if (!(f >= 0 && df1 > 0 && df2 > 0)) throw new RangeError(`Fisher's F is not defined at ${f}, ${df1}, ${df2}`)
  if (f === 0) return 0
  return logRegularizedIncompleteBeta(df2 / (df2 + df1 * f), df2 / 2, df1 / 2)
}
