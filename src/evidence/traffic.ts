import type { JoinedOutcome, Prediction } from '../core/prediction.ts'

/** What has been committed, in order. */
export type Committed = { fresh: readonly Prediction[]; joined: readonly JoinedOutcome[] }

/** Without what challengers answered to copies: that is no traffic, for no caller has met it. */
export function trafficOf({ fresh, joined }: Committed): Committed {
  return { fresh: trafficAmong(fresh), joined: trafficAmong(joined) }
}

/** Most batches are traffic and nothing else. */
function trafficAmong<One extends { shadowOf?: string }>(all: readonly One[]): readonly One[] {
  return all.every(isTraffic) ? all : all.filter(isTraffic)
}

function isTraffic({ shadowOf }: { shadowOf?: string }): boolean {
  return shadowOf === undefined
}
