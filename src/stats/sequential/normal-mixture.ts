import { rootOfDecreasing, type Slope } from '../numerics/monotone-root.ts'
import { logNormalSurvival } from '../numerics/special.ts'

const HALF_LOG_TWO_OVER_PI = -0.22579135264472744
/** Beyond this the sum of a huge square and its negative would lose digits that the asymptotic series keeps. */
const SERIES_BEYOND = 200

/** Whether only drifts above 0 are looked for, or drifts of either sign. */
export type Sides = 1 | 2

/**
 * The logarithm of the normal mixture e-value, with its derivative in `z`, for a sum that behaves like Brownian motion:
 * z is the sum over the root of its variance v, and `ratio` is r/v, where 1/r is the variance of the mixed drifts.
 *
 * Two-sided, drifts are mixed over N(0, 1/r): log E = z^2 / (2 (1 + ratio)) - log(1 + 1/ratio) / 2. One-sided, over its
 * half above 0: log(2 Phi(z / sqrt(1 + ratio))) is added, and a sum of negative drift gains nothing either (Howard,
 * Ramdas, McAuliffe & Sekhon, Annals of Statistics 49, 2021, propositions 5 and 6). Never overflows.
 */
export function logNormalMixture(z: number, ratio: number, sides: Sides): Slope {
  const scale = Math.sqrt(1 + ratio)
  const u = z / scale
  const price = -0.5 * Math.log1p(1 / ratio)
  if (sides === 2) return { value: capped(0.5 * u * u + price), slope: u / scale }
  const tail = logTwiceScaledNormal(u)
  return { value: capped(tail + price), slope: (u + Math.exp(HALF_LOG_TWO_OVER_PI - tail)) / scale }
}

/** The z, above 0, at which the mixture reaches `threshold`, which is above 0. */
export function normalMixtureBoundary(threshold: number, ratio: number, sides: Sides): number {
  const greatest = Math.sqrt((1 + ratio) * (2 * threshold + Math.log1p(1 / ratio)))
  if (sides === 2) return greatest
  const excess = (z: number): Slope => {
    const { value, slope } = logNormalMixture(z, ratio, 1)
    return { value: threshold - value, slope: -slope }
  }
  return rootOfDecreasing(excess, 0, greatest)
}

/**
 * v / r at the look for which a boundary is tightest, at error probability `alpha` of a two-sided boundary, in close
 * approximation (Howard et al., 2021): 2 log(1/alpha) + log(1 + 2 log(1/alpha)).
 */
export function tightestRatio(alpha: number): number {
  const twice = -2 * Math.log(alpha)
  return twice + Math.log1p(twice)
}

/** log(2 Phi(u) exp(u^2 / 2)), without cancellation where u is far below 0. */
function logTwiceScaledNormal(u: number): number {
  if (u > -SERIES_BEYOND) return Math.LN2 + logNormalSurvival(-u) + 0.5 * u * u
  const x = 1 / (u * u)
  return HALF_LOG_TWO_OVER_PI - Math.log(-u) + Math.log1p(-x * (1 - 3 * x * (1 - 5 * x)))
}

function capped(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
}
