/** What must be shown of a release before a candidate gets everything, whichever strategy asks. */
import type { Judged } from './strategy.ts'

/** As a sentence; null when it has been. */
export function whatPromotionNeeds(event: Judged): string | null {
  const { goal } = event.judgement
  if (goal !== undefined && goal.verdict !== 'pass') return goal.reason
  return whatAgeNeeds(event, 'it is promoted')
}

/** The release's least age, as a sentence; null when it is old enough. `then` is what waits for it. */
export function whatAgeNeeds({ atMs, notBeforeMs = 0 }: Judged, then: string): string | null {
  return atMs < notBeforeMs ? `the release is to be ${notBeforeMs - atMs} ms older before ${then}` : null
}
