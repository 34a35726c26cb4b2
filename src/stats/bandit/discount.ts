import { invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import type { Moments } from '../summaries/moments.ts'
import { checkAtLeastZero, checkMeanArms, checkPositive, checkRateArms, checkShare } from './arms.ts'

/**
 * How much an observation is still worth after `elapsed`, when it loses half of its worth every `halfLife` (rounds,
 * requests or milliseconds, both in the same unit).
 *
 * @use With `discountOutcomes`, `discountMoments` or `discountRidge`, for every arm at the same times, chosen or not.
 * @assumes Rewards change slowly against the half-life, and the half-life holds enough outcomes to tell arms apart.
 * @formula 2^(-elapsed/halfLife).
 * @source Kocsis & Szepesvari, "Discounted UCB", 2nd PASCAL Challenges Workshop (2006); Garivier & Moulines, "On
 * upper-confidence bound policies for switching bandit problems", ALT 2011.
 * @degenerate 1 if no time has passed. Refuses a negative time.
 */
export function discountFactor({
  elapsed,
  halfLife,
}: {
  elapsed: number
  halfLife: number
}): Result<{ factor: number }> {
  const bad = checkAtLeastZero('the elapsed time', elapsed) ?? checkPositive('the half-life', halfLife)
  if (bad !== undefined) return bad
  return { ok: true, factor: 2 ** -(elapsed / halfLife) }
}

/**
 * Yes-or-no outcomes of all arms that count for less.
 *
 * @use Before each batch of new outcomes; the counts become fractional, which the allocations of this folder take.
 * @assumes As `discountFactor`.
 * @formula factor events, factor trials: rates stay, certainty goes, and every arm is explored again in time.
 * @source Raj & Kalyani, "Taming non-stationary bandits: a Bayesian approach", arXiv 1707.09727, algorithm 1.
 * @degenerate Factor 1 changes nothing, factor 0 forgets everything.
 */
export function discountOutcomes({
  arms,
  factor,
}: {
  arms: readonly Outcomes[]
  factor: number
}): Result<{ arms: readonly Outcomes[] }> {
  const bad = checkRateArms(arms) ?? checkShare('the discount factor', factor)
  if (bad !== undefined) return bad
  return { ok: true, arms: arms.map(({ events, trials }) => ({ events: factor * events, trials: factor * trials })) }
}

/**
 * Moments of all arms that count for less.
 *
 * @use Before each batch of new values, added with `addWeightedValue`.
 * @assumes As `discountFactor`.
 * @formula factor n, the mean as it is, factor m2. The discounted n understates how precise the mean is, by up to a
 * factor of 2, which errs towards exploring.
 * @source Garivier & Moulines, ALT 2011, section 2.
 * @degenerate Factor 1 changes nothing, factor 0 forgets everything.
 */
export function discountMoments({
  arms,
  factor,
}: {
  arms: readonly Moments[]
  factor: number
}): Result<{ arms: readonly Moments[] }> {
  const bad = checkMeanArms(arms) ?? checkShare('the discount factor', factor)
  if (bad !== undefined) return bad
  return {
    ok: true,
    arms: arms.map(({ n, mean, m2 }) => ({ n: factor * n, mean: factor === 0 ? 0 : mean, m2: factor * m2 })),
  }
}

/**
 * The moments of an arm, whose n may be fractional, after one more value of weight 1.
 *
 * @use After `discountMoments`; `addToMoments` takes whole counts only.
 * @assumes As `discountFactor`.
 * @formula Welford's update with a fractional n.
 * @source West, "Updating mean and variance estimates: an improved method", Communications of the ACM 22 (1979).
 * @degenerate Refuses a value that is not finite, or whose squared distance from the mean overflows.
 */
export function addWeightedValue({
  moments,
  value,
}: {
  moments: Moments
  value: number
}): Result<{ moments: Moments }> {
  const bad = checkMeanArms([moments])
  if (bad !== undefined) return bad
  const n = moments.n + 1
  const difference = value - moments.mean
  const m2 = moments.m2 + difference * difference * (moments.n / n)
  if (!Number.isFinite(m2)) return invalid(`the value is ${value}; it must be finite and near ${moments.mean}`)
  return { ok: true, moments: { n, mean: moments.mean + difference / n, m2 } }
}
