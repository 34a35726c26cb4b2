import { type Failure, invalid, type Result } from '../result.ts'
import type { Moments } from '../summaries/moments.ts'
import { checkAtLeastZero, checkMeanArms, checkPositive } from './arms.ts'
import type { Belief } from './gaussian-posterior.ts'

/** What the Gaussian methods take: values as moments, and how strong and how sharp a belief may be. */
export type GaussianArms = {
  readonly arms: readonly Moments[]
  /** How many values the prior counts for; default 1. */
  readonly priorValues?: number
  /** No variance is taken to be less, in squared units of the values; default 0. */
  readonly leastVariance?: number
}

/**
 * The normal posterior of each arm's mean, as its distance from the mean `origin` of all values (which keeps the digits
 * of means near 1e9). `undefined` beliefs: all values are equal, or there are fewer than 2, so nothing tells the arms
 * apart.
 *
 * Prior: unit information (Kass & Wasserman, JASA 90, 1995), a normal distribution around the mean of all values with
 * the variance of all values, worth `priorValues` values. An arm's own variance is plugged in, but never less than the
 * variance of all values over the arm's n: n equal values do not exclude that one in n differs by one standard deviation.
 */
export function gaussianBeliefs({ arms, priorValues = 1, leastVariance = 0 }: GaussianArms): Result<{
  origin: number
  beliefs: readonly Belief[] | undefined
}> {
  const bad =
    checkMeanArms(arms) ??
    checkPositive('the weight of the prior', priorValues) ??
    checkAtLeastZero('the least variance', leastVariance)
  if (bad !== undefined) return bad
  const { base, centre, totalVariance } = together(arms)
  const origin = base + centre
  const scale = Math.max(totalVariance, leastVariance)
  const tooFar = checkScale(scale)
  if (tooFar !== undefined) return tooFar
  if (scale === 0) return { ok: true, origin, beliefs: undefined }
  const beliefs = arms.map(arm => {
    const precision = arm.n === 0 ? 0 : arm.n / pluggedVariance(arm, scale, leastVariance)
    const posterior = precision + priorValues / scale
    return {
      mean: arm.n === 0 ? 0 : (arm.mean - base - centre) * (precision / posterior),
      deviation: 1 / Math.sqrt(posterior),
    }
  })
  return { ok: true, origin, beliefs }
}

/**
 * The mean of all values, as `base` + `centre` because the rounded sum would lose the digits of means near 1e9, and
 * their variance around it: within and between the arms.
 */
function together(arms: readonly Moments[]): { base: number; centre: number; totalVariance: number } {
  const filled = arms.filter(({ n }) => n > 0)
  const base = filled[0]?.mean ?? 0
  const n = filled.reduce((sum, arm) => sum + arm.n, 0)
  const centre = n === 0 ? 0 : filled.reduce((sum, arm) => sum + (arm.n / n) * (arm.mean - base), 0)
  const squares = filled.reduce((sum, arm) => sum + arm.m2 + arm.n * (arm.mean - base - centre) ** 2, 0)
  return { base, centre, totalVariance: n < 2 ? 0 : squares / (n - 1) }
}

function pluggedVariance({ n, m2 }: Moments, scale: number, leastVariance: number): number {
  if (n < 2) return scale
  return Math.max(m2 / (n - 1), scale / n, leastVariance)
}

/** Squares of deviations must neither overflow nor underflow. */
function checkScale(scale: number): Failure | undefined {
  if (scale === 0 || (scale > 1e-280 && scale < 1e280)) return undefined
  return invalid(`the variance of all values is ${scale}; give the values in another unit`)
}
