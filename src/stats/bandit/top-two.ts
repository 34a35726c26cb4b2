import type { Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { type Allocation, checkShare } from './arms.ts'
import { checkProbabilities } from './draw.ts'
import type { GaussianArms } from './gaussian-beliefs.ts'
import { type BetaPrior, thompsonBeta } from './thompson-beta.ts'
import { thompsonGaussian } from './thompson-gaussian.ts'

/** Below this probability of being the best, arms count as equally good challengers. */
const NEGLIGIBLE = 1e-30

/**
 * Top-two Thompson sampling for rates, as probabilities: with `leaderShare` the arm that Thompson sampling would
 * choose, else the one it would choose if it drew again until another arm came out.
 *
 * @use To find the arm of the greatest rate with few requests, together with `bernoulliBestArm`, which says when to
 * stop. If the requests themselves matter more than the answer use `thompsonBeta`.
 * @assumes As `thompsonBeta`.
 * @formula p_k = a_k (s + (1 - s) sum_{i != k} a_i / (1 - a_i)), a the probabilities of `thompsonBeta`, s `leaderShare`
 * (1/2 is within a factor of 2 of the best share whatever the rates are).
 * @source Russo, "Simple Bayesian algorithms for best arm identification", COLT 2016 (Operations Research 68, 2020):
 * top-two Thompson sampling; here its probabilities instead of its draws.
 * @degenerate One arm gets everything. Where every arm but one has a probability below 1e-30 of being the best, the
 * challengers share evenly. With leaderShare 1 it is Thompson sampling.
 */
export function topTwoBeta({
  leaderShare = 0.5,
  ...input
}: {
  arms: readonly Outcomes[]
  prior?: BetaPrior
  leaderShare?: number
}): Result<Allocation> {
  const best = thompsonBeta(input)
  return best.ok ? topTwo({ best: best.probabilities, leaderShare }) : best
}

/**
 * Top-two Thompson sampling for means, as probabilities: as `topTwoBeta`, for values of any unit.
 *
 * @use To find the arm of the greatest mean with few requests, together with `gaussianBestArm`.
 * @assumes As `thompsonGaussian`.
 * @formula As `topTwoBeta`, a the probabilities of `thompsonGaussian`.
 * @source Russo, COLT 2016.
 * @degenerate As `topTwoBeta` and `thompsonGaussian`.
 */
export function topTwoGaussian({
  leaderShare = 0.5,
  ...input
}: GaussianArms & { leaderShare?: number }): Result<Allocation> {
  const best = thompsonGaussian(input)
  return best.ok ? topTwo({ best: best.probabilities, leaderShare }) : best
}

/**
 * The top-two probabilities from any probabilities `best` of being the best arm.
 *
 * @use With posteriors of one's own, such as those of `linearThompson`.
 * @assumes The probabilities are those of one policy whose draws could be repeated.
 * @formula As `topTwoBeta`.
 * @source Russo, COLT 2016.
 * @degenerate As `topTwoBeta`. Refuses probabilities whose sum is not 1.
 */
export function topTwo({
  best,
  leaderShare = 0.5,
}: {
  best: readonly number[]
  leaderShare?: number
}): Result<Allocation> {
  const bad = checkProbabilities(best) ?? checkShare('the share of the leader', leaderShare)
  if (bad !== undefined) return bad
  if (best.length === 1) return { ok: true, probabilities: [1] }
  const weights = best.map(probability => probability + NEGLIGIBLE)
  const againOver = best.map((probability, leader) => probability / sumExcept(weights, leader))
  const probabilities = best.map((probability, arm) => {
    const challenger = (weights[arm] ?? 0) * sumExcept(againOver, arm)
    return leaderShare * probability + (1 - leaderShare) * challenger
  })
  return { ok: true, probabilities }
}

/** Not by subtraction: what is left may be far smaller than what is left out. */
function sumExcept(values: readonly number[], except: number): number {
  let sum = 0
  for (const [index, value] of values.entries()) if (index !== except) sum += value
  return sum
}
