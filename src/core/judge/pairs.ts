import { type EpochEvidence, emptyVersionEvidence, type VersionEvidence } from '../evidence.ts'
import { limits } from '../limits.ts'
import type { ReleaseState } from '../state.ts'
import type { Weights } from '../traffic.ts'

/**
 * Candidate and stable in one epoch in which both served; `share` is the candidate's of what the two got, from 0 to 1, and
 * null where they served one after the other.
 */
export type Pair = { epoch: number; share: number | null; candidate: VersionEvidence; stable: VersionEvidence }

/** The two versions that are compared. */
export type Sides = { candidate: string; stable: string }

/** An epoch with all of its weights. */
export type WeightedEpoch = { epoch: number; weights: Weights }

/** Of one stage, or of the whole release. */
export function weightedEpochs(
  { plan, epochs }: Pick<ReleaseState, 'plan' | 'epochs'>,
  stageIndex?: number,
): WeightedEpoch[] {
  return epochs
    .filter(one => stageIndex === undefined || (one.stageIndex ?? 0) === stageIndex)
    .map(({ epoch, candidatePpm, weights }) => ({
      epoch,
      weights: weights ?? { [plan.from]: limits.ppmTotal - candidatePpm, [plan.to]: candidatePpm },
    }))
}

/** One pair per epoch in which both had weight, oldest first. */
export function pairUp(epochs: readonly WeightedEpoch[], evidence: readonly EpochEvidence[], sides: Sides): Pair[] {
  const byEpoch = new Map(evidence.map(one => [one.epoch, one.versions]))
  return epochs.flatMap(one => {
    const share = shareOf(one.weights, sides)
    if (share === null) return []
    const versions = byEpoch.get(one.epoch)
    const candidate = versions?.[sides.candidate] ?? emptyVersionEvidence()
    const stable = versions?.[sides.stable] ?? emptyVersionEvidence()
    return [{ epoch: one.epoch, share, candidate, stable }]
  })
}

/** Nothing where the epoch is none, or brought the version nothing. */
export function versionIn(
  evidence: readonly EpochEvidence[],
  epoch: number | undefined,
  version: string,
): VersionEvidence {
  return evidence.find(one => one.epoch === epoch)?.versions[version] ?? emptyVersionEvidence()
}

function shareOf(weights: Weights, sides: Sides): number | null {
  const [candidate, stable] = [weights[sides.candidate] ?? 0, weights[sides.stable] ?? 0]
  return candidate === 0 || stable === 0 ? null : candidate / (candidate + stable)
}
