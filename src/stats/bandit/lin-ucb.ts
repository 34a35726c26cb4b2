import type { Result } from '../result.ts'
import { checkAtLeastZero } from './arms.ts'
import { shareEvenly } from './even-split.ts'
import type { LinearAllocation } from './lin-ts.ts'
import { type RidgeModel, scoreRidge } from './ridge.ts'

/**
 * LinUCB with disjoint models: the arm whose reward at the features of this request has the greatest upper confidence
 * bound, by a ridge regression of its own (`emptyRidge`, `observeRidge`, `solveRidge`).
 *
 * @use When which version is better depends on the request and a choice without chance is wanted; otherwise
 * `linearThompson`, whose propensities can weight outcomes later.
 * @assumes Rewards linear in the features, noise of about unit deviation; `exploration` is 1 + sqrt(ln(2/alpha)/2) for
 * bounds of error probability alpha, often chosen smaller.
 * @formula index = x'theta + exploration sqrt(x' A^-1 x).
 * @source Li, Chu, Langford & Schapire, WWW 2010, algorithm 1.
 * @degenerate Ties share evenly, as with features of 0.
 */
export function linearUcb({
  models,
  features,
  exploration = 1,
}: {
  models: readonly RidgeModel[]
  features: readonly number[]
  exploration?: number
}): Result<LinearAllocation & { indices: readonly number[] }> {
  const bad = checkAtLeastZero('exploration', exploration)
  if (bad !== undefined) return bad
  const scores = scoreRidge(models, features)
  if (!scores.ok) return scores
  const { means, deviations } = scores
  const indices = means.map((mean, arm) => Math.min(mean + exploration * (deviations[arm] ?? 0), Number.MAX_VALUE))
  return { ok: true, probabilities: shareEvenly(indices), means, deviations, indices }
}
