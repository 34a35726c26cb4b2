import { binomialDivergence, deviance, logGamma, logRegularizedIncompleteBeta } from '../numerics/special.ts'
import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { logGammaExcess, logMixtureLoss } from './bernoulli-mixture.ts'

/** Counts by category in one epoch, and the shares expected of them, in any unit and the same order. */
export type MultinomialStratum = { readonly weights: readonly number[]; readonly counts: readonly number[] }

/** Whether counts fall into categories as expected. */
export type MultinomialEvidence = {
  /** The log e-value against the expected shares; Number.MAX_VALUE where a count is impossible. */
  readonly logEvidence: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  readonly rejected: boolean
  /** The always-valid p value, 0 where it underflows, and its logarithm, which does not. */
  readonly pValue: number
  readonly logPValue: number
  readonly expected: readonly number[]
  readonly observed: readonly number[]
}

/** Where errors come from, arm by arm. */
export type ErrorAttribution = MultinomialEvidence & {
  readonly arms: readonly {
    /** The errors against those expected of its traffic; absent where none are expected. */
    readonly ratio?: number
    /** The log e-value against "it has at most its share of the errors". */
    readonly logEvidenceExcess: number
    /** It has more than its share, at level alpha over all arms together. */
    readonly excess: boolean
  }[]
}

/** As `sampleRatio` has it, and for the same reasons. */
const DEFAULT_CONCENTRATION = 100
const LEAST_SHARE = 1e-12

/**
 * An always-valid test of whether independent observations fall into categories with the expected probabilities,
 * which may differ from epoch to epoch: arms of requests, predicted classes, codes of errors.
 *
 * @use Where shares are known beforehand: traffic, a calibrated mixture, a model's published class frequencies.
 *   `sampleRatio` is the same test, with its own prior, for traffic. Not against shares estimated from data.
 * @assumes Observations are independent and, within an epoch, have one distribution.
 * @formula log E = log B(c w + n) - log B(c w) - sum n_i log w_i, w the shares and c `concentration`, the strength of
 *   the Dirichlet prior around them (default 100): great ones find small deviations from many observations, small ones
 *   great deviations from few. Strata multiply.
 * @source Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022 (arXiv 2011.03567).
 * @degenerate A category of weight 0 without counts is left out; one with counts is impossible, and rejects at once.
 */
export function multinomialEvidence({
  strata,
  alpha,
  concentration = DEFAULT_CONCENTRATION,
}: {
  strata: readonly MultinomialStratum[]
  alpha: number
  concentration?: number
}): Result<MultinomialEvidence> {
  const first = strata[0]
  const bad = checkAlpha(alpha) ?? checkConcentration(concentration) ?? checkStrata(strata)
  if (bad !== undefined) return bad
  if (first === undefined) return insufficient('shares need at least 1 stratum; there is none')
  const logEvidence = strata.reduce((sum, stratum) => capped(sum + logEvidenceOf(stratum, concentration)), 0)
  const threshold = -Math.log(alpha)
  const categories = [...first.weights.keys()]
  return {
    ok: true,
    logEvidence,
    threshold,
    rejected: logEvidence >= threshold,
    pValue: Math.min(1, Math.exp(-logEvidence)),
    logPValue: Math.min(0, -logEvidence),
    expected: categories.map(index => strata.reduce((sum, s) => sum + sumOf(s.counts) * shareOf(s, index), 0)),
    observed: categories.map(index => strata.reduce((sum, { counts }) => sum + (counts[index] ?? 0), 0)),
  }
}

/**
 * An always-valid answer to "which arm do the errors come from?", from errors alone: if all arms err equally often,
 * each error comes from an arm with the probability of the arm's traffic. `counts` are errors, `weights` the traffic
 * INTENDED for each arm, not counted: counts of requests are not known before the errors.
 *
 * @use For rare events of which only the bad ones are counted (crashes, time-outs), as in a canary. Where requests are
 *   counted as well, `compareProportions` tells how much worse an arm is.
 * @assumes Errors are independent, so that one fault that fails many requests at once counts once; traffic follows the
 *   weights (look at `sampleRatio` first). The rate common to all arms may drift freely.
 * @formula The joint evidence as `multinomialEvidence`. For one arm of share w with k of n errors, one-sided: the
 *   likelihood averaged over Beta(c w, c (1 - w)) above w, over that at w; strata multiply, K arms need log(K / alpha).
 * @source Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567); canaries at Netflix: Lindon, Sanden & Shirikian,
 *   "Rapid regression detection in software deployments through sequential testing", KDD 2022 (arXiv 2205.14762).
 * @degenerate Without errors the e-values are 1. An arm with all of the weight has no excess. An error of an arm
 *   without traffic rejects at once, with an excess beyond doubt.
 */
export function errorAttribution({
  strata,
  alpha,
  concentration = DEFAULT_CONCENTRATION,
}: {
  strata: readonly MultinomialStratum[]
  alpha: number
  concentration?: number
}): Result<ErrorAttribution> {
  const joint = multinomialEvidence({ strata, alpha, concentration })
  if (!joint.ok) return joint
  const threshold = Math.log(joint.observed.length) - Math.log(alpha)
  const arms = joint.observed.map((errors, arm) => {
    const excesses = strata.map(stratum => logExcessOf(stratum, arm, concentration))
    const logEvidenceExcess = excesses.reduce((sum, excess) => capped(sum + excess), 0)
    const expected = joint.expected[arm] ?? 0
    const ratio = expected > 0 && Number.isFinite(errors / expected) ? { ratio: errors / expected } : {}
    return { ...ratio, logEvidenceExcess, excess: logEvidenceExcess >= threshold }
  })
  return { ...joint, arms }
}

function logEvidenceOf(stratum: MultinomialStratum, concentration: number): number {
  const total = sumOf(stratum.counts)
  let evidence = logGamma(concentration) - logGammaExcess(total, concentration)
  for (const [index, count] of stratum.counts.entries()) {
    const share = shareOf(stratum, index)
    if (share === 0 && count === 0) continue
    if (share === 0) return Number.MAX_VALUE
    const prior = concentration * share
    evidence += logGammaExcess(count, prior) - logGamma(prior) + deviance(count, total * share)
  }
  return evidence
}

function logExcessOf(stratum: MultinomialStratum, index: number, concentration: number): number {
  const share = shareOf(stratum, index)
  const count = stratum.counts[index] ?? 0
  if (share === 0) return count === 0 ? 0 : Number.MAX_VALUE
  if (1 - share < LEAST_SHARE) return 0
  const others = sumOf(stratum.counts) - count
  const [a, b] = [concentration * share, concentration * (1 - share)]
  const tails = logUpperTail(share, a + count, b + others) - logUpperTail(share, a, b)
  return logMixtureLoss(count, others, a, b) + binomialDivergence(count, others, share) + tails
}

/** log P(Beta(a, b) > p). */
function logUpperTail(p: number, a: number, b: number): number {
  return logRegularizedIncompleteBeta(1 - p, b, a)
}

/** Once impossible, for ever: counts of other strata do not make up for it. */
function capped(evidence: number): number {
  return evidence > Number.MAX_VALUE / 2 ? Number.MAX_VALUE : evidence
}

function shareOf({ weights }: MultinomialStratum, index: number): number {
  return (weights[index] ?? 0) / sumOf(weights)
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function checkConcentration(concentration: number): Failure | undefined {
  if (concentration >= 1e-3 && concentration <= 1e9) return undefined
  return invalid(`the concentration is ${concentration}; it must be from 0.001 to 1e9`)
}

function checkStrata(strata: readonly MultinomialStratum[]): Failure | undefined {
  const size = strata[0]?.weights.length ?? 2
  if (size < 2) return invalid(`there are ${size} categories; there must be at least 2`)
  for (const [index, { weights, counts }] of strata.entries()) {
    if (weights.length !== size || counts.length !== size)
      return invalid(`stratum ${index} has ${weights.length} weights and ${counts.length} counts; all need ${size}`)
    const total = sumOf(weights)
    const meant = weights.every(weight => weight === 0 || (weight > 0 && weight / total >= LEAST_SHARE))
    if (!meant || !(total > 0 && total < Number.POSITIVE_INFINITY))
      return invalid(`the weights of stratum ${index} are ${weights}; a share must be 0 or at least ${LEAST_SHARE}`)
    for (const [category, count] of counts.entries()) {
      const bad = checkCount(`the count of category ${category} in stratum ${index}`, count)
      if (bad !== undefined) return bad
    }
  }
  return undefined
}
