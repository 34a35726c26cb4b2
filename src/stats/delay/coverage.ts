import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import type { Outcomes } from '../sequential/bernoulli-mixture.ts'
import { compareProportions, type ProportionStratum } from '../sequential/compare-proportions.ts'

/** Predictions of one version that passed the age limit, and how many of them had a label by that age. */
export type MaturedCounts = { readonly matured: number; readonly labelled: number }

/** Both versions in one epoch, a period of constant traffic weights. */
export type CoverageStratum = { readonly candidate: MaturedCounts; readonly stable: MaturedCounts }

/** Whether two versions have labels for the same share of their predictions. */
export type CoverageComparison = {
  /** Labels are missing or delayed in a way that depends on the version: no comparison by labels can be trusted. */
  readonly alarm: boolean
  /** The greater of both directions, the logarithm of an e-value. */
  readonly logEvidence: number
  /** log(2/alpha): what the evidence must reach. */
  readonly threshold: number
  /** The least alpha at which this alarms, valid at any time; 0 where it underflows. */
  readonly pValueAlwaysValid: number
  /** Its logarithm, which does not underflow. */
  readonly logPValue: number
  /** Coverage over all epochs, candidate - stable, with limits that hold at all looks together. */
  readonly difference: { readonly estimate: number; readonly lower: number; readonly upper: number }
  /** The share of matured predictions that are labelled, over all epochs; null without any. */
  readonly candidateCoverage: number | null
  readonly stableCoverage: number | null
  /** No single difference fits all epochs. */
  readonly heterogeneous: boolean
  /** How many epochs have matured predictions of both versions; the others say nothing. */
  readonly strataUsed: number
}

/**
 * An always-valid test for a difference of label coverage: whether the same share of both versions' predictions gets
 * its label in time. A difference means that labels are lost, joined or delayed by version, as a sample ratio mismatch
 * means it of requests, and it is an alarm of the same class: what labels say about the versions is no comparison then.
 *
 * Counted are matured predictions alone, each once, when it passes the age limit, with its final state: labelled by that
 * age or not. A label that comes later changes nothing. So neither slow labels nor weights that ramp up, which make the
 * candidate's predictions the younger ones, look like a difference.
 *
 * @use At every look, with an alpha like that of the sample ratio (0.001). Not on counts that include young predictions.
 * @assumes In an epoch a version's predictions are labelled in time independently and with one probability; the age limit
 * is the same for both and was chosen before the predictions counted were made. Several rows of one request, labelled
 * together, are not independent: count one of them. Nor are the predictions of one caller who labels all or none: count
 * as many as there are callers, in the shares that were found.
 * @formula the e-values of `compareProportions` on the unlabelled, margin 0, both ways at alpha / 2 each:
 * alarm = max(log E_above, log E_below) >= log(2 / alpha); p = min(1, 2 exp(-max)).
 * @source As `compareProportions`: Wasserman, Ramdas & Balakrishnan, PNAS 117 (2020), 16880-16890; Turner, Ly & Grünwald
 * (2024). That different loss of data by arm voids a comparison: Fabijan et al., "Diagnosing sample ratio mismatch in
 * online controlled experiments", KDD 2019.
 * @degenerate An epoch without matured predictions of one version is left out; with no other epoch insufficient. More
 * labelled than matured, or counts that are no counts, are invalid.
 */
export function compareCoverage({
  strata,
  alpha,
}: {
  strata: readonly CoverageStratum[]
  alpha: number
}): Result<CoverageComparison> {
  const bad = checkAlpha(alpha) ?? checkStrata(strata)
  if (bad !== undefined) return bad
  const compared = compareProportions({ strata: strata.map(unlabelledOf), margin: 0, alpha: alpha / 2 })
  if (!compared.ok)
    return compared.kind === 'invalid'
      ? compared
      : insufficient('coverage needs an epoch in which predictions of both versions have matured; there is none')
  const { estimate, lower, upper, logEvidenceAbove, logEvidenceBelow, threshold, heterogeneous, strataUsed } = compared
  const logEvidence = Math.max(logEvidenceAbove, logEvidenceBelow)
  const logPValue = Math.min(0, Math.LN2 - logEvidence)
  return {
    ok: true,
    alarm: logEvidence >= threshold,
    logEvidence,
    threshold,
    pValueAlwaysValid: Math.exp(logPValue),
    logPValue,
    // Less unlabelled is more coverage, so the limits change places; 0 - x, for no reader wants to see -0.
    difference: { estimate: 0 - estimate, lower: 0 - upper, upper: 0 - lower },
    candidateCoverage: coverageOf(strata.map(({ candidate }) => candidate)),
    stableCoverage: coverageOf(strata.map(({ stable }) => stable)),
    heterogeneous,
    strataUsed,
  }
}

function unlabelledOf({ candidate, stable }: CoverageStratum): ProportionStratum {
  return { candidate: outcomesOf(candidate), stable: outcomesOf(stable) }
}

/** The harmful event of a proportion is here the missing label. */
function outcomesOf({ matured, labelled }: MaturedCounts): Outcomes {
  return { events: matured - labelled, trials: matured }
}

function coverageOf(counts: readonly MaturedCounts[]): number | null {
  const matured = counts.reduce((sum, one) => sum + one.matured, 0)
  const labelled = counts.reduce((sum, one) => sum + one.labelled, 0)
  return matured === 0 ? null : labelled / matured
}

function checkStrata(strata: readonly CoverageStratum[]): Failure | undefined {
  for (const [index, { candidate, stable }] of strata.entries()) {
    const bad =
      checkMatured(`the candidate in epoch ${index}`, candidate) ?? checkMatured(`stable in epoch ${index}`, stable)
    if (bad !== undefined) return bad
  }
  return undefined
}

function checkMatured(name: string, { matured, labelled }: MaturedCounts): Failure | undefined {
  const bad =
    checkCount(`the number of matured predictions of ${name}`, matured) ??
    checkCount(`the number of labelled predictions of ${name}`, labelled)
  if (bad !== undefined) return bad
  if (labelled <= matured) return undefined
  return invalid(`${name} has ${labelled} labelled of ${matured} matured predictions; there cannot be more`)
}
