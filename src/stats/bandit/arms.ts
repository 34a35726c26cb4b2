/**
 * The bandits: pure functions from what is known of each arm to the exact probability with which each arm is to be
 * chosen, which is logged with the request as its propensity; `draw` then chooses. Arms are positions of an array and
 * share no state, so one can be added or retired without touching the others. Counts may be fractional, since old
 * outcomes may be discounted.
 */
import { type Failure, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import type { Moments } from '../summaries/moments.ts'

/** The probability of each arm, in the order of the arms; the sum is 1. */
export type Allocation = { readonly probabilities: readonly number[] }

/** Refuses probabilities that came out as none, of deviations too small or too large beside the means. */
export function allocationOf(probabilities: readonly number[]): Result<Allocation> {
  if (probabilities.every(Number.isFinite)) return { ok: true, probabilities }
  return invalid('the means and deviations are too far apart, or too large, for a double')
}

/** Counts beyond this no longer fit the grids. */
const GREATEST_COUNT = Number.MAX_SAFE_INTEGER

/** Refuses no arms at all, and arms whose events are not between 0 and their trials. */
export function checkRateArms(arms: readonly Outcomes[]): Failure | undefined {
  if (arms.length === 0) return noArms()
  const bad = arms.findIndex(({ events, trials }) => !(events >= 0 && events <= trials && trials <= GREATEST_COUNT))
  if (bad < 0) return undefined
  return invalid(
    `arm ${bad} has ${arms[bad]?.events} events in ${arms[bad]?.trials} trials; 0 <= events <= trials <= ${GREATEST_COUNT}`,
  )
}

/** Refuses no arms at all, and moments that no finite values have. */
export function checkMeanArms(arms: readonly Moments[]): Failure | undefined {
  if (arms.length === 0) return noArms()
  const bad = arms.findIndex(
    ({ n, mean, m2 }) => !(n >= 0 && n <= GREATEST_COUNT && Number.isFinite(mean) && m2 >= 0 && Number.isFinite(m2)),
  )
  if (bad < 0) return undefined
  const { n, mean, m2 } = arms[bad] ?? { n: 0, mean: 0, m2: 0 }
  return invalid(`arm ${bad} has n ${n}, mean ${mean}, m2 ${m2}; all must be finite, n and m2 at least 0`)
}

/** Refuses a number that is not positive and finite. */
export function checkPositive(name: string, value: number): Failure | undefined {
  if (value > 0 && Number.isFinite(value)) return undefined
  return invalid(`${name} is ${value}; it must be greater than 0 and finite`)
}

/** Refuses a number that is negative or not finite. */
export function checkAtLeastZero(name: string, value: number): Failure | undefined {
  if (value >= 0 && Number.isFinite(value)) return undefined
  return invalid(`${name} is ${value}; it must be at least 0 and finite`)
}

/** Refuses a share outside [0, 1]. */
export function checkShare(name: string, share: number): Failure | undefined {
  if (share >= 0 && share <= 1) return undefined
  return invalid(`${name} is ${share}; it must be from 0 to 1`)
}

export function noArms(): Failure {
  return invalid('there are no arms; at least 1 is needed')
}
