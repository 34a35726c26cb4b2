import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { DELAY_BINS } from './delay-grid.ts'

/** What became of predictions, by bin of the delay grid; both arrays of one length, at most `DELAY_BINS`. */
export type DelayCounts = {
  /** Predictions whose label came with a delay in the bin. */
  readonly labelled: readonly number[]
  /** Predictions without a label that were watched to the end of the bin and not beyond: censored there. */
  readonly censored: readonly number[]
}

/** How fast labels come, by bin of the delay grid, up to the last bin in which a prediction was watched. */
export type DelayDistribution = {
  /** The estimated probability that a prediction is labelled within the end of the bin. */
  readonly share: readonly number[]
  /** Its standard error (Greenwood). */
  readonly standardError: readonly number[]
  /** Predictions watched through the bin that had no label before it. */
  readonly atRisk: readonly number[]
  /** The share that was not labelled by the end of the last bin: labels still to come, and those that never will. */
  readonly unlabelledShare: number
}

/**
 * Estimates how long labels take, from predictions of which some are labelled and the others not yet: the probability
 * that a prediction is labelled within an age, for every age of the grid (probabilities; bins of milliseconds). It does
 * not go to 1 where some predictions are never labelled.
 *
 * All predictions are recorded, labelled or not. So an unlabelled one is known and censored at its age on the right,
 * and neither a negative nor absent; were only labelled ones known, they would be truncated instead, and another
 * estimator would be needed.
 *
 * @use Whenever labels come late: for the age at which predictions may be judged (`maturityAge`). Not on corrections of
 * labels: the first label of a prediction counts.
 * @assumes How long a label takes does not depend on when its prediction was made; predictions are independent.
 * @formula S(b) = prod_{j <= b} (1 - d_j / n_j), share = 1 - S; d_j labelled in bin j, n_j watched through bin j and
 * unlabelled before it (a prediction censored at the end of bin j is among them);
 * var S(b) = S(b)^2 sum_{j <= b} d_j / (n_j (n_j - d_j)), 0 where S(b) = 0, its limit.
 * @source Kaplan & Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958), 457-481; Greenwood,
 * "The natural duration of cancer" (1926).
 * @degenerate Without a prediction insufficient. Without a label the share is 0 everywhere. Counts that are no counts,
 * arrays of different lengths or longer than the grid are invalid.
 */
export function delayDistribution({ labelled, censored }: DelayCounts): Result<DelayDistribution> {
  const bad = checkCounts({ labelled, censored })
  if (bad !== undefined) return bad
  let watched = sumOf(labelled) + sumOf(censored)
  if (!Number.isSafeInteger(watched)) return invalid(`the counts add up to ${watched}, over 2^53 - 1`)
  if (watched === 0) return insufficient('a distribution of delays needs a prediction that was watched; there is none')
  const estimate = { share: [] as number[], standardError: [] as number[], atRisk: [] as number[] }
  let logSurvival = 0
  let greenwood = 0
  for (const [bin, events] of labelled.entries()) {
    if (watched === 0) break
    const left = watched - events
    logSurvival += logShareLeft(left, watched)
    greenwood += left === 0 ? 0 : events / watched / left
    estimate.atRisk.push(watched)
    // 1 - S without cancellation, for a share of a millionth has digits too.
    estimate.share.push(0 - Math.expm1(logSurvival))
    estimate.standardError.push(Math.exp(logSurvival) * Math.sqrt(greenwood))
    watched = left - (censored[bin] ?? 0)
  }
  return { ok: true, ...estimate, unlabelledShare: Math.exp(logSurvival) }
}

/** Each form is exact where the other one cancels; -Infinity where none is left. */
function logShareLeft(left: number, watched: number): number {
  return 2 * left < watched ? Math.log(left / watched) : Math.log1p((left - watched) / watched)
}

function checkCounts({ labelled, censored }: DelayCounts): Failure | undefined {
  if (labelled.length !== censored.length || labelled.length > DELAY_BINS)
    return invalid(
      `there are ${labelled.length} bins of labelled and ${censored.length} of censored predictions; they must be as many, at most ${DELAY_BINS}`,
    )
  for (const [bin, count] of labelled.entries()) {
    const bad =
      checkCount(`the count of labels in bin ${bin}`, count) ??
      checkCount(`the count of predictions censored in bin ${bin}`, censored[bin] ?? 0)
    if (bad !== undefined) return bad
  }
  return undefined
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
