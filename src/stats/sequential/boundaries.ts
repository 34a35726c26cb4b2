import { logRegularizedGammaP } from '../numerics/incomplete-gamma.ts'
import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { deviance, stirlingError } from '../numerics/special.ts'
import { checkAlpha, type Failure, invalid, type Result } from '../result.ts'
import { normalMixtureBoundary, type Sides, tightestRatio } from './normal-mixture.ts'

/** What a sum of independent, centred increments stays below at all times with probability at least 1 - alpha. */
export type UniformBound = { readonly bound: number }

/**
 * The normal mixture boundary of a sub-Gaussian sum with intrinsic time (accumulated variance) `v`.
 *
 * @use For sums whose increments are sub-Gaussian with known variances, or in (low, high), (high - low)^2 / 4 each. With
 *   two sides it bounds the absolute value. Tightest of all where `v` is near `tunedFor`.
 * @assumes Increments have conditional mean 0 (one side: at most 0) and are sub-Gaussian; `tunedFor` is set beforehand.
 * @formula Two sides: sqrt((v + r) log((v + r) / (r alpha^2))), r = tunedFor / (2 log(1/a) + log(1 + 2 log(1/a))),
 *   a = alpha. One side: the s at which 2 sqrt(r / (v + r)) exp(s^2 / (2 (v + r))) Phi(s / sqrt(v + r)) = 1 / alpha, a = 2 alpha.
 * @source Howard, Ramdas, McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals
 *   of Statistics 49, 2021 (arXiv 1810.08240), propositions 5 and 6.
 * @degenerate One side needs alpha below 1/2. Refuses `v` more than 1e15 times `tunedFor` or its inverse.
 */
export function normalMixtureBound({
  v,
  tunedFor,
  alpha,
  sides,
}: {
  v: number
  tunedFor: number
  alpha: number
  sides: Sides
}): Result<UniformBound> {
  const bad = checkAlpha(alpha) ?? checkPositive({ v, tunedFor }) ?? (sides === 1 ? checkHalf(alpha) : undefined)
  if (bad !== undefined) return bad
  if (!(v / tunedFor >= 1 / RATIO_MAX && v / tunedFor <= RATIO_MAX))
    return invalid(`v is ${v} and tunedFor ${tunedFor}; their ratio must be from ${1 / RATIO_MAX} to ${RATIO_MAX}`)
  const r = tunedFor / tightestRatio(sides === 1 ? 2 * alpha : alpha)
  return { ok: true, bound: Math.sqrt(v) * normalMixtureBoundary(-Math.log(alpha), r / v, sides) }
}

/**
 * The one-sided gamma-exponential mixture boundary of a sub-exponential sum with `scale` c: for increments that are
 * unbounded above with exponential tails, or bounded by c above, whose variances add up to `v`.
 *
 * @use Where sub-Gaussian is too much to assume: for increments at most c, with v the sum of their squares or variances.
 * @assumes Increments have conditional mean at most 0; exp(l s - psi(l) v), psi(l) = (-log(1 - c l) - c l) / c^2, is a
 *   supermartingale for every l in [0, 1/c); `tunedFor` is set beforehand.
 * @formula With b = r / c^2, a = (v + r) / c^2, x = (c s + v + r) / c^2, the s at which
 *   b^b / (gamma(b) P(b, b)) gamma(a) P(a, x) x^-a exp(x - b) = 1 / alpha; r as for one normal side.
 * @source Howard et al., Annals of Statistics 49, 2021, proposition 9.
 * @degenerate Refuses v or r beyond 1e9 c^2, where the normal mixture is the same in all digits that matter.
 */
export function gammaExponentialBound({
  v,
  tunedFor,
  scale,
  alpha,
}: {
  v: number
  tunedFor: number
  scale: number
  alpha: number
}): Result<UniformBound> {
  const bad = checkAlpha(alpha) ?? checkPositive({ v, tunedFor, scale }) ?? checkHalf(alpha)
  if (bad !== undefined) return bad
  const square = scale * scale
  const b = tunedFor / tightestRatio(2 * alpha) / square
  const a = v / square + b
  if (!(a <= GREATEST_SHAPE && b >= LEAST_SHAPE))
    return invalid(
      `v is ${v}, tunedFor ${tunedFor} and the scale ${scale}; both must be from about 1e-6 to 1e9 scale^2`,
    )
  const threshold = -Math.log(alpha)
  const excess = (x: number) => {
    const { value, slope } = logGammaExponential(a, b, x)
    return { value: threshold - value, slope: -slope }
  }
  let high = 2 * a + 1
  while (excess(high).value > 0) high *= 2
  return { ok: true, bound: (rootOfDecreasing(excess, a, high) - a) * scale }
}

/**
 * The polynomial stitched boundary: it grows like sqrt(v log log v), the least rate possible, at any time from `start` on,
 * and needs no time to be tuned for.
 *
 * @use When nobody knows how long one will look, over many orders of magnitude; around a known time mixtures are tighter.
 * @assumes As `gammaExponentialBound` for sums that are sub-gamma with `scale` c (0: sub-Gaussian; below 0: increments
 *   bounded above by |c| only make it tighter).
 * @formula S(v) = sqrt(k1^2 v l + k2^2 c^2 l^2) + k2 c l at max(v, start), l = p log log(g v / start) + log(zeta(p) /
 *   (alpha log(g)^p)), k1 = (g^(1/4) + g^(-1/4)) / sqrt 2, k2 = (sqrt g + 1) / 2; `power` p (1.4), `growth` g (2).
 * @source Howard et al., Annals of Statistics 49, 2021, theorem 1.
 * @degenerate Before `start` it stays what it is at `start`.
 */
export function polyStitchingBound({
  v,
  start,
  scale,
  alpha,
  power = 1.4,
  growth = 2,
}: {
  v: number
  start: number
  scale: number
  alpha: number
  power?: number
  growth?: number
}): Result<UniformBound> {
  const bad = checkAlpha(alpha) ?? checkPositive({ start, power: power - 1, growth: growth - 1 })
  if (bad !== undefined) return bad
  if (!(v >= 0) || !Number.isFinite(v) || !Number.isFinite(scale))
    return invalid(`v is ${v} and the scale ${scale}; both must be finite and v at least 0`)
  const time = Math.max(v, start)
  const epoch = Math.log(Math.log(growth) + Math.log(time / start))
  const level = power * epoch + Math.log(zeta(power)) - Math.log(alpha) - power * Math.log(Math.log(growth))
  const k1 = (growth ** 0.25 + growth ** -0.25) / Math.SQRT2
  const linear = ((Math.sqrt(growth) + 1) / 2) * scale * level
  const bound = Math.hypot(k1 * Math.sqrt(time * level), linear) + linear
  return Number.isFinite(bound) ? { ok: true, bound } : invalid(`v is ${v}; the bound is too great for a double`)
}

/** So that no square overflows. */
const SIZE_MAX = 1e150
const RATIO_MAX = 1e15
const GREATEST_SHAPE = 1e9
const LEAST_SHAPE = 1e-6

/** log of the mixture in terms of x, with its derivative; leading parts of the gamma functions cancel on paper. */
function logGammaExponential(a: number, b: number, x: number): { value: number; slope: number } {
  const tail = logRegularizedGammaP(a, x)
  const excess = deviance(a, x)
  const value = excess + 0.5 * Math.log(b / a) + stirlingError(a) - stirlingError(b) + tail - logRegularizedGammaP(b, b)
  const logDensity = 0.5 * Math.log(a / (2 * Math.PI)) - stirlingError(a) - excess - Math.log(x)
  return { value, slope: 1 - a / x + Math.exp(logDensity - tail) }
}

/** Riemann's zeta function for s > 1: 20 terms and the Euler-Maclaurin tail. */
function zeta(s: number): number {
  const from = 20
  let sum = 0
  for (let k = 1; k < from; k += 1) sum += k ** -s
  const last = from ** -s
  const corrections = s / 12 / from - (s * (s + 1) * (s + 2)) / 720 / from ** 3
  const next = (s * (s + 1) * (s + 2) * (s + 3) * (s + 4)) / 30_240 / from ** 5
  return sum + (last * from) / (s - 1) + last * (0.5 + corrections + next)
}

function checkPositive(sizes: Readonly<Record<string, number>>): Failure | undefined {
  for (const [name, size] of Object.entries(sizes))
    if (!(size >= 1 / SIZE_MAX && size <= SIZE_MAX))
      return invalid(
        name === 'power' || name === 'growth'
          ? `the ${name} is ${size + 1}; it must be above 1`
          : `${name} is ${size}; it must be from ${1 / SIZE_MAX} to ${SIZE_MAX}`,
      )
  return undefined
}

function checkHalf(alpha: number): Failure | undefined {
  return alpha < 0.5 ? undefined : invalid(`alpha is ${alpha}; for one side it must be less than 0.5`)
}
