import type { Result } from '../result.ts'
import type { Moments } from '../summaries/moments.ts'
import { type Allocation, allocationOf } from './arms.ts'
import { type GaussianArms, gaussianBeliefs } from './gaussian-beliefs.ts'
import { bestOfBeliefs } from './gaussian-posterior.ts'

/**
 * Thompson sampling for means, as probabilities: each arm is chosen with the posterior probability that its mean is the
 * greatest, given the moments of its values (any unit; greater is better, so negate costs and latencies).
 *
 * @use To serve the better version more and more often while learning, when the outcome is a number. For yes-or-no
 * outcomes use `thompsonBeta`, which is exact at small counts.
 * @assumes Independent values whose mean is about normal at the arm's n; a constant mean (if not: `discountMoments`).
 * The variance is plugged in as if it were known, so with a handful of values the allocation is a little too sure.
 * @formula Arm k: precision n/v + w/V, posterior mean (n m/v + w M/V) / precision, with v the arm's variance but at
 * least V/n and `leastVariance`, M and V mean and variance of all values of all arms, w = `priorValues`. p_k = integral
 * of f_k(x) prod_{j != k} F_j(x) dx by fixed quadrature, absolute error below 1e-12.
 * @source Honda & Takemura, "Optimality of Thompson sampling for Gaussian bandits depends on priors", AISTATS 2014; the
 * prior: Kass & Wasserman, JASA 90 (1995), 928-934.
 * @degenerate An arm of constant values keeps a deviation of at least sqrt(V)/n, so it cannot freeze the allocation. An
 * arm without values has the prior. If all values are equal, or there are fewer than 2, every arm gets the same.
 */
export function thompsonGaussian(input: GaussianArms): Result<Allocation> {
  const beliefs = gaussianBeliefs(input)
  if (!beliefs.ok) return beliefs
  return allocationOf(bestOrEven(beliefs.beliefs, input.arms))
}

/** The probability of being the best, the same for every arm where nothing tells them apart. */
export function bestOrEven(
  beliefs: Parameters<typeof bestOfBeliefs>[0] | undefined,
  arms: readonly Moments[],
): readonly number[] {
  return beliefs === undefined ? arms.map(() => 1 / arms.length) : bestOfBeliefs(beliefs)
}
