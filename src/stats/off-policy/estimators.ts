import type { Result } from '../result.ts'
import type { LoggedRow } from './logged-row.ts'
import { evaluateOffPolicy, type OffPolicyEstimate } from './off-policy.ts'

type Input = { rows: readonly LoggedRow[]; alpha: number }
type InputWithLambda = Input & { lambda: number }

/**
 * Inverse propensity scoring (IPS): the mean reward that the evaluation policy would have earned on the contexts of
 * the logged rows, in units of the reward.
 *
 * @use The plainest unbiased estimate, when overlap is good and there is no reward model. Prefer SNIPS for rewards far
 * from 0 (IPS changes when a constant is added to every reward) and DR when there is a model.
 * @assumes Independent rows; true, logged propensities; the same contexts and rewards for both policies; enough rows
 * of each kind of reward for the central limit theorem (about 10). One look, planned beforehand.
 * @formula mean(w r), w = evaluationPropensity / loggingPropensity; se = sd(w r) / sqrt(n); estimate +- z se.
 * @source Horvitz & Thompson, JASA 47, 1952; Dudik, Langford & Li, Doubly robust policy evaluation and learning, ICML
 * 2011, section 2.
 * @degenerate Insufficient when the overlap fails, with the numbers, and when w r is constant. Invalid without support.
 */
export function inversePropensity({ rows, alpha }: Input): Result<OffPolicyEstimate> {
  return evaluateOffPolicy({ rows, method: { kind: 'ips' }, alpha })
}

/**
 * Self-normalised inverse propensity scoring (SNIPS): the mean reward of the evaluation policy, as a weighted mean of
 * the logged rewards.
 *
 * @use The default without a reward model: stays within the range of the rewards, moves with a constant added to them,
 * and usually varies less than IPS. Its bias is of order 1/n.
 * @assumes As `inversePropensity`.
 * @formula v = sum w r / sum w; delta-method se = sqrt(n / (n - 1) * sum w^2 (r - v)^2) / sum w; estimate +- z se.
 * @source Swaminathan & Joachims, The self-normalized estimator for counterfactual learning, NeurIPS 2015; Owen, Monte
 * Carlo theory, methods and examples, 2013, equation 9.8 (its variance, there without n / (n - 1)).
 * @degenerate As `inversePropensity`; constant rewards are insufficient.
 */
export function selfNormalizedInversePropensity({ rows, alpha }: Input): Result<OffPolicyEstimate> {
  return evaluateOffPolicy({ rows, method: { kind: 'snips' }, alpha })
}

/**
 * The doubly robust estimate (DR): the modelled value of the evaluation policy, corrected by the weighted errors of the
 * model; the mean reward of that policy.
 *
 * @use The default when a reward model exists: unbiased whatever the model if propensities are true, and the less
 * variable the better the model.
 * @assumes As `inversePropensity`; the model was not fitted to the rows it is used on.
 * @formula mean(dm + w (r - q)), q = modelledReward of the logged action, dm = modelledValue; se = sd / sqrt(n).
 * @source Dudik, Langford & Li, Doubly robust policy evaluation and learning, ICML 2011, equation 1.
 * @degenerate As `inversePropensity`; a row without the model's numbers is invalid.
 */
export function doublyRobust({ rows, alpha }: Input): Result<OffPolicyEstimate> {
  return evaluateOffPolicy({ rows, method: { kind: 'dr' }, alpha })
}

/**
 * The self-normalised doubly robust estimate (SNDR): DR with its correction divided by the sum of the weights instead
 * of the number of rows.
 *
 * @use When the model is biased by about a constant and weights vary much.
 * @assumes As `doublyRobust`; bias of order 1/n.
 * @formula mean(dm) + d, d = sum w (r - q) / sum w; se from the influences dm - mean dm + (n / sum w) w (r - q - d),
 * sqrt(sum of their squares / (n (n - 1))).
 * @source Thomas & Brunskill, Data-efficient off-policy policy evaluation, ICML 2016, section 4 (weighted doubly
 * robust, here for one step).
 * @degenerate As `doublyRobust`.
 */
export function selfNormalizedDoublyRobust({ rows, alpha }: Input): Result<OffPolicyEstimate> {
  return evaluateOffPolicy({ rows, method: { kind: 'sndr' }, alpha })
}

/**
 * The switch estimate: DR where the weight is at most `lambda`, the model alone where it is greater.
 *
 * @use When few rows have large weights and the model is trusted there. Biased by the model's error on those rows, and
 * the interval does not cover that bias. `lambda` is chosen before looking.
 * @assumes As `doublyRobust`; the model is right where w > lambda.
 * @formula mean(dm + w 1{w <= lambda} (r - q)); se = sd / sqrt(n).
 * @source Wang, Agarwal & Dudik, Optimal and adaptive off-policy evaluation in contextual bandits, ICML 2017, section 4.
 * @degenerate As `doublyRobust`; the overlap is judged by the weights before switching. A lambda that is not positive
 * is invalid.
 */
export function switchDoublyRobust({ rows, alpha, lambda }: InputWithLambda): Result<OffPolicyEstimate> {
  return evaluateOffPolicy({ rows, method: { kind: 'switch', lambda }, alpha })
}

/**
 * Doubly robust with optimistic shrinkage (DRos): DR with weights shrunk towards 0, the greatest most.
 *
 * @use As `switchDoublyRobust`, without its jump at lambda. A large lambda is DR, a small one the model alone. Biased by
 * the model's error in the shrunk part, which the interval does not cover.
 * @assumes As `switchDoublyRobust`.
 * @formula mean(dm + w' (r - q)), w' = lambda w / (w^2 + lambda); se = sd / sqrt(n).
 * @source Su, Dimakopoulou, Krishnamurthy & Dudik, Doubly robust off-policy evaluation with shrinkage, ICML 2020,
 * section 3.
 * @degenerate As `switchDoublyRobust`.
 */
export function shrinkageDoublyRobust({ rows, alpha, lambda }: InputWithLambda): Result<OffPolicyEstimate> {
  return evaluateOffPolicy({ rows, method: { kind: 'dros', lambda }, alpha })
}
