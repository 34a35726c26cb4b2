import { invalid, type Result } from '../result.ts'
import type { Allocation } from './arms.ts'
import { checkProbabilities } from './draw.ts'

/**
 * Lifts an allocation so that every arm gets at least its floor.
 *
 * @use After any allocation of this folder: a floor keeps every arm observed, so that a change in a losing arm is seen,
 * and bounds the weights 1/p of an evaluation of other policies. It costs the floor's share of the regret for ever.
 * @assumes Nothing.
 * @formula p_k = floor_k + (1 - sum of floors) q_k, q the allocation: the order of the arms stays if floors are equal.
 * @source The mixing of exploration in Auer, Cesa-Bianchi, Freund & Schapire, "The nonstochastic multiarmed bandit
 * problem", SIAM Journal on Computing 32 (2002), algorithm Exp3, with a floor per arm.
 * @degenerate Floor 0 changes nothing; floors that add up to 1 are the allocation. Refuses more than 1.
 */
export function withFloor({
  probabilities,
  floor,
}: {
  probabilities: readonly number[]
  /** One for all arms, or one for each. */
  floor: number | readonly number[]
}): Result<Allocation> {
  const bad = checkProbabilities(probabilities)
  if (bad !== undefined) return bad
  const floors = typeof floor === 'number' ? probabilities.map(() => floor) : floor
  if (floors.length !== probabilities.length)
    return invalid(`there are ${floors.length} floors for ${probabilities.length} arms`)
  const sum = floors.reduce((total, one) => total + one, 0)
  if (!floors.every(one => one >= 0) || !(sum <= 1 + 1e-12))
    return invalid(`the floors are ${floors}; each must be at least 0 and their sum at most 1`)
  const rest = Math.max(0, 1 - sum)
  return { ok: true, probabilities: probabilities.map((one, arm) => (floors[arm] ?? 0) + rest * one) }
}
