import type { Random } from '../numerics/random.ts'
import { type Failure, invalid, type Result } from '../result.ts'
import { noArms } from './arms.ts'

/** How far from 1 the sum of probabilities may be by rounding. */
const ROUNDING = 1e-9

/**
 * Chooses one arm with the given probabilities, by one number of the generator.
 *
 * @use After any allocation of this folder, to choose the arm of a request; log the probability of the chosen arm as
 * its propensity. Seed the generator by the id of the request to make the choice repeatable.
 * @assumes The probabilities are those that are logged: then the propensity is exact by construction.
 * @formula The first arm whose cumulated probability exceeds u, u uniform in [0, 1).
 * @source Devroye, Non-Uniform Random Variate Generation (1986), section III.2.
 * @degenerate An arm of probability 0 is never chosen. Refuses a negative probability and a sum that is not 1.
 */
export function draw({
  probabilities,
  random,
}: {
  probabilities: readonly number[]
  random: Random
}): Result<{ arm: number; propensity: number }> {
  const bad = checkProbabilities(probabilities)
  if (bad !== undefined) return bad
  let left = random.next()
  let arm = 0
  for (const [index, probability] of probabilities.entries()) {
    if (probability === 0) continue
    arm = index
    if (left < probability) break
    left -= probability
  }
  return { ok: true, arm, propensity: probabilities[arm] ?? 0 }
}

/** Refuses probabilities of no arms, negative ones, and those whose sum is not 1. */
export function checkProbabilities(probabilities: readonly number[]): Failure | undefined {
  if (probabilities.length === 0) return noArms()
  const bad = probabilities.findIndex(probability => !(probability >= 0))
  if (bad >= 0) return invalid(`the probability of arm ${bad} is ${probabilities[bad]}; it must be at least 0`)
  const sum = probabilities.reduce((total, probability) => total + probability, 0)
  if (Math.abs(sum - 1) <= ROUNDING) return undefined
  return invalid(`the probabilities add up to ${sum}; they must add up to 1`)
}
