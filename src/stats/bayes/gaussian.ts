import { logNormalSurvival, normalQuantile } from '../numerics/special.ts'
import { checkAlpha, type Failure, invalid, type Result } from '../result.ts'

/** A normal distribution of an effect, before or after the data. */
export type Gaussian = { readonly mean: number; readonly standardDeviation: number }

/**
 * What is believed of a relative effect (candidate / stable - 1) before the data: most changes do little, two thirds of
 * them less than 30 %. That is the spread of GrowthBook's proper prior; a team with a record of its own effects should
 * pass their standard deviation, which is mostly far smaller. Only for relative effects: an absolute one has a unit.
 */
export const RELATIVE_EFFECT_PRIOR: Gaussian = { mean: 0, standardDeviation: 0.3 }

/** What is believed of the effect after the data, in its unit. */
export type GaussianComparison = {
  readonly posterior: Gaussian
  /** The probability that the candidate is better. */
  readonly chanceToWin: number
  readonly logChanceToWin: number
  /** The natural logarithm of the probability that it is not; finite where 1 - chance to win is 0. */
  readonly logChanceToLose: number
  /** What is lost on average by choosing one of them: the other's advantage where that is the better one, else 0. */
  readonly expectedLoss: { readonly candidate: number; readonly stable: number }
  /** The interval with equal tails that holds the effect with probability 1 - alpha. */
  readonly credible: { readonly estimate: number; readonly lower: number; readonly upper: number }
  /** Whether the loss of choosing it is below the threshold of caring; missing where none was given. */
  readonly acceptable?: { readonly candidate: boolean; readonly stable: boolean }
}

/**
 * What an estimated effect (candidate minus stable, or relative) says together with a normal prior: the chance that the
 * candidate is better, the expected loss of choosing either, and a credible interval, in units of the effect.
 *
 * @use To decide by expected loss, with a prior that states what effects are usual. Stopping when the chance to win
 * passes a threshold does not control the type-I error: watched for long enough, equal versions pass any threshold below
 * 1 far more often than its complement says, with a flat prior above all. Where that error matters use the sequential
 * methods.
 * @assumes The estimate is about normal with a known standard error (some hundred units a version); the prior is honest,
 * fixed before the data, in the unit of the effect.
 * @formula Precisions add: 1/s^2 = 1/se^2 + 1/s_0^2, m = s^2 (d/se^2 + m_0/s_0^2). Chance to win Phi(m/s); loss of the
 * candidate s phi(m/s) - m (1 - Phi(m/s)), in the tail by a continued fraction without cancellation; loss of the stable
 * version the same with -m.
 * @source Stucchio, "Bayesian A/B testing at VWO", 2015; Gelman et al., "Bayesian data analysis", 3rd edition, 2013,
 * section 2.5; the loss integral: Raiffa & Schlaifer, "Applied statistical decision theory", 1961.
 * @degenerate A standard error of 0 or spreads that are not positive numbers are refused. Losses below 1e-308 are 0.
 */
export function gaussianComparison({
  estimate,
  standardError,
  prior = RELATIVE_EFFECT_PRIOR,
  better = 'higher',
  alpha,
  caring,
}: {
  estimate: number
  standardError: number
  prior?: Gaussian
  better?: 'higher' | 'lower'
  alpha: number
  caring?: number
}): Result<GaussianComparison> {
  const bad =
    checkAlpha(alpha) ?? checkEffect(estimate, standardError) ?? checkPrior(prior) ?? checkChoice(better, caring)
  if (bad !== undefined) return bad
  const posterior = posteriorOf(estimate, standardError, prior)
  const { mean, standardDeviation } = posterior
  const gain = better === 'higher' ? mean : -mean
  const z = Math.max(-Z_MAX, Math.min(Z_MAX, gain / standardDeviation))
  const expectedLoss = {
    candidate: standardDeviation * unitLoss(z),
    stable: standardDeviation * unitLoss(-z),
  }
  const reach = -normalQuantile(alpha / 2) * standardDeviation
  return {
    ok: true,
    posterior,
    chanceToWin: Math.exp(logNormalSurvival(-z)),
    logChanceToWin: Math.min(0, logNormalSurvival(-z)),
    logChanceToLose: Math.min(0, logNormalSurvival(z)),
    expectedLoss,
    credible: { estimate: mean, lower: mean - reach, upper: mean + reach },
    ...(caring === undefined
      ? {}
      : { acceptable: { candidate: expectedLoss.candidate < caring, stable: expectedLoss.stable < caring } }),
  }
}

function posteriorOf(estimate: number, standardError: number, prior: Gaussian): Gaussian {
  const ratio = standardError / prior.standardDeviation
  const weight = 1 / (1 + ratio * ratio)
  return {
    mean: weight * estimate + (1 - weight) * prior.mean,
    standardDeviation: 1 / Math.hypot(1 / standardError, 1 / prior.standardDeviation),
  }
}

/** Beyond this a normal tail's logarithm leaves the range in which it has meaning. */
const Z_MAX = 1e150

/** phi(z) - z (1 - Phi(z)): the mean of what a standard normal variable exceeds z by, 0 included. */
function unitLoss(z: number): number {
  if (z < 0) return -z + unitLoss(-z)
  const tail = Math.exp(logNormalSurvival(z))
  if (z < 2) return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI) - z * tail
  // The continued fraction phi / tail = z + 1/(z + 2/(z + 3/(z + ...))), less its z.
  let fraction = z
  for (let k = Math.ceil(16 + 480 / (z * z)); k >= 2; k -= 1) fraction = z + k / fraction
  return tail / fraction
}

/** Squares and quotients must not leave the range of a double. */
const MAGNITUDE_MAX = 1e100

function checkEffect(estimate: number, standardError: number): Failure | undefined {
  if (!(Math.abs(estimate) <= MAGNITUDE_MAX)) return invalid(`the estimate is ${estimate}; it must be a finite number`)
  if (standardError >= 1 / MAGNITUDE_MAX && standardError <= MAGNITUDE_MAX) return undefined
  return invalid(`the standard error is ${standardError}; it must be a positive number`)
}

function checkPrior({ mean, standardDeviation }: Gaussian): Failure | undefined {
  const fits = standardDeviation >= 1 / MAGNITUDE_MAX && standardDeviation <= MAGNITUDE_MAX
  if (Math.abs(mean) <= MAGNITUDE_MAX && fits) return undefined
  return invalid(`the prior has mean ${mean} and standard deviation ${standardDeviation}; it must be proper and finite`)
}

/** Refuses a direction that is none and a threshold of caring that is not positive. */
export function checkChoice(better: string, caring: number | undefined): Failure | undefined {
  if (better !== 'higher' && better !== 'lower') return invalid(`better is ${better}; it must be 'higher' or 'lower'`)
  if (caring === undefined || (caring > 0 && Number.isFinite(caring))) return undefined
  return invalid(`the threshold of caring is ${caring}; it must be a positive number`)
}
