import { rootOfDecreasing, type Slope } from '../numerics/monotone-root.ts'
import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { logSumExp } from './bernoulli-mixture.ts'

/** What both versions did with the same requests; rates and differences are probabilities, candidate minus stable. */
export type PairedProportionComparison = {
  /** The share of pairs in which only the candidate did harm, less that in which only the stable version did. */
  readonly estimate: number
  /** Every difference below this is excluded at level alpha. */
  readonly lower: number
  /** Every difference above this is excluded at level alpha. */
  readonly upper: number
  /** The log e-value against "the candidate is worse by at most the margin". */
  readonly logEvidenceAbove: number
  /** The log e-value against "the candidate is worse by at least the margin". */
  readonly logEvidenceBelow: number
  /** log(1/alpha): what the evidence must reach. */
  readonly threshold: number
  /** The candidate is worse by more than the margin. */
  readonly crossed: boolean
  /** The candidate is worse by less than the margin. */
  readonly shownBelow: boolean
  /** Pairs in which exactly one of the two did harm: all that tell the versions apart. */
  readonly discordant: number
}

/**
 * An always-valid McNemar test with a margin: how much more often a candidate does harm (a wrong answer, an error) than
 * the stable version on the SAME requests, looked at after every pair if one likes. Exact at any number of pairs.
 *
 * A pair in which only the candidate does harm counts 1, one in which only the stable version does -1, all others 0. An
 * e-value is what a gambler has made of 1 who stakes a fixed share of all he has on each pair, at odds that would be
 * fair if the mean were the margin: under the hypothesis he cannot be expected to gain, whatever the rate of discordant
 * pairs, which is never estimated. Shares are averaged over a fixed grid, so that the right one is not known
 * beforehand. The order of pairs does not matter, so late and corrected labels change nothing but the counts. With a
 * margin of 0 only discordant pairs count, as in McNemar's own test.
 *
 * @use For two versions that answered the same requests: wrong answers by label, or errors, of shadow traffic and
 *   replays. It needs far fewer requests than `compareProportions` where the versions mostly agree. `mcnemar` and
 *   `compareAgreement` are for one look that was planned.
 * @assumes Whatever came before, the mean of a pair is at most (for `crossed`) or at least (for `shownBelow`) the
 *   margin: rates and discordance may drift, pairs need not be alike. Several rows of one unit depend on each other:
 *   compare their means by unit instead.
 * @formula Against "at least m", with s = 0.9 (2/3)^j, j = 0 .. 23, and b, c, z the pairs in which only the candidate,
 *   only the stable version and neither or both did harm: E is the mean over s of
 *   (1 - s)^b (1 + s m / (1 - m))^z (1 + s (1 + m) / (1 - m))^c; against "at most m" with b and c exchanged and -m. The limits are the margins at
 *   which E reaches 1/alpha.
 * @source Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024
 *   (arXiv 2010.09686); the mixture of stakes: Robbins, Annals of Mathematical Statistics 41, 1970, and Cover,
 *   "Universal portfolios", Mathematical Finance 1, 1991; the hypothesis: McNemar, Psychometrika 12, 1947.
 * @degenerate Without pairs the data are insufficient. Without a discordant pair the estimate is 0 and the limits close
 *   in on it.
 */
export function comparePairedProportions({
  pairs,
  onlyCandidate,
  onlyStable,
  margin,
  alpha,
}: {
  pairs: number
  onlyCandidate: number
  onlyStable: number
  margin: number
  alpha: number
}): Result<PairedProportionComparison> {
  const bad = checkAlpha(alpha) ?? checkMargin(margin) ?? checkPairs({ pairs, onlyCandidate, onlyStable })
  if (bad !== undefined) return bad
  if (pairs === 0) return insufficient('a paired difference needs at least 1 pair; there are none')
  const threshold = -Math.log(alpha)
  const [there, back] = bothWays({ pairs, onlyCandidate, onlyStable })
  const logEvidenceAbove = logEvidenceOfLess(back, -margin).value
  const logEvidenceBelow = logEvidenceOfLess(there, margin).value
  return {
    ok: true,
    estimate: (onlyCandidate - onlyStable) / pairs,
    lower: 0 - upperLimit(back, threshold),
    upper: upperLimit(there, threshold),
    logEvidenceAbove,
    logEvidenceBelow,
    threshold,
    crossed: logEvidenceAbove >= threshold,
    shownBelow: logEvidenceBelow >= threshold,
    discordant: onlyCandidate + onlyStable,
  }
}

/**
 * The evidence of `comparePairedProportions` alone, without limits: about 30 times as fast. The same assumptions and
 * refusals, but no data at all are no evidence: both are 0.
 *
 * @use Instead of `comparePairedProportions` where only the evidence is looked at, after every pair.
 * @source As `comparePairedProportions`.
 */
export function pairedProportionEvidence({
  pairs,
  onlyCandidate,
  onlyStable,
  margin,
}: {
  pairs: number
  onlyCandidate: number
  onlyStable: number
  margin: number
}): Result<{ readonly logEvidenceAbove: number; readonly logEvidenceBelow: number }> {
  const bad = checkMargin(margin) ?? checkPairs({ pairs, onlyCandidate, onlyStable })
  if (bad !== undefined) return bad
  const [there, back] = bothWays({ pairs, onlyCandidate, onlyStable })
  return {
    ok: true,
    logEvidenceAbove: logEvidenceOfLess(back, -margin).value,
    logEvidenceBelow: logEvidenceOfLess(there, margin).value,
  }
}

type Pairs = { readonly pairs: number; readonly onlyCandidate: number; readonly onlyStable: number }
type Counts = { readonly harms: number; readonly benefits: number; readonly ties: number }

/** Harms of the candidate and benefits of it; then with the versions in each other's place. */
function bothWays({ pairs, onlyCandidate, onlyStable }: Pairs): readonly [Counts, Counts] {
  const ties = pairs - onlyCandidate - onlyStable
  return [
    { harms: onlyCandidate, benefits: onlyStable, ties },
    { harms: onlyStable, benefits: onlyCandidate, ties },
  ]
}

/** From 0.9 down to 8e-5 of what one has: margins of a tenth of a percentage point among 10 % of discordance want 1 %. */
const STAKES = Array.from({ length: 24 }, (_, index) => 0.9 * (2 / 3) ** index)
const LOG_STAKES = Math.log(STAKES.length)

/** log E against "the mean harm is at least `mean`", with its derivative; it rises with `mean`. */
function logEvidenceOfLess({ harms, benefits, ties }: Counts, mean: number): Slope {
  const rest = 1 - mean
  const terms = STAKES.map(stake => {
    const [tie, benefit] = [(stake * mean) / rest, (stake * (1 + mean)) / rest]
    const value = harms * Math.log1p(-stake) + ties * Math.log1p(tie) + benefits * Math.log1p(benefit)
    const slope = ((ties * stake) / (1 + tie) + (benefits * 2 * stake) / (1 + benefit)) / rest / rest
    return { value, slope }
  })
  const total = logSumExp(terms.map(term => term.value))
  const slope = terms.reduce((sum, term) => sum + Math.exp(term.value - total) * term.slope, 0)
  return { value: total - LOG_STAKES, slope }
}

/** The least mean that is excluded, at least the observed one; 1 if none is. */
function upperLimit(counts: Counts, threshold: number): number {
  const { harms, benefits, ties } = counts
  const observed = (harms - benefits) / (harms + benefits + ties)
  if (observed === 1) return 1
  const excess = (mean: number): Slope => {
    const { value, slope } = logEvidenceOfLess(counts, mean)
    return { value: threshold - value, slope: -slope }
  }
  return rootOfDecreasing(excess, observed, 1)
}

function checkMargin(margin: number): Failure | undefined {
  if (margin > -1 && margin < 1) return undefined
  return invalid(`the margin is ${margin}; it must be a difference of probabilities, greater than -1 and less than 1`)
}

function checkPairs({ pairs, onlyCandidate, onlyStable }: Pairs): Failure | undefined {
  const bad =
    checkCount('the number of pairs', pairs) ??
    checkCount('onlyCandidate', onlyCandidate) ??
    checkCount('onlyStable', onlyStable)
  if (bad !== undefined || onlyCandidate + onlyStable <= pairs) return bad
  return invalid(
    `there are ${onlyCandidate + onlyStable} discordant pairs among ${pairs}; there cannot be more than pairs`,
  )
}
