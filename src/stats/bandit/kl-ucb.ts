import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { binomialDivergence } from '../numerics/special.ts'
import type { Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { checkAtLeastZero, checkRateArms } from './arms.ts'
import { shareEvenly } from './even-split.ts'
import type { IndexAllocation } from './ucb1.ts'

/**
 * KL-UCB for rates: the arm with the greatest upper confidence bound of its rate, by the Kullback-Leibler divergence of
 * Bernoulli distributions, given its events (what is to be frequent) and trials.
 *
 * @use Where a choice without chance is wanted; its regret attains the lower bound of `laiRobbins`, and it is sharp at
 * the small rates where `ucb1` is not. For smooth propensities use `thompsonBeta`.
 * @assumes Independent outcomes, constant rates. A propensity of 0 or 1 cannot be used to weight outcomes later: add
 * `withFloor` when the log is to evaluate other policies.
 * @formula index = the greatest q in [m, 1] with n kl(m, q) <= ln t + c max(0, ln ln t), m = events/n, t the sum of all
 * n; c = 0 is what the authors advise in practice, 3 what their proof needs.
 * @source Garivier & Cappe, "The KL-UCB algorithm for bounded stochastic bandits and beyond", COLT 2011, algorithm 1.
 * @degenerate Arms never tried come first and share evenly; so do ties. At m = 1 the index is 1.
 */
export function klUcb({ arms, c = 0 }: { arms: readonly Outcomes[]; c?: number }): Result<IndexAllocation> {
  const bad = checkRateArms(arms) ?? checkAtLeastZero('c', c)
  if (bad !== undefined) return bad
  const logRounds = Math.max(0, Math.log(arms.reduce((sum, { trials }) => sum + trials, 0)))
  const budget = logRounds + c * Math.max(0, Math.log(logRounds))
  const indices = arms.map(arm => (arm.trials > 0 ? upperRate(arm, budget) : Number.MAX_VALUE))
  return { ok: true, probabilities: shareEvenly(indices), indices }
}

/** The greatest rate whose divergence from the arm's own stays within the budget. */
function upperRate({ events, trials }: Outcomes, budget: number): number {
  const failures = trials - events
  const rate = events / trials
  if (failures === 0 || budget === 0) return rate
  const room = (q: number) => ({
    value: budget - binomialDivergence(events, failures, q),
    slope: (events - trials * q) / (q * (1 - q)),
  })
  return rootOfDecreasing(room, rate, 1)
}
