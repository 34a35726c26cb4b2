import type { Result } from '../result.ts'
import { type Allocation, allocationOf, checkAtLeastZero } from './arms.ts'
import { bestOfBeliefs } from './gaussian-posterior.ts'
import { type RidgeModel, scoreRidge } from './ridge.ts'

/** An allocation for one request, with what each arm promises at its features. */
export type LinearAllocation = Allocation & {
  /** x'theta of each arm. */
  readonly means: readonly number[]
  /** sqrt(x' A^-1 x) of each arm, before `exploration`. */
  readonly deviations: readonly number[]
}

/**
 * Linear Thompson sampling, as probabilities: each arm is chosen with the posterior probability that its reward at the
 * features of this request is the greatest, by a ridge regression of its own (`emptyRidge`, `observeRidge`,
 * `solveRidge`).
 *
 * @use When which version is better depends on the request. The propensities are exact, so the log can evaluate other
 * policies; without useful features use `thompsonBeta` or `thompsonGaussian`.
 * @assumes Rewards linear in the features; noise of deviation `exploration`; arms independent of each other.
 * @formula Scores x'theta_k ~ N(x' A_k^-1 b_k, exploration^2 x' A_k^-1 x), p_k = integral of f_k prod_{j != k} F_j by
 * fixed quadrature, absolute error below 1e-12.
 * @source Agrawal & Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013, algorithm 1, with
 * disjoint parameters as in Li et al., WWW 2010.
 * @degenerate With features of 0, or exploration 0, arms of the greatest mean share evenly.
 */
export function linearThompson({
  models,
  features,
  exploration = 1,
}: {
  models: readonly RidgeModel[]
  features: readonly number[]
  exploration?: number
}): Result<LinearAllocation> {
  const bad = checkAtLeastZero('exploration', exploration)
  if (bad !== undefined) return bad
  const scores = scoreRidge(models, features)
  if (!scores.ok) return scores
  const { means, deviations } = scores
  const beliefs = means.map((mean, arm) => ({ mean, deviation: exploration * (deviations[arm] ?? 0) }))
  const best = allocationOf(bestOfBeliefs(beliefs))
  return best.ok ? { ...best, means, deviations } : best
}
