/**
 * After a blue-green switch: green, which has everybody, against blue in the period that ended with the switch. It is a
 * comparison of before with after: whatever else changed at that moment is taken for green's doing, and each result says so.
 */
import type { EpochEvidence } from '../evidence.ts'
import { limits } from '../limits.ts'
import type { ReleaseEpoch } from '../state.ts'
import type { Judgement } from './judgement.ts'
import { type Pair, type Sides, versionIn } from './pairs.ts'

/** Null before the stage has begun, and while both versions serve at once: comparing those is better. */
export function switchPair(epochs: readonly ReleaseEpoch[], evidence: readonly EpochEvidence[], sides: Sides) {
  const before = epochs.findLast(one => one.candidatePpm < limits.ppmTotal)
  const after = epochs.findLast(one => one.candidatePpm === limits.ppmTotal)
  if (before === undefined || (after === undefined && before.candidatePpm > 0)) return null
  const pair: Pair = {
    epoch: (after ?? before).epoch,
    // Nobody was assigned by chance to one of two periods: there is no split to check.
    share: null,
    candidate: versionIn(evidence, after?.epoch, sides.candidate),
    stable: versionIn(evidence, before.epoch, sides.stable),
  }
  return pair
}

/** Every check says what it compared. */
export function asBeforeAfter(judgement: Judgement): Judgement {
  const named = judgement.checks.map(result => ({
    ...result,
    method: `${result.method}; before against after the switch, not at the same time`,
  }))
  return { ...judgement, checks: named }
}
