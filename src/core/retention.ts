/**
 * What the log of predictions may let go: what is older than an operator wants to keep, and nothing that anything which
 * lives rests on. Pure.
 */
import type { Tail } from './prediction.ts'
import { type ControlState, type EndpointState, releaseFromEpoch } from './state.ts'

export type Trim = {
  /** Predictions of this time and later stay. */
  beforeMs: number
  /** What stays whatever its age. */
  needed: readonly Tail[]
}

export function trimOf(state: ControlState, { nowMs, keepMs }: { nowMs: number; keepMs: number }): Trim {
  const endpoints = Object.values(state.endpoints)
  const watchedSinceMs = endpoints.flatMap(({ monitoring }) =>
    monitoring?.withinEpoch === true ? [monitoring.sinceMs] : [],
  )
  return {
    beforeMs: Math.min(nowMs - keepMs, ...watchedSinceMs),
    needed: endpoints.flatMap(endpoint =>
      [releaseFromEpoch(endpoint, state), watchedFromEpoch(endpoint)].flatMap(fromEpoch =>
        fromEpoch === null ? [] : [{ endpoint: endpoint.spec.name, fromEpoch }],
      ),
    ),
  }
}

/** Of the epoch in which watching began, time says what is watched. */
function watchedFromEpoch({ monitoring }: EndpointState): number | null {
  if (monitoring === undefined) return null
  return monitoring.withinEpoch === true ? monitoring.sinceEpoch + 1 : monitoring.sinceEpoch
}

/**
 * Endpoints whose watch is to begin anew, since else the log could let nothing go for as long as their stable version
 * stays. Not under a release; and where something is wrong, not before twice the time, since a watch that begins anew
 * finds everything in order at first.
 */
export function watchesToRenew(state: ControlState, { nowMs, keepMs }: { nowMs: number; keepMs: number }): string[] {
  return Object.values(state.endpoints).flatMap(({ spec, monitoring, activeRelease }) => {
    if (monitoring === undefined || activeRelease !== null) return []
    const dueMs = monitoring.status === 'ok' ? keepMs : 2 * keepMs
    return nowMs - monitoring.sinceMs >= dueMs ? [spec.name] : []
  })
}
