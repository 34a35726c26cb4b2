import { normalQuantile } from '../numerics/special.ts'
import { checkAlpha, checkProportion, type Failure, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { logAtMost, meanDifference, meanExcess, meanOf, varianceOf } from './beta-difference.ts'
import type { Beta } from './beta-logit.ts'
import { checkChoice } from './gaussian.ts'

/** Every rate is equally likely before the data. A record of rates is a better prior than none. */
export const UNIFORM_BETA_PRIOR: Beta = { a: 1, b: 1 }

/** What is believed of one rate after the data. */
export type BetaPosterior = Beta & { readonly mean: number; readonly standardDeviation: number }

/** What is believed of two rates after the data; losses and differences are probabilities. */
export type BetaComparison = {
  readonly candidate: BetaPosterior
  readonly stable: BetaPosterior
  /** The probability that the candidate's rate is the better one. */
  readonly chanceToWin: number
  readonly logChanceToWin: number
  /** The natural logarithm of the probability that it is not; finite where 1 - chance to win is 0. */
  readonly logChanceToLose: number
  /** What is lost on average by choosing one of them: the other's advantage where that is the better one, else 0. */
  readonly expectedLoss: { readonly candidate: number; readonly stable: number }
  /** The difference candidate - stable: its mean, and the interval with equal tails that holds it with 1 - alpha. */
  readonly credible: { readonly estimate: number; readonly lower: number; readonly upper: number }
  /** Whether the loss of choosing it is below the threshold of caring; missing where none was given. */
  readonly acceptable?: { readonly candidate: boolean; readonly stable: boolean }
}

/**
 * What counts of a yes-or-no outcome say about two rates: their Beta posteriors, the chance that the candidate's is
 * better, the expected loss of choosing either, and a credible interval of the difference, candidate minus stable.
 *
 * @use To decide by expected loss against a threshold of caring, with an honest prior. Stopping when the chance to win
 * passes a threshold does not control the type-I error: watched for long enough, equal versions pass 95 % far more often
 * than 5 % of the time. Where that error matters use the sequential methods.
 * @assumes Outcomes of a version are independent with one probability; rates are independent before the data, each
 * Beta(a, b), a prior fixed before the data.
 * @formula Posterior Beta(a + events, b + trials - events). P(candidate higher) = integral f_c F_s; loss of the candidate
 * (higher is better) = integral S_s F_c; P(difference <= d) = integral f_s(x) F_c(x + d). Adaptive 32-point
 * Gauss-Legendre panels in log x/(1 - x), relative error about 1e-12 (1e-10 at counts of 1e8), no draws.
 * @source Stucchio, "Bayesian A/B testing at VWO", 2015 (losses); Gelman et al., "Bayesian data analysis", 3rd edition,
 * 2013, section 2.4.
 * @degenerate Without trials the posterior is the prior. Prior parameters outside [0.1, 1e9] and more than 1e12 trials are
 * refused. Losses below 1e-308 are 0.
 */
export function betaComparison({
  candidate,
  stable,
  prior = UNIFORM_BETA_PRIOR,
  better = 'higher',
  alpha,
  caring,
}: {
  candidate: Outcomes
  stable: Outcomes
  prior?: Beta
  better?: 'higher' | 'lower'
  alpha: number
  caring?: number
}): Result<BetaComparison> {
  const bad =
    checkAlpha(alpha) ??
    checkOutcomes('the candidate', candidate) ??
    checkOutcomes('the stable version', stable) ??
    checkPrior(prior) ??
    checkChoice(better, caring)
  if (bad !== undefined) return bad
  const first = posteriorOf(candidate, prior)
  const second = posteriorOf(stable, prior)
  const [winner, loser] = better === 'higher' ? [first, second] : [second, first]
  const { logChanceToWin, logChanceToLose } = chancesOf(winner, loser)
  const expectedLoss = lossesOf(winner, loser)
  return {
    ok: true,
    candidate: first,
    stable: second,
    chanceToWin: Math.exp(logChanceToWin),
    logChanceToWin,
    logChanceToLose,
    expectedLoss,
    credible: {
      estimate: meanDifference(first, second),
      lower: lowerLimit(first, second, alpha / 2),
      upper: -lowerLimit(second, first, alpha / 2),
    },
    ...(caring === undefined
      ? {}
      : { acceptable: { candidate: expectedLoss.candidate < caring, stable: expectedLoss.stable < caring } }),
  }
}

function posteriorOf({ events, trials }: Outcomes, prior: Beta): BetaPosterior {
  const beta = { a: prior.a + events, b: prior.b + (trials - events) }
  return { ...beta, mean: meanOf(beta), standardDeviation: Math.sqrt(varianceOf(beta)) }
}

/** The smaller chance by quadrature, the greater as what is left, so that both keep their digits. */
function chancesOf(winner: Beta, loser: Beta): { readonly logChanceToWin: number; readonly logChanceToLose: number } {
  const ahead = meanDifference(winner, loser) >= 0
  const smaller = Math.min(0, ahead ? logAtMost(winner, loser, 0) : logAtMost(loser, winner, 0))
  // The lesser mean may still win more often than not, by a hair; never surely.
  const greater = Math.log1p(-Math.exp(smaller))
  return ahead
    ? { logChanceToWin: greater, logChanceToLose: smaller }
    : { logChanceToWin: smaller, logChanceToLose: greater }
}

/** The smaller loss by quadrature, the greater by the difference of the means, which it exceeds by just that. */
function lossesOf(winner: Beta, loser: Beta): { readonly candidate: number; readonly stable: number } {
  const advantage = meanDifference(winner, loser)
  if (advantage >= 0) {
    const candidate = meanExcess(loser, winner)
    return { candidate, stable: candidate + advantage }
  }
  const stable = meanExcess(winner, loser)
  return { candidate: stable - advantage, stable }
}

/** Halvings of the bracket, and as many secants, that exhaust a double. */
const STEPS_MAX = 200

/** The d with P(first - second <= d) = tail: secants of the log probability within a bracket. */
function lowerLimit(first: Beta, second: Beta, tail: number): number {
  const target = Math.log(tail)
  const spread = Math.sqrt(varianceOf(first) + varianceOf(second))
  const excessAt = (d: number) => ({
    d,
    value: d >= 1 ? -target : d <= -1 ? -NEVER : logAtMost(first, second, d) - target,
  })
  let low = excessAt(Math.max(-1, meanDifference(first, second) + (normalQuantile(tail) - 0.2) * spread))
  let high = low
  for (let step = spread; low.value > 0; step *= 2) {
    high = low
    low = excessAt(Math.max(-1, low.d - step))
  }
  for (let step = spread; high.value <= 0; step *= 2) {
    low = high
    high = excessAt(Math.min(1, high.d + step))
  }
  for (let step = 0; step < STEPS_MAX && high.d - low.d > 1e-12 * spread; step += 1) {
    const secant = low.d - (low.value * (high.d - low.d)) / (high.value - low.value)
    // Every third step halves, so that a one-sided approach cannot crawl.
    const next = excessAt(step % 3 === 2 || !(secant > low.d && secant < high.d) ? (low.d + high.d) / 2 : secant)
    if (next.d === low.d || next.d === high.d) break
    if (Math.abs(next.value) < 1e-13) return next.d
    if (next.value > 0) high = next
    else low = next
  }
  return (low.d + high.d) / 2
}

/** In place of the logarithm of 0. */
const NEVER = 1e300

const PRIOR_MIN = 0.1
const PRIOR_MAX = 1e9
const TRIALS_MAX = 1e12

function checkPrior({ a, b }: Beta): Failure | undefined {
  const fits = (parameter: number) => parameter >= PRIOR_MIN && parameter <= PRIOR_MAX
  if (fits(a) && fits(b)) return undefined
  return invalid(`the prior is Beta(${a}, ${b}); its parameters must be from ${PRIOR_MIN} to ${PRIOR_MAX}`)
}

function checkOutcomes(name: string, { events, trials }: Outcomes): Failure | undefined {
  const bad = checkProportion(name, events, trials)
  if (bad !== undefined || trials <= TRIALS_MAX) return bad
  return invalid(`${name} counts ${trials} trials; it must count at most ${TRIALS_MAX}`)
}
