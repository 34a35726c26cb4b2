/**
 * The Beta distribution on the scale u = log(x / (1 - x)), where its density x^a (1 - x)^b / B(a, b) is smooth and
 * log-concave for all a, b > 0, also where the density of x itself is infinite at 0 or 1.
 */
import { integrate } from '../numerics/quadrature.ts'
import { deviance, logRegularizedIncompleteBeta, stirlingError } from '../numerics/special.ts'

/** A Beta(a, b) distribution of a rate. */
export type Beta = { readonly a: number; readonly b: number }

const HALF_LOG_TWO_PI = 0.9189385332046728

/** exp(-45) is below the rounding of what it is added to. */
const NEGLIGIBLE = 45

/** Up to this sum of parameters the continued fraction of the incomplete beta function is the faster way. */
const FRACTION_UP_TO = 20_000

/** The rate at a logit, and its complement, each with all its digits. */
export function rateAt(u: number): { readonly x: number; readonly y: number } {
  const small = Math.exp(-Math.abs(u))
  const large = 1 / (1 + small)
  return u < 0 ? { x: small * large, y: large } : { x: large, y: small * large }
}

/** The logit at which the density of the logit is greatest, that of the mean. */
export function peakOf({ a, b }: Beta): number {
  return Math.log(a / b)
}

/** The log density of the logit of the rate, in Loader's deviance form. */
export function logDensity({ a, b }: Beta, u: number): number {
  const { x, y } = rateAt(u)
  const n = a + b
  const errors = stirlingError(a) + stirlingError(b) - stirlingError(n)
  return 0.5 * (Math.log(a) + Math.log(b / n)) - HALF_LOG_TWO_PI - errors - deviance(a, n * x) - deviance(b, n * y)
}

/** log P(rate <= that at u); relative precision of the probability in both tails. */
export function logBelow(beta: Beta, u: number): number {
  const { a, b } = beta
  const { x, y } = rateAt(u)
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (y === 0) return 0
  if (a + b > FRACTION_UP_TO) {
    if (u <= peakOf(beta)) return logTail(beta, u)
    return Math.log1p(-Math.exp(logTail({ a: b, b: a }, -u)))
  }
  if (x * (a + b + 2) <= a + 1) return logRegularizedIncompleteBeta(x, a, b)
  return Math.log1p(-Math.exp(logRegularizedIncompleteBeta(y, b, a)))
}

/** log P(rate > that at u). */
export function logAbove({ a, b }: Beta, u: number): number {
  return logBelow({ a: b, b: a }, -u)
}

/** Shares of the tail between panels: fine near u, where the density bends most. */
const CUTS = [0, 1 / 16, 1 / 4, 1] as const

/** log P(rate <= that at u) for u up to the peak, by quadrature of the density below u relative to that at u. */
function logTail(beta: Beta, u: number): number {
  const { a, b } = beta
  const n = a + b
  const at = rateAt(u)
  const reference = deviance(a, n * at.x) + deviance(b, n * at.y)
  const drop = (v: number) => {
    const { x, y } = rateAt(v)
    return deviance(a, n * x) + deviance(b, n * y) - reference
  }
  const slope = a * at.y - b * at.x
  let width = NEGLIGIBLE / Math.max(slope, Math.sqrt(n * at.x * at.y))
  while (drop(u - width) < NEGLIGIBLE) width *= 2
  while (drop(u - width / 2) > NEGLIGIBLE) width /= 2
  let sum = 0
  for (const [index, cut] of CUTS.entries()) {
    const next = CUTS[index + 1]
    if (next !== undefined) sum += integrate(v => Math.exp(-drop(v)), u - width * next, u - width * cut, 1)
  }
  return Math.min(0, logDensity(beta, u) + Math.log(sum))
}
