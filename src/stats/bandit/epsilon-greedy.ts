import type { Result } from '../result.ts'
import type { Moments } from '../summaries/moments.ts'
import { type Allocation, checkMeanArms, checkShare } from './arms.ts'
import { shareEvenly } from './even-split.ts'

/**
 * Epsilon-greedy: the share `epsilon` is spread evenly over all arms, the rest goes to the greatest mean.
 *
 * @use The simplest bandit whose propensities are never 0; its regret grows with the number of rounds for ever, so
 * prefer `thompsonBeta` or `thompsonGaussian` with `withFloor`.
 * @assumes Nothing for the propensities; to find the best arm, that means are constant.
 * @formula p_k = epsilon/K + (1 - epsilon)/(number of greatest means) if k has a greatest mean.
 * @source Sutton & Barto, Reinforcement Learning, 2nd edition (2018), section 2.2.
 * @degenerate Ties share evenly; arms never tried count as greatest. epsilon 1 is an even split.
 */
export function epsilonGreedy({
  arms,
  epsilon = 0.1,
}: {
  arms: readonly Moments[]
  epsilon?: number
}): Result<Allocation> {
  const bad = checkMeanArms(arms) ?? checkShare('epsilon', epsilon)
  if (bad !== undefined) return bad
  const greedy = shareEvenly(arms.map(({ n, mean }) => (n > 0 ? mean : Number.POSITIVE_INFINITY)))
  return { ok: true, probabilities: greedy.map(share => epsilon / arms.length + (1 - epsilon) * share) }
}
