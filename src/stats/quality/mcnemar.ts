import { binomialDivergence, logRegularizedIncompleteBeta, stirlingError } from '../numerics/special.ts'
import { checkCount, type Result } from '../result.ts'
import { pValueOf, twoSided } from './normal-inference.ts'

/** A two-sided p value, and its logarithm, which does not underflow. */
export type PValue = { readonly pValue: number; readonly logPValue: number }

/** Three p values of one hypothesis: that each model is alone right equally often. */
export type McNemar = {
  /** Rows on which exactly one of the two is right: all that bear on the hypothesis. */
  readonly discordant: number
  /** Never above its level; somewhat conservative. */
  readonly exact: PValue
  /** Close to its level at every size; can exceed it slightly. */
  readonly midP: PValue
  /** `statistic` is z^2 without continuity correction, chi-square with 1 degree of freedom. */
  readonly asymptotic: PValue & { readonly statistic: number }
}

/**
 * McNemar's test: whether two models are right equally often on the SAME rows, from the rows on which only one of them
 * is: `onlyCandidate` rows that the candidate alone got right, `onlyStable` those of the stable version.
 *
 * @use For paired yes-or-no outcomes such as "equals the label" on replayed or shadowed rows; `exact` if the level must
 *   hold, `midP` otherwise, `asymptotic` for comparison with other software from 25 discordant rows on. For the size of
 *   the difference use `compareAgreement`. Not for versions with separate rows.
 * @assumes Rows are independent of each other.
 * @formula exact: 2 P(X <= min(b, c)), X ~ Binomial(b + c, 1/2), at most 1; midP: that less P(X = min(b, c));
 *   asymptotic: z^2 = (b - c)^2 / (b + c).
 * @source McNemar, Psychometrika 12 (1947); Agresti, "Categorical Data Analysis" (3rd ed. 2013), section 11.1;
 *   Fagerland, Lydersen & Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better than
 *   exact conditional", BMC Medical Research Methodology 13 (2013) 10.1186/1471-2288-13-91.
 * @degenerate Without discordant rows nothing speaks against the hypothesis: every p value is 1 and the statistic 0.
 */
export function mcnemar({ onlyCandidate, onlyStable }: { onlyCandidate: number; onlyStable: number }): Result<McNemar> {
  const discordant = onlyCandidate + onlyStable
  const bad =
    checkCount('onlyCandidate', onlyCandidate) ??
    checkCount('onlyStable', onlyStable) ??
    checkCount('the number of discordant rows', discordant)
  if (bad !== undefined) return bad
  if (discordant === 0) {
    const certain = { pValue: 1, logPValue: 0 }
    return { ok: true, discordant, exact: certain, midP: certain, asymptotic: { statistic: 0, ...certain } }
  }
  const z = (onlyCandidate - onlyStable) / Math.sqrt(discordant)
  return {
    ok: true,
    discordant,
    ...binomialPValues(Math.min(onlyCandidate, onlyStable), discordant),
    asymptotic: { statistic: z * z, ...twoSided(z) },
  }
}

function binomialPValues(least: number, discordant: number): { exact: PValue; midP: PValue } {
  if (2 * least === discordant) return { exact: pValueOf(0), midP: pValueOf(0) }
  const logTail = logRegularizedIncompleteBeta(0.5, discordant - least, least + 1)
  const pointShare = Math.exp(logFairPoint(least, discordant) - logTail)
  return { exact: pValueOf(Math.LN2 + logTail), midP: pValueOf(logTail + Math.log(2 - Math.min(1, pointShare))) }
}

/** log P(X = k) for X ~ Binomial(n, 1/2), 2 k < n (Loader, "Fast and accurate computation of binomial probabilities"). */
function logFairPoint(k: number, n: number): number {
  if (k === 0) return -n * Math.LN2
  const rest = n - k
  const errors = stirlingError(n) - stirlingError(k) - stirlingError(rest)
  return errors - binomialDivergence(k, rest, 0.5) + 0.5 * Math.log(n / (2 * Math.PI * k) / rest)
}
