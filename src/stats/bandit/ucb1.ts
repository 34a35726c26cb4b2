import type { Result } from '../result.ts'
import type { Moments } from '../summaries/moments.ts'
import { type Allocation, checkAtLeastZero, checkMeanArms, checkPositive } from './arms.ts'
import { shareEvenly } from './even-split.ts'

/** An allocation by index: the arms of the greatest index share evenly. */
export type IndexAllocation = Allocation & {
  /** What each arm is compared by; Number.MAX_VALUE for an arm that has never been tried. */
  readonly indices: readonly number[]
}

/**
 * UCB1: the arm with the greatest upper confidence bound of its mean reward, given each arm's moments. Rewards are
 * bounded, `range` being greatest less least possible reward (1 for yes or no).
 *
 * @use As a benchmark, or where a choice without chance is wanted. For rates of a few percent it explores almost
 * evenly for 1e5 rounds; `klUcb` and `thompsonBeta` do not.
 * @assumes Independent rewards within the range, constant means. A propensity of 0 or 1 cannot be used to weight
 * outcomes later: add `withFloor` when the log is to evaluate other policies.
 * @formula index = mean + range sqrt(exploration ln t / n), t the sum of all n; `exploration` 2 is the textbook's.
 * @source Auer, Cesa-Bianchi & Fischer, "Finite-time analysis of the multiarmed bandit problem", Machine Learning 47
 * (2002), figure 1.
 * @degenerate Arms never tried come first and share evenly; so do ties.
 */
export function ucb1({
  arms,
  range = 1,
  exploration = 2,
}: {
  arms: readonly Moments[]
  range?: number
  exploration?: number
}): Result<IndexAllocation> {
  const bad =
    checkMeanArms(arms) ?? checkPositive('the range of rewards', range) ?? checkAtLeastZero('exploration', exploration)
  if (bad !== undefined) return bad
  const logRounds = Math.max(0, Math.log(arms.reduce((sum, { n }) => sum + n, 0)))
  const indices = arms.map(({ n, mean }) => {
    const index = mean + range * Math.sqrt((exploration * logRounds) / n)
    return n > 0 ? Math.min(index, Number.MAX_VALUE) : Number.MAX_VALUE
  })
  return { ok: true, probabilities: shareEvenly(indices), indices }
}
