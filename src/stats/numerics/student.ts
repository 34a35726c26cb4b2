/**
 * Student's t and Fisher's F distribution through the incomplete beta function, tails in log space. They throw a
 * RangeError outside their domain, as `special.ts` does.
 */
import { logBetaLower } from './beta-tail.ts'
import { rootOfDecreasing, type Slope } from './monotone-root.ts'
import { logBeta, logNormalSurvival, normalQuantile } from './special.ts'

/** From this many degrees of freedom on t and the normal distribution agree to about 1e-12 in the body. */
const NORMAL_FROM_DF = 1e12
/** Below this odds x^a / (a B(a, b)) is the incomplete beta function to the last bit. */
const LEADING_TERM_BELOW = 1e-150

/**
 * log P(T > t) for T with `df` > 0 degrees of freedom, not necessarily whole; finite also where it underflows. Relative
 * error below 1e-12 for t > 0, absolute error for t < 0; from 1e12 degrees of freedom on the normal tail, which is
 * smaller by the factor exp(-t^4 / (4 df)).
 */
export function logStudentSurvival(t: number, df: number): number {
  if (!(df > 0) || !Number.isFinite(t)) throw new RangeError(`Student's t is not defined at ${t}, ${df}`)
  if (df >= NORMAL_FROM_DF) return logNormalSurvival(t)
  if (t === 0) return -Math.LN2
  const logTail = logOddsTail(df / 2, 0.5, 2 * Math.log(Math.abs(t)) - Math.log(df), ratioOfSquare(t, df)) - Math.LN2
  return t > 0 ? logTail : Math.log1p(-Math.exp(logTail))
}

/** t^2 / df without an overflow or underflow on the way. */
function ratioOfSquare(t: number, df: number): number {
  return Math.abs(t) < 1e-100 || Math.abs(t) > 1e100 ? (t / df) * t : (t * t) / df
}

/** log I_x(a, b) at x = 1 / (1 + odds), with log(odds) beside the odds for where those are 0 or infinite. */
function logOddsTail(a: number, b: number, logOdds: number, odds: number): number {
  if (odds === 0) return 0
  if (odds > 1 / LEADING_TERM_BELOW) return Math.min(0, -a * logOdds - Math.log(a) - logBeta(a, b))
  return logBetaLower(a, b, 1 / (1 + odds), odds / (1 + odds))
}

/** The t below which a Student variable lies with probability p, 0 < p < 1. */
export function studentQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`the quantile of Student's t is not defined at ${p}`)
  if (p === 0.5) return 0
  if (p < 0.5) return -studentUpperQuantile(p, df)
  return studentUpperQuantile(1 - p, df)
}

/**
 * The t that is exceeded with probability `tail`, 0 < tail <= 1/2, by Newton's method on the logarithm of the tail. It
 * keeps its digits for tiny tails; next to 1/2 its absolute error is about 1e-16.
 */
export function studentUpperQuantile(tail: number, df: number): number {
  if (!(tail > 0 && tail <= 0.5)) throw new RangeError(`the upper quantile of Student's t is not defined at ${tail}`)
  if (tail === 0.5) return 0
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
  return rootOfDecreasing(t => excessOf(t, df, target), low, high)
}

/** By how much the logarithm of the tail exceeds the target, with its derivative, less the density over the tail. */
function excessOf(t: number, df: number, target: number): Slope {
  const logTail = logStudentSurvival(t, df)
  const logDensity = -logBeta(df / 2, 0.5) - 0.5 * Math.log(df) - ((df + 1) / 2) * Math.log1p(ratioOfSquare(t, df))
  return { value: logTail - target, slope: -Math.exp(logDensity - logTail) }
}

/** log P(F > f) for an F variable with the given degrees of freedom, f >= 0; finite also where it underflows. */
export function logFisherSurvival(f: number, df1: number, df2: number): number {
  if (!(f >= 0 && df1 > 0 && df2 > 0 && f + df1 + df2 < Number.POSITIVE_INFINITY))
    throw new RangeError(`Fisher's F is not defined at ${f}, ${df1}, ${df2}`)
  if (f === 0) return 0
  return logOddsTail(df2 / 2, df1 / 2, Math.log(f) + Math.log(df1) - Math.log(df2), f * (df1 / df2))
}
