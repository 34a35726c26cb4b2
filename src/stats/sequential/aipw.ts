import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments } from '../summaries/moments.ts'
import { logNormalMixture, normalMixtureBoundary, tightestRatio } from './normal-mixture.ts'

/** What `addAipw` carries from request to request: plain JSON of constant size. */
export type Aipw = {
  /** The positions of the arms compared. */
  readonly first: number
  readonly second: number
  /** The unbiased increments, one a request, of each arm's mean and of their difference. */
  readonly firstMoments: Moments
  readonly secondMoments: Moments
  readonly difference: Moments
  /** The inverse propensities of the requests that each arm got: how many, their sum and their sum of squares. */
  readonly firstWeights: Weights
  readonly secondWeights: Weights
}

export type Weights = { readonly n: number; readonly sum: number; readonly squares: number }

/** The difference of two arms' means over all requests, as if each request had been given to both. */
export type AipwSequence = {
  /** first - second. */
  readonly estimate: number
  /** Every difference below this is excluded at level alpha, for this limit alone. */
  readonly lower: number
  /** Every difference above this is excluded at level alpha, for this limit alone. */
  readonly upper: number
  /** The log e-values against "the difference is at most the margin" and "at least the margin". */
  readonly logEvidenceAbove: number
  readonly logEvidenceBelow: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  readonly above: boolean
  readonly below: boolean
  readonly first: number
  readonly second: number
  readonly standardError: number
  readonly n: number
  /** To how many equally weighted requests those of each arm amount. */
  readonly effectiveFirst: number
  readonly effectiveSecond: number
}

/** Effective requests of each arm before the central limit theorem can be relied on. */
const EFFECTIVE_NEEDED = 100
const DEFAULT_TUNED_FOR = 5000
const TIGHTEST = tightestRatio(0.05)
const ROUNDING = 1e-9
/** A weight of more than a million is a request that nobody can weigh up with others. */
const LEAST_PROPENSITY = 1e-6

/** The state before any request, to compare two arms by their positions. */
export function startAipw({ first, second }: { first: number; second: number }): Result<{ state: Aipw }> {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 0 || second < 0 || first === second)
    return invalid(`arms ${first} and ${second}; they must be two different positions from 0 on`)
  const moments = { firstMoments: emptyMoments, secondMoments: emptyMoments, difference: emptyMoments }
  const none = { n: 0, sum: 0, squares: 0 }
  return { ok: true, state: { first, second, ...moments, firstWeights: none, secondWeights: none } }
}

/**
 * The state after one more request, whichever arm it got: of each compared arm the augmented inverse-propensity-weighted
 * reward, which has the mean of that arm for any propensity and any prediction.
 *
 * @use As `aipwSequence`; give 0 for every prediction where there is no model of the reward.
 * @assumes Propensities are those the arm was drawn with; predictions are made before the reward and from earlier
 *   requests only (features of the request are welcome).
 * @formula phi_k = q_k + 1{A = k} (r - q_k) / pi_k, for the arms k compared; r the reward, q_k the prediction, pi_k the
 *   propensity.
 * @source Robins, Rotnitzky & Zhao, JASA 89, 1994; Waudby-Smith, Wu, Ramdas, Karampatziakis & Mineiro, "Anytime-valid
 *   off-policy inference for contextual bandits", ACM/IMS JDS 1, 2024 (arXiv 2210.10768).
 * @degenerate Refuses a request in which a compared arm has a propensity below 1e-6: nothing could be learnt of it.
 */
export function addAipw({
  state,
  arm,
  propensities,
  reward,
  predictions,
}: {
  state: Aipw
  arm: number
  propensities: readonly number[]
  reward: number
  predictions: readonly number[]
}): Result<{ state: Aipw }> {
  const bad = checkRequest(state, arm, propensities, reward, predictions)
  if (bad !== undefined) return bad
  const scoreOf = (k: number) => {
    const prediction = predictions[k] ?? 0
    return arm === k ? prediction + (reward - prediction) / (propensities[k] ?? 1) : prediction
  }
  const [first, second] = [scoreOf(state.first), scoreOf(state.second)]
  const firstMoments = addToMoments(state.firstMoments, first)
  const secondMoments = addToMoments(state.secondMoments, second)
  const difference = addToMoments(state.difference, first - second)
  if (!firstMoments.ok) return firstMoments
  if (!secondMoments.ok) return secondMoments
  if (!difference.ok) return difference
  const weight = 1 / (propensities[arm] ?? 1)
  return {
    ok: true,
    state: {
      ...state,
      firstMoments: firstMoments.moments,
      secondMoments: secondMoments.moments,
      difference: difference.moments,
      firstWeights: arm === state.first ? withWeight(state.firstWeights, weight) : state.firstWeights,
      secondWeights: arm === state.second ? withWeight(state.secondWeights, weight) : state.secondWeights,
    },
  }
}

/**
 * An always-valid comparison of two arms' mean rewards from data of any logging policy, changing or adaptive, by
 * one-sided asymptotic confidence sequences on the increments of `addAipw`.
 *
 * @use For bandits and for ramps whose weights change with every request, where means by arm are biased; with a good
 *   prediction model also for narrower limits than `compareMeans`. With fixed weights by epoch the latter asks less.
 * @assumes As `addAipw`. The difference estimated is the mean over the requests so far, which may drift; the evidence is
 *   against a margin that holds for every request. Validity is ASYMPTOTIC: no propensity may vanish, rewards need more
 *   than two moments, and the first look must not come before the central limit theorem holds.
 * @formula The mean of phi_first - phi_second with its standard error; log E as in `compareMeans`, z the mean less the
 *   margin over the standard error, k = tunedFor / (7.94 n), n all requests.
 * @source Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Annals of Statistics 52, 2024 (arXiv 2103.06476);
 *   for off-policy inference arXiv 2210.10768, as above.
 * @degenerate Insufficient with fewer than 100 effective requests, (sum w)^2 / sum w^2 of w = 1/pi, in an arm, and where
 *   all increments are alike.
 */
export function aipwSequence({
  state,
  margin = 0,
  alpha,
  tunedFor = DEFAULT_TUNED_FOR,
}: {
  state: Aipw
  margin?: number
  alpha: number
  tunedFor?: number
}): Result<AipwSequence> {
  const { n, mean, m2 } = state.difference
  const bad = checkAlpha(alpha) ?? checkNumbers(margin, tunedFor) ?? checkEnough(state)
  if (bad !== undefined) return bad
  const standardError = Math.sqrt(m2 / (n - 1) / n)
  const ratio = tunedFor / (TIGHTEST * n)
  const threshold = -Math.log(alpha)
  const halfWidth = normalMixtureBoundary(threshold, ratio, 1) * standardError
  const z = (mean - margin) / standardError
  if (![z, mean - halfWidth, mean + halfWidth].every(Number.isFinite))
    return invalid('the rewards or the margin are too large for a double')
  const logEvidenceAbove = logNormalMixture(z, ratio, 1).value
  const logEvidenceBelow = logNormalMixture(-z, ratio, 1).value
  return {
    ok: true,
    estimate: mean,
    lower: mean - halfWidth,
    upper: mean + halfWidth,
    logEvidenceAbove,
    logEvidenceBelow,
    threshold,
    above: logEvidenceAbove >= threshold,
    below: logEvidenceBelow >= threshold,
    first: state.firstMoments.mean,
    second: state.secondMoments.mean,
    standardError,
    n,
    effectiveFirst: effectiveSize(state.firstWeights),
    effectiveSecond: effectiveSize(state.secondWeights),
  }
}

function withWeight({ n, sum, squares }: Weights, weight: number): Weights {
  return { n: n + 1, sum: sum + weight, squares: squares + weight * weight }
}

function effectiveSize({ n, sum, squares }: Weights): number {
  return n === 0 ? 0 : (sum / squares) * sum
}

function checkEnough({ firstWeights, secondWeights, difference }: Aipw): Failure | undefined {
  const [first, second] = [effectiveSize(firstWeights), effectiveSize(secondWeights)]
  // Equal weights give the count itself, but for rounding.
  if (!(Math.min(first, second) >= EFFECTIVE_NEEDED - ROUNDING))
    return insufficient(
      `a comparison needs ${EFFECTIVE_NEEDED} effective requests of each arm; there are ${first} and ${second}`,
    )
  if (difference.n > 1 && difference.m2 > 0) return undefined
  return insufficient('all requests say the same, so that nothing is known of their variance')
}

function checkNumbers(margin: number, tunedFor: number): Failure | undefined {
  if (!Number.isFinite(margin)) return invalid(`the margin is ${margin}; it must be a finite number`)
  if (tunedFor >= 1 && tunedFor <= Number.MAX_SAFE_INTEGER) return undefined
  return invalid(`tunedFor is ${tunedFor}; it must be a number of requests from 1 to ${Number.MAX_SAFE_INTEGER}`)
}

function checkRequest(
  { first, second }: Aipw,
  arm: number,
  propensities: readonly number[],
  reward: number,
  predictions: readonly number[],
): Failure | undefined {
  if (propensities.length !== predictions.length || Math.max(first, second) >= propensities.length)
    return invalid(
      `there are ${propensities.length} propensities and ${predictions.length} predictions; each arm needs one`,
    )
  const total = propensities.reduce((sum, share) => sum + share, 0)
  if (!propensities.every(share => share >= 0 && share <= 1) || !(Math.abs(total - 1) <= ROUNDING))
    return invalid(`the propensities are ${propensities}; they must be probabilities that add up to 1`)
  if (!((propensities[arm] ?? 0) > 0)) return invalid(`the arm is ${arm}; it must be one with a propensity above 0`)
  if ([first, second].some(k => !((propensities[k] ?? 0) >= LEAST_PROPENSITY)))
    return invalid(`the propensities are ${propensities}; those of compared arms must be at least ${LEAST_PROPENSITY}`)
  if (Number.isFinite(reward) && predictions.every(Number.isFinite)) return undefined
  return invalid(`the reward is ${reward} and the predictions ${predictions}; all must be finite numbers`)
}
