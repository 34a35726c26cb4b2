import { integrate } from './quadrature.ts'
import { deviance, logRegularizedIncompleteBeta, stirlingError } from './special.ts'

const HALF_LOG_TWO_PI = 0.9189385332046728
/** Below this first parameter the integrand decays too slowly; then neither parameter is large and the fraction is exact. */
const INTEGRAL_FROM = 0.5
/** Where the integrand has fallen below exp(-40) of its start, the rest is lost in the last bit. */
const LOG_NEGLIGIBLE = -40
const PANELS = 8

/**
 * log P(X <= x) for X with a Beta(a, b) distribution, a, b > 0, where x + y = 1 and both are given: next to 1 the
 * smaller of them holds the digits, as for Student's t with many degrees of freedom (x = df / (df + t^2)) or a rare
 * event in 1e8 trials. Finite also where the probability underflows; x > 0. For the upper tail swap: (b, a, y, x).
 *
 * With u = x exp(-s) the integral of u^(a-1) (1-u)^(b-1) up to x becomes x^a y^(b-1) times that of
 * exp(-a s) (1 + (x/y) (1 - exp(-s)))^(b-1) over s > 0, which is smooth, positive and free of cancellation below the
 * mean; above it the other tail is taken from 1. Relative error below 1e-12 of the logarithm.
 */
export function logBetaLower(a: number, b: number, x: number, y: number): number {
  if (!(a > 0 && b > 0 && x > 0 && y >= 0 && a + b < Number.POSITIVE_INFINITY))
    throw new RangeError(`the beta distribution is not defined at ${x}, ${y} with ${a}, ${b}`)
  if (y === 0) return 0
  if (x > (a + 1) / (a + b + 2)) return Math.log1p(-Math.exp(logLowerPart(b, a, y, x)))
  return logLowerPart(a, b, x, y)
}

function logLowerPart(a: number, b: number, x: number, y: number): number {
  if (a < INTEGRAL_FROM) return logRegularizedIncompleteBeta(x, a, b)
  return Math.min(0, logBetaDensity(a, b, x, y) - Math.log(y) + Math.log(decayIntegral(a, b - 1, x / y)))
}

/**
 * log(x^a y^b / B(a, b)), by Loader's deviances so that nothing large cancels: the logarithm of the density of the
 * log odds, and with log x and log y taken away that of x.
 */
export function logBetaDensity(a: number, b: number, x: number, y: number): number {
  const errors = stirlingError(a) + stirlingError(b) - stirlingError(a + b)
  const divergence = deviance(a, (a + b) * x) + deviance(b, (a + b) * y)
  return 0.5 * (Math.log(a) + Math.log(b / (a + b))) - HALF_LOG_TWO_PI - errors - divergence
}

/** The integral of exp(-rate s) (1 + odds (1 - exp(-s)))^power over s > 0. */
function decayIntegral(rate: number, power: number, odds: number): number {
  const exponent = (s: number): number => power * Math.log1p(-odds * Math.expm1(-s)) - rate * s
  let length = 1 / rate
  while (exponent(length) > LOG_NEGLIGIBLE) length *= 2
  // With s = w^2 the nodes crowd near 0, where the integrand may come close to a singularity.
  return integrate(w => 2 * w * Math.exp(exponent(w * w)), 0, Math.sqrt(length), PANELS)
}
