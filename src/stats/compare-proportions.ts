/**
 * Always-valid comparison of two rates of harmful events, candidate against stable, with a margin.
 *
 * What it estimates: the difference p_candidate - p_stable. Assumptions: within a stratum (an epoch: a period of
 * constant weights) each version's events are Bernoulli with a rate of its own; the rates may differ in any way between
 * strata, so a drifting base rate with moving weights (Simpson's paradox) cannot feign a difference.
 *
 * Method: a mixture e-process by universal inference (Wasserman, Ramdas, Balakrishnan, PNAS 117, 2020; the 2x2 case:
 * Turner, Ly, Grünwald, arXiv 2106.02693). Against H0(δ): "in every stratum p_c <= p_s + δ",
 *
 *   E_k = ½ [ m(pooled counts of strata >= k) + Π m(counts of each stratum) ] / Π sup_{H0(δ)} L(stratum),
 *   E   = Σ_k E_k / (k (k+1)) + 1/(K+1),
 *
 * m the product of the versions' Beta(½,½)-Bernoulli marginal likelihoods, k the stratum from which on the harm began
 * (so that harm which begins late is found as well), products over strata >= k. Each E_k is at most a likelihood ratio
 * of a fixed alternative, a martingale under H0; so P(ever E >= 1/alpha) <= alpha (Ville), whenever and however often one
 * looks, and in whatever order the observations of the strata come in. No burn-in, no variance estimate, exact at zero
 * events. Units: counts and rates. The interval inverts the test over δ; each side errs with chance alpha at most.
 * Degenerate cases: a stratum in which a version has no trials carries no information and is left out; no stratum with
 * both: "no observations".
 */
import { alphaFault, countsFault, failed, type Result } from './result.ts'
import { logBeta, logSumExp, xlog1py, xlogy } from './special.ts'

/** Harmful events among trials. */
export type Tally = { events: number; trials: number }

export type ProportionStratum = { candidate: Tally; stable: Tally }

export type ProportionComparison = {
  /** Mantel-Haenszel difference over strata, candidate - stable. */
  estimate: number
  /** Time-uniform bounds of the difference; each side holds with probability 1 - alpha at all times together. */
  lower: number
  upper: number
  /** log E against "the difference is at most the margin". */
  logEvidenceAbove: number
  /** log E against "the difference is at least the margin". */
  logEvidenceBelow: number
  /** The margin is passed: logEvidenceAbove >= log(1/alpha). */
  crossed: boolean
  /** The difference is shown to be below the margin: logEvidenceBelow >= log(1/alpha). */
  shownBelow: boolean
}

export function compareProportions(input: {
  strata: readonly ProportionStratum[]
  margin: number
  alpha: number
}): Result<ProportionComparison> {
  const { margin, alpha } = input
  const fault = alphaFault(alpha) ?? firstFault(input.strata)
  if (fault !== null) return fault
  if (!(margin > -1 && margin < 1)) return failed(`margin is ${margin}; it must lie between -1 and 1`)
  const strata = input.strata.filter(({ candidate, stable }) => candidate.trials > 0 && stable.trials > 0)
  if (strata.length === 0) return failed('no observations')
  const mirrored = strata.map(({ candidate, stable }) => ({ candidate: stable, stable: candidate }))
  const above = evidenceAgainst(strata)
  const below = evidenceAgainst(mirrored)
  const threshold = Math.log(1 / alpha)
  const estimate = mantelHaenszel(strata)
  const logEvidenceAbove = above(margin)
  const logEvidenceBelow = below(-margin)
  return {
    ok: true,
    estimate,
    lower: lowestNotRejected(above, { threshold, estimate }),
    upper: -lowestNotRejected(below, { threshold, estimate: -estimate }),
    logEvidenceAbove,
    logEvidenceBelow,
    crossed: logEvidenceAbove >= threshold,
    shownBelow: logEvidenceBelow >= threshold,
  }
}

function firstFault(strata: readonly ProportionStratum[]) {
  for (const { candidate, stable } of strata) {
    const fault = countsFault(candidate) ?? countsFault(stable)
    if (fault !== null) return fault
  }
  return null
}

/** log E as a function of δ: the numerators do not depend on it. */
function evidenceAgainst(strata: readonly ProportionStratum[]): (delta: number) => number {
  const starts = strata.map((_, start) => {
    const late = strata.slice(start)
    const apart = late.reduce((sum, stratum) => sum + logMarginal(stratum), 0)
    return logSumExp([Math.log(0.5) + logMarginal(pool(late)), Math.log(0.5) + apart])
  })
  return delta => {
    const terms = [-Math.log(strata.length + 1)]
    let denominator = 0
    for (let start = strata.length - 1; start >= 0; start--) {
      const stratum = strata[start]
      const numerator = starts[start]
      if (stratum === undefined || numerator === undefined) continue
      denominator += logSupremum(stratum, delta)
      terms.push(numerator - denominator - Math.log((start + 1) * (start + 2)))
    }
    return logSumExp(terms)
  }
}

function pool(strata: readonly ProportionStratum[]): ProportionStratum {
  const add = (a: Tally, b: Tally): Tally => ({ events: a.events + b.events, trials: a.trials + b.trials })
  return strata.reduce((sum, one) => ({
    candidate: add(sum.candidate, one.candidate),
    stable: add(sum.stable, one.stable),
  }))
}

function logMarginal({ candidate, stable }: ProportionStratum): number {
  return logBetaBernoulli(candidate) + logBetaBernoulli(stable)
}

/** log ∫ p^s (1-p)^f Beta(p; ½, ½) dp. */
function logBetaBernoulli({ events, trials }: Tally): number {
  return logBeta(events + 0.5, trials - events + 0.5) - Math.log(Math.PI)
}

/** The greatest log-likelihood of a stratum with p_c <= p_s + δ. */
function logSupremum({ candidate, stable }: ProportionStratum, delta: number): number {
  const candidateRate = candidate.events / candidate.trials
  const stableRate = stable.events / stable.trials
  if (candidateRate <= stableRate + delta)
    return logLikelihood(candidate, candidateRate) + logLikelihood(stable, stableRate)
  const rate = boundaryRate({ candidate, stable }, delta)
  return logLikelihood(candidate, Math.min(1, Math.max(0, rate + delta))) + logLikelihood(stable, rate)
}

function logLikelihood({ events, trials }: Tally, rate: number): number {
  return xlogy(events, rate) + xlog1py(trials - events, -rate)
}

/** The stable rate that maximises the likelihood on p_c = p_s + δ: the derivative falls, so its sign is bisected. */
function boundaryRate({ candidate, stable }: ProportionStratum, delta: number): number {
  let low = Math.max(0, -delta)
  let high = Math.min(1, 1 - delta)
  for (let i = 0; i < 100 && high - low > 1e-16 * high; i++) {
    const rate = (low + high) / 2
    if (slope(candidate, rate + delta) + slope(stable, rate) > 0) low = rate
    else high = rate
  }
  return (low + high) / 2
}

function slope({ events, trials }: Tally, rate: number): number {
  return (events === 0 ? 0 : events / rate) - (trials === events ? 0 : (trials - events) / (1 - rate))
}

/** The least δ whose null is not rejected; log E falls in δ. -1 where none is rejected. */
function lowestNotRejected(
  logEvidence: (delta: number) => number,
  at: { threshold: number; estimate: number },
): number {
  let low = -1
  let high = at.estimate
  if (logEvidence(-1 + 1e-12) < at.threshold) return -1
  for (let i = 0; i < 60; i++) {
    const delta = (low + high) / 2
    if (logEvidence(delta) >= at.threshold) low = delta
    else high = delta
  }
  return low
}

/** Σ w_e (p̂_c - p̂_s) / Σ w_e with w_e = n_c n_s / (n_c + n_s) (Mantel & Haenszel 1959; Greenland & Robins 1985). */
function mantelHaenszel(strata: readonly ProportionStratum[]): number {
  let weighted = 0
  let weights = 0
  for (const { candidate, stable } of strata) {
    const weight = (candidate.trials * stable.trials) / (candidate.trials + stable.trials)
    weighted += weight * (candidate.events / candidate.trials - stable.events / stable.trials)
    weights += weight
  }
  return weighted / weights
}
