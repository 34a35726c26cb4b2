import type { JoinedOutcome, Prediction } from '../core/prediction.ts'

/** What has been committed, in order. */
export type Committed = { fresh: readonly Prediction[]; joined: readonly JoinedOutcome[] }

/** Without what challengers answered to copies: that is no traffic, for no caller has met it. */
export function trafficOf({ fresh, joined }: Committed): Committed {
  return { fresh: fresh.filter(isTraffic), joined: joined.filter(isTraffic) }
}

function isTraffic({ shadowOf }: { shadowOf?: string }): boolean {
  return shadowOf === undefined
}
