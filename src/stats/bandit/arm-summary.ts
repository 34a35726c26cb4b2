import type { Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { checkRateArms } from './arms.ts'
import { rateSlope } from './beta-posterior.ts'
import { type GaussianArms, gaussianBeliefs } from './gaussian-beliefs.ts'
import { lossesOfBeliefs } from './gaussian-posterior.ts'
import { bestProbabilities, expectedLosses } from './posterior-grid.ts'
import { type BetaPrior, betaGrid, checkPrior, UNIFORM_PRIOR } from './thompson-beta.ts'
import { bestOrEven } from './thompson-gaussian.ts'

/** What the posterior says of each arm, in the order of the arms. */
export type ArmSummary = {
  /** The arm that is expected to lose least; the first of several. */
  readonly leader: number
  /** Posterior means. */
  readonly means: readonly number[]
  /** The probability of being the best arm; the sum is 1. */
  readonly probabilitiesBest: readonly number[]
  /** How much less than the best other arm it is expected to give, where it is not the best; unit of the values. */
  readonly expectedLosses: readonly number[]
}

/**
 * Probability of being the best and expected loss of each arm, for rates.
 *
 * @use For a Bayesian stop: choose the leader once its expected loss is below what one cares about. Such a stop does
 * not bound the probability of an error; `bernoulliBestArm` does.
 * @assumes As `thompsonBeta`; the prior should be informative if one looks often.
 * @formula P_k = integral of f_k prod F_j; loss_k = E[(max_{j != k} x_j - x_k)+] = integral of F_k (1 - prod F_j) dx;
 * fixed quadrature, absolute error below 1e-11.
 * @source Stucchio, "Bayesian A/B testing at VWO" (2015), here for any number of arms and without draws.
 * @degenerate One arm has probability 1 and loss 0; without data all are equal.
 */
export function summarizeRates({
  arms,
  prior = UNIFORM_PRIOR,
}: {
  arms: readonly Outcomes[]
  prior?: BetaPrior
}): Result<ArmSummary> {
  const bad = checkRateArms(arms) ?? checkPrior(prior)
  if (bad !== undefined) return bad
  const grid = betaGrid(arms, prior)
  const means = arms.map(({ events, trials }) => (prior.a + events) / (prior.a + prior.b + trials))
  return summary(means, bestProbabilities(grid), expectedLosses(grid, rateSlope))
}

/**
 * Probability of being the best and expected loss of each arm, for means.
 *
 * @use As `summarizeRates`, for values of any unit; `gaussianBestArm` bounds the probability of an error.
 * @assumes As `thompsonGaussian`.
 * @formula As `summarizeRates`, with the posteriors of `thompsonGaussian`.
 * @source As `summarizeRates`.
 * @degenerate Where all values are equal, every arm is as likely the best and loses nothing.
 */
export function summarizeMeans(input: GaussianArms): Result<ArmSummary> {
  const result = gaussianBeliefs(input)
  if (!result.ok) return result
  const { origin, beliefs } = result
  const means = input.arms.map((_, arm) => origin + (beliefs?.[arm]?.mean ?? 0))
  const losses = beliefs === undefined ? input.arms.map(() => 0) : lossesOfBeliefs(beliefs)
  return summary(means, bestOrEven(beliefs, input.arms), losses)
}

function summary(means: readonly number[], best: readonly number[], losses: readonly number[]): Result<ArmSummary> {
  const leader = losses.indexOf(Math.min(...losses))
  return { ok: true, leader, means, probabilitiesBest: best, expectedLosses: losses }
}
