/** What one stage's verdict takes. */
import type { StageKind } from '../stage-plans.ts'
import type { Sample } from './samples.ts'

export type VerdictNeed = {
  stage: StageKind
  /** What the sample is of. */
  asks: string
  of: 'requests' | 'units' | 'pairs' | 'nothing'
  /** Null where it cannot be planned; `says` tells why. */
  sample: Sample | null
  /** Until the stage's own verdict at the present traffic; null where that is not known. */
  expectedMs: number | null
  says: string
}
