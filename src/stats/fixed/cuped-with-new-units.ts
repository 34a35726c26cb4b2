import { checkAlpha, checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import type { JointMoments } from '../summaries/joint-moments.ts'
import type { Moments } from '../summaries/moments.ts'
import { type AdjustedArm, checkArm, withinArms } from './cuped.ts'
import { type StudentDifference, studentDifference } from './student-difference.ts'

/** The units of one version: those whose covariate is known, as pairs, and the outcomes of the new ones. */
export type UnitsByHistory = { readonly known: JointMoments; readonly fresh: Moments }

/** A difference of means over all units, adjusted where a history exists; candidate minus stable. */
export type CupedWithNewUnits = StudentDifference & {
  readonly candidate: AdjustedArm
  readonly stable: AdjustedArm
  /** The share of units without history, of both versions together. */
  readonly freshShare: number
}

/**
 * Estimates the difference of two mean outcomes over all units, adjusted by a covariate that only some of them have
 * (CUPED with new users). Pairs hold x the covariate and y the outcome; the estimate is in units of y.
 *
 * @use When some units have no history: dropping them would estimate the effect on old units only. Which units are new
 * must not depend on the version.
 * @assumes As `cuped` with a slope for each version, in both groups.
 * @formula The regression of y on version, x with missing values set to the mean of the known ones, a flag of missing
 * values, and all interactions, which from sums is: p (difference adjusted within known units) + (1 - p) (difference of
 * means of new units), p the share of known units in both versions; var = p^2 var_known + (1 - p)^2 var_new + p (1 - p)
 * (difference_known - difference_new)^2 / n.
 * @source Lin, Annals of Applied Statistics 7, 2013, section 5, with the groups as strata; for the flag: Zhao & Ding, "To
 * adjust or not to adjust? Estimating the average treatment effect in randomized experiments with missing covariates",
 * JASA 119, 2024.
 * @degenerate Both versions need new units, at least 2 each, or none at all; otherwise and where `cuped` would refuse the
 * known ones the data are insufficient.
 */
export function cupedWithNewUnits({
  candidate,
  stable,
  alpha,
}: {
  candidate: UnitsByHistory
  stable: UnitsByHistory
  alpha: number
}): Result<CupedWithNewUnits> {
  const freshUnits = candidate.fresh.n + stable.fresh.n
  const bad =
    checkAlpha(alpha) ??
    checkArm('the candidate with history', candidate.known) ??
    checkArm('the stable version with history', stable.known) ??
    checkFresh('the candidate', candidate.fresh, freshUnits) ??
    checkFresh('the stable version', stable.fresh, freshUnits)
  if (bad !== undefined) return bad
  const arms = withinArms(candidate.known, stable.known)
  if (!arms.ok) return arms
  const known = arms.candidate.adjustedMean - arms.stable.adjustedMean
  const fresh = candidate.fresh.mean - stable.fresh.mean
  const units = candidate.known.n + stable.known.n + freshUnits
  const freshShare = freshUnits / units
  const knownShare = 1 - freshShare
  const mixture = (knownShare * freshShare * (known - fresh) ** 2) / units
  const result = studentDifference({
    estimate: knownShare * known + freshShare * fresh,
    components: [
      ...arms.components.map(part => ({ ...part, variance: part.variance * knownShare ** 2 })),
      ...(freshUnits === 0 ? [] : [candidate.fresh, stable.fresh].map(moments => freshComponent(moments, freshShare))),
      { variance: mixture, degreesOfFreedom: units - 1 },
    ],
    alpha,
  })
  return result.ok ? { ...result, candidate: arms.candidate, stable: arms.stable, freshShare } : result
}

function freshComponent({ n, m2 }: Moments, share: number) {
  return { variance: (m2 / (n - 1) / n) * share ** 2, degreesOfFreedom: n - 1 }
}

function checkFresh(name: string, { n, mean, m2 }: Moments, freshUnits: number): Failure | undefined {
  const bad = checkCount(`the number of new units of ${name}`, n)
  if (bad !== undefined) return bad
  if (!Number.isFinite(mean) || !(m2 >= 0 && Number.isFinite(m2)))
    return invalid(`the new units of ${name} have mean ${mean} and m2 ${m2}; both must be finite and m2 at least 0`)
  if (freshUnits === 0 || n >= 2) return undefined
  return insufficient(`new units need at least 2 a version for a variance; ${name} has ${n}`)
}
