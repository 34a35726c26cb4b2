import { type EpochEvidence, emptyVersionEvidence, type VersionEvidence } from '../evidence.ts'
import type { ReleaseEpoch } from '../state.ts'

/**
 * Candidate and stable in one epoch in which both served; `share` is the candidate's of what the two got, from 0 to 1, and
 * null where they served one after the other.
 */
export type Pair = { epoch: number; share: number | null; candidate: VersionEvidence; stable: VersionEvidence }

/** The two versions that are compared. */
export type Sides = { candidate: string; stable: string }

/** One pair per epoch in which both had weight, oldest first. */
export function pairUp(epochs: readonly ReleaseEpoch[], evidence: readonly EpochEvidence[], sides: Sides): Pair[] {
  const byEpoch = new Map(evidence.map(one => [one.epoch, one.versions]))
  return epochs.flatMap(one => {
    const share = shareOf(one, sides)
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

function shareOf({ candidatePpm, weights }: ReleaseEpoch, { candidate, stable }: Sides): number | null {
  const candidateWeight = weights === undefined ? candidatePpm : (weights[candidate] ?? 0)
  const stableWeight = weights === undefined ? 1_000_000 - candidatePpm : (weights[stable] ?? 0)
  if (candidateWeight === 0 || stableWeight === 0) return null
  return candidateWeight / (candidateWeight + stableWeight)
}
