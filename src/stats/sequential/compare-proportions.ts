import { rootOfDecreasing, type Slope } from '../numerics/monotone-root.ts'
import { checkAlpha, checkProportion, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { logLearningLosses, logSumExp, type Outcomes } from './bernoulli-mixture.ts'
import { divergenceFromDifference } from './difference-null.ts'

/** The outcomes of both arms in one epoch, a period of constant traffic weights. Events are harmful (errors). */
export type ProportionStratum = { readonly candidate: Outcomes; readonly stable: Outcomes }

/** Evidence about the difference of two rates, as logarithms of e-values (nats). */
export type ProportionEvidence = {
  /** Against "the candidate is worse by at most the margin": the candidate is too bad. */
  readonly logEvidenceAbove: number
  /** Against "the candidate is worse by at least the margin": the candidate is good enough. */
  readonly logEvidenceBelow: number
}

/** What the outcomes of two arms show; rates and differences are probabilities, candidate minus stable. */
export type ProportionComparison = ProportionEvidence & {
  /**
   * The difference, averaged over strata with Mantel-Haenszel weights. Where strata differ much in precision it may lie
   * outside the limits, which trust the most precise strata most.
   */
  readonly estimate: number
  /** Every common difference below this is excluded at level alpha. */
  readonly lower: number
  /** Every common difference above this is excluded at level alpha. */
  readonly upper: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  /** The candidate is worse by more than the margin. */
  readonly crossed: boolean
  /** The candidate is worse by less than the margin. */
  readonly shownBelow: boolean
  /** No single difference fits all strata: `lower` exceeds `upper`. */
  readonly heterogeneous: boolean
  /** How many strata have outcomes in both arms; the others say nothing about a difference and are left out. */
  readonly strataUsed: number
}

/**
 * An always-valid comparison of the rates of a harmful event in two arms, stratified by epoch.
 *
 * Assumes that within a stratum the outcomes of an arm are independent with one probability; rates may differ freely
 * between strata. It may be evaluated after every outcome and stopped for any reason: if in every stratum the
 * candidate is worse by at most the margin, the probability that `crossed` is ever true is at most alpha; if in every
 * stratum it is worse by at least the margin, so is the probability that `shownBelow` is ever true; and each limit
 * fails with probability at most alpha over all looks together. Exact at any sample size, without a burn-in.
 *
 * For a margin d and a stratum k in which harm may have begun, E_k is the likelihood of the outcomes of strata k and
 * later averaged over a prior of the rates (see `logLearningLoss`), divided by its maximum over all rates with
 * candidate - stable <= d in each of them (universal inference: Wasserman, Ramdas & Balakrishnan, PNAS 117, 2020; for
 * two proportions: Turner, Ly & Grünwald, "Generic E-variables for exact sequential k-sample tests", 2024). The e-value
 * is E = sum_k E_k / (k (k + 1)) over k = 1 .. K, plus 1 / (K + 1) for strata yet to come: harm that begins in a later
 * step is found as well, and harm from the start costs log 2 at most. At the true rates each E_k is at most a
 * martingale of mean 1, so that Ville's inequality bounds the maximum of E. The limits collect the differences not
 * rejected at level alpha; so they hold for the greatest (`lower`) and the least (`upper`) difference over the strata,
 * and exclude each other, marked `heterogeneous`, when the difference itself changed between strata.
 *
 * Strata come in their order in time. Outcomes may arrive late and in any order, if when they arrive does not depend on
 * what they are (label delay!).
 * A stratum with an empty arm is left out, factor 1; until its second arm has outcomes nothing, such as the weights,
 * may depend on those of the first. Weights may otherwise depend on everything seen.
 *
 * Refuses counts that are not counts, a margin outside (-1, 1) and an alpha outside (0, 1); without a stratum that has
 * outcomes in both arms the data are insufficient.
 *
 * @use For the rates of two versions: errors, wrong answers, conversions by request; exact at every look and every count.
 * @source Wasserman, Ramdas & Balakrishnan, "Universal inference", PNAS 117, 2020; Turner, Ly & Grünwald, "Generic
 *   E-variables for exact sequential k-sample tests that allow for optional stopping", 2024 (arXiv 2106.02693).
 */
export function compareProportions({
  strata,
  margin,
  alpha,
}: {
  strata: readonly ProportionStratum[]
  margin: number
  alpha: number
}): Result<ProportionComparison> {
  const bad = checkAlpha(alpha) ?? checkMargin(margin) ?? checkStrata(strata)
  if (bad !== undefined) return bad
  const used = strata.filter(hasBothArms)
  if (used.length === 0) return insufficient('a difference needs a stratum with outcomes in both arms; there is none')
  const threshold = -Math.log(alpha)
  const { above, below } = evidenceOf(used)
  const logEvidenceAbove = above(margin).value
  const logEvidenceBelow = below(-margin).value
  const lower = lowerLimit(used, above, threshold)
  const upper = 0 - lowerLimit(used.map(swapped), below, threshold)
  return {
    ok: true,
    estimate: mantelHaenszelDifference(used),
    lower,
    upper,
    logEvidenceAbove,
    logEvidenceBelow,
    threshold,
    crossed: logEvidenceAbove >= threshold,
    shownBelow: logEvidenceBelow >= threshold,
    heterogeneous: lower > upper,
    strataUsed: used.length,
  }
}

/**
 * The evidence of `compareProportions` alone, for a caller that looks after every outcome: about twice as fast, because
 * no limits are sought. The same assumptions and refusals, but no data at all are no evidence: both are 0.
 *
 * @use Instead of `compareProportions` where only the evidence is looked at, after every outcome.
 * @source As `compareProportions`.
 */
export function proportionEvidence({
  strata,
  margin,
}: {
  strata: readonly ProportionStratum[]
  margin: number
}): Result<ProportionEvidence> {
  const bad = checkMargin(margin) ?? checkStrata(strata)
  if (bad !== undefined) return bad
  const { above, below } = evidenceOf(strata.filter(hasBothArms))
  return { ok: true, logEvidenceAbove: above(margin).value, logEvidenceBelow: below(-margin).value }
}

/** log E, with its derivative, against "the first arm is worse by at most delta in every stratum". */
type Evidence = (delta: number) => Slope

/** Both directions share what the rates cost to learn, which does not depend on delta. */
function evidenceOf(strata: readonly ProportionStratum[]): { above: Evidence; below: Evidence } {
  const losses = logLearningLosses(
    strata.map(({ candidate }) => candidate),
    strata.map(({ stable }) => stable),
  )
  return { above: evidenceFrom(strata, losses), below: evidenceFrom(strata.map(swapped), losses) }
}

function evidenceFrom(strata: readonly ProportionStratum[], losses: readonly number[]): Evidence {
  const count = strata.length
  const [values, slopes] = [new Array<number>(count + 1).fill(0), new Array<number>(count + 1).fill(0)]
  return delta => {
    let value = 0
    let slope = 0
    // The last place is that of strata yet to come.
    values[count] = -Math.log(count + 1)
    for (let start = count - 1; start >= 0; start -= 1) {
      const { candidate, stable } = strata[start] as ProportionStratum
      const divergence = divergenceFromDifference(candidate, stable, delta)
      value += divergence.value
      slope += divergence.slope
      values[start] = value + (losses[start] ?? 0) - Math.log((start + 1) * (start + 2))
      slopes[start] = slope
    }
    const total = logSumExp(values)
    let weighted = 0
    for (let at = 0; at < count; at += 1) {
      const own = slopes[at] ?? 0
      if (own !== 0) weighted += Math.exp((values[at] ?? 0) - total) * own
    }
    return { value: total, slope: weighted }
  }
}

/** The least common difference whose evidence stays below the threshold; -1 if all do. */
function lowerLimit(strata: readonly ProportionStratum[], evidence: Evidence, threshold: number): number {
  const allowsEverything = strata.every(({ candidate, stable }) => observedDifference(candidate, stable) === -1)
  if (allowsEverything) return -1
  const greatest = Math.max(...strata.map(({ candidate, stable }) => observedDifference(candidate, stable)))
  const excess = (delta: number): Slope => {
    const { value, slope } = evidence(delta)
    return { value: value - threshold, slope }
  }
  return rootOfDecreasing(excess, -1, greatest, nearLimit(strata, evidence, threshold))
}

/** Where the limit would be if the divergence were that of normal distributions: a place from which to search. */
function nearLimit(strata: readonly ProportionStratum[], evidence: Evidence, threshold: number): number {
  const information = strata.reduce((sum, { candidate, stable }) => {
    const rate = (candidate.events + stable.events) / (candidate.trials + stable.trials)
    const precision = 1 / (1 / candidate.trials + 1 / stable.trials)
    return sum + precision / (rate * (1 - rate))
  }, 0)
  const estimate = mantelHaenszelDifference(strata)
  const missing = threshold - evidence(estimate).value
  return estimate - Math.sqrt((2 * Math.max(0, missing)) / information)
}

function observedDifference(candidate: Outcomes, stable: Outcomes): number {
  return candidate.events / candidate.trials - stable.events / stable.trials
}

/** The mean of the strata's differences weighted by n_c n_s / (n_c + n_s) (Mantel & Haenszel, 1959). */
function mantelHaenszelDifference(strata: readonly ProportionStratum[]): number {
  let weights = 0
  let sum = 0
  for (const { candidate, stable } of strata) {
    const weight = candidate.trials * (stable.trials / (candidate.trials + stable.trials))
    weights += weight
    sum += weight * observedDifference(candidate, stable)
  }
  return sum / weights
}

function swapped({ candidate, stable }: ProportionStratum): ProportionStratum {
  return { candidate: stable, stable: candidate }
}

function hasBothArms({ candidate, stable }: ProportionStratum): boolean {
  return candidate.trials > 0 && stable.trials > 0
}

function checkMargin(margin: number): Failure | undefined {
  if (margin > -1 && margin < 1) return undefined
  return invalid(`the margin is ${margin}; it must be a difference of probabilities, greater than -1 and less than 1`)
}

function checkStrata(strata: readonly ProportionStratum[]): Failure | undefined {
  for (const [index, { candidate, stable }] of strata.entries()) {
    const bad =
      checkProportion(`the candidate in stratum ${index}`, candidate.events, candidate.trials) ??
      checkProportion(`the stable arm in stratum ${index}`, stable.events, stable.trials)
    if (bad !== undefined) return bad
  }
  return undefined
}
