import { type Failure, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { type Allocation, checkRateArms } from './arms.ts'
import { betaPosterior, LEAST_PARAMETER } from './beta-posterior.ts'
import { bestProbabilities, type PosteriorGrid, posteriorGrid } from './posterior-grid.ts'

/** A Beta(a, b) prior of every arm's rate: a pseudo events and b pseudo failures. */
export type BetaPrior = { readonly a: number; readonly b: number }

/** Every rate is as likely as any other. */
export const UNIFORM_PRIOR: BetaPrior = { a: 1, b: 1 }

/** Greater parameters are no prior but data. */
const GREATEST_PARAMETER = 1e9

/**
 * Thompson sampling for rates, as probabilities: each arm is chosen with the posterior probability that its rate is the
 * greatest, given its events (what is to be frequent) and trials.
 *
 * @use To serve the better version more and more often while learning, when outcomes are yes or no and regret counts.
 * To find the best arm with as few requests as possible use `topTwoBeta`; for averages use `thompsonGaussian`.
 * @assumes Outcomes are independent and each arm's rate is constant (if not: `discountOutcomes`), an outcome that is
 * not known yet is in neither count, and the prior holds for every arm.
 * @formula p_k = integral of f_k(x) prod_{j != k} F_j(x) dx with f, F of Beta(a + events, b + trials - events), by
 * fixed quadrature on the line of log odds; absolute error below 1e-11, counts from 0 to 1e8 and beyond.
 * @source Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25 (1933); Chapelle &
 * Li, "An empirical evaluation of Thompson sampling", NeurIPS 2011.
 * @degenerate Without data every arm gets the same; one arm gets everything. Identical arms share evenly.
 */
export function thompsonBeta({
  arms,
  prior = UNIFORM_PRIOR,
}: {
  arms: readonly Outcomes[]
  prior?: BetaPrior
}): Result<Allocation> {
  const bad = checkRateArms(arms) ?? checkPrior(prior)
  if (bad !== undefined) return bad
  return { ok: true, probabilities: bestProbabilities(betaGrid(arms, prior)) }
}

/** The posteriors of all arms on one grid over their log odds. */
export function betaGrid(arms: readonly Outcomes[], { a, b }: BetaPrior): PosteriorGrid {
  return posteriorGrid(arms.map(({ events, trials }) => betaPosterior(a + events, b + (trials - events))))
}

/** Refuses parameters of a prior that are not between 0.05 and 1e9. */
export function checkPrior({ a, b }: BetaPrior): Failure | undefined {
  const allowed = (parameter: number) => parameter >= LEAST_PARAMETER && parameter <= GREATEST_PARAMETER
  if (allowed(a) && allowed(b)) return undefined
  return invalid(`the prior is Beta(${a}, ${b}); both must be from ${LEAST_PARAMETER} to ${GREATEST_PARAMETER}`)
}
