/**
 * The regularised incomplete gamma functions in log space, and the tail of the chi-square distribution through them.
 * They throw a RangeError outside their domain, as `special.ts` does.
 */
import { deviance, logGamma, stirlingError } from './special.ts'

const HALF_LOG_TWO_PI = 0.9189385332046728

/** Far beyond the steps needed at a = 1e9; reached only by a defect. */
const STEPS_MAX = 1e7

/**
 * log P(a, x): the logarithm of the probability that a Gamma(a, 1) variable is at most x, a > 0, x > 0; finite also
 * where P underflows. Series below a + 1 (Abramowitz & Stegun 6.5.29), continued fraction above.
 */
export function logRegularizedGammaP(a: number, x: number): number {
  requireDomain(a > 0 && x > 0 && Number.isFinite(a + x), a, x)
  if (x < a + 1) return Math.min(0, logBySeries(a, x))
  return Math.log1p(-Math.exp(logByFraction(a, x)))
}

/**
 * log Q(a, x) = log(1 - P(a, x)): the upper tail, finite also where Q underflows. Same domain, and
 * Q(a, 0) = 1. Relative error below 1e-11 from a = 0.1 on; for smaller a digits are lost below x = 1, as Q is small there.
 */
export function logRegularizedGammaQ(a: number, x: number): number {
  requireDomain(a > 0 && x >= 0 && Number.isFinite(a + x), a, x)
  if (x === 0) return 0
  if (x < a + 1) return Math.log(-Math.expm1(Math.min(logBySeries(a, x), 0)))
  return Math.min(0, logByFraction(a, x))
}

/** The logarithm of the probability that a chi-square variable with `df` degrees of freedom exceeds `statistic` >= 0. */
export function logChiSquareSurvival(statistic: number, df: number): number {
  return logRegularizedGammaQ(df / 2, statistic / 2)
}

/** log(x^a exp(-x) / gamma(a)), by Loader's deviance so that it keeps its digits where x is near a and both are huge. */
function logPrefactor(a: number, x: number): number {
  if (a < 10) return a * Math.log(x) - x - logGamma(a)
  return 0.5 * Math.log(a) - HALF_LOG_TWO_PI - stirlingError(a) - deviance(a, x)
}

function logBySeries(a: number, x: number): number {
  let term = 1 / a
  let sum = term
  for (let k = 1; k < STEPS_MAX; k += 1) {
    term *= x / (a + k)
    sum += term
    if (term < sum * 1e-17) return logPrefactor(a, x) + Math.log(sum)
  }
  throw new RangeError(`the series of the incomplete gamma function does not converge at ${a}, ${x}`)
}

/** Lentz's method on the continued fraction (Abramowitz & Stegun 6.5.31), in the even form of Numerical Recipes. */
function logByFraction(a: number, x: number): number {
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let product = d
  for (let k = 1; k < STEPS_MAX; k += 1) {
    const numerator = -k * (k - a)
    b += 2
    d = 1 / awayFromZero(numerator * d + b)
    c = awayFromZero(b + numerator / c)
    product *= c * d
    if (Math.abs(c * d - 1) < 2e-16) return logPrefactor(a, x) + Math.log(product)
  }
  throw new RangeError(`the continued fraction of the incomplete gamma function does not converge at ${a}, ${x}`)
}

function awayFromZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value
}

function requireDomain(inside: boolean, a: number, x: number): void {
  if (!inside) throw new RangeError(`the incomplete gamma function is not defined at ${a}, ${x}`)
}
