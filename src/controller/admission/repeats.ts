/** A document that is applied again, as pipelines do, starts nothing that is there or was refuted. */

import type { ReleasePlan } from '../../core/plan.ts'
import { type ControlState, candidateOf, type EndpointState, type ReleaseState } from '../../core/state.ts'
import type { ReleaseRequest } from '../control-plane.ts'

export type AlreadySo = { id: string | null; note: string }

/** The document has a release already, which is under way, waits, was promoted or rolled back: applying it again starts nothing. */
export function alreadySo(
  state: ControlState,
  endpoint: EndpointState,
  { asks, again }: { asks: (plan: ReleasePlan) => boolean; again: boolean },
): AlreadySo | null {
  const active = endpoint.activeRelease === null ? undefined : state.releases[endpoint.activeRelease]
  if (active !== undefined && asks(active.plan))
    return { id: active.id, note: `release ${active.id} of this document is under way` }
  const waiting = (endpoint.queue ?? []).flatMap(({ release }) => state.releases[release] ?? [])
  const queued = waiting.find(release => asks(release.plan))
  if (queued !== undefined) return { id: queued.id, note: `release ${queued.id} of this document waits for its turn` }
  const last = lastOf(state, endpoint)
  if (active !== undefined || last === undefined || !asks(last.plan)) return null
  if (
    last.phase.kind === 'promoted' &&
    candidateOf(last) === endpoint.stable &&
    (!again || last.plan.to === endpoint.stable)
  )
    return { id: null, note: `${endpoint.stable} is stable already` }
  return null
}

/** The version is there, or the document was refuted: what it asks for is valid and is not started all the same. */
export function alreadyThere(
  state: ControlState,
  endpoint: EndpointState,
  request: ReleaseRequest,
  { asks, again }: { asks: (plan: ReleasePlan) => boolean; again: boolean },
): AlreadySo | null {
  const isIdle = endpoint.activeRelease === null
  if (endpoint.stable === request.to && isIdle) return { id: null, note: `${request.to} is stable already` }
  const last = lastOf(state, endpoint)
  if (!again && last?.plan.reason !== undefined && last.plan.from === request.to && last.phase.kind === 'promoted') {
    const note = `release ${last.id} went back from ${request.to}: ${last.plan.reason}; \`cutover release\` tries again`
    return { id: last.id, note }
  }
  if (!again && last !== undefined && asks(last.plan) && last.phase.kind === 'rolled-back') {
    return { id: last.id, note: `release ${last.id} of this document was rolled back; \`cutover release\` tries again` }
  }
  return null
}

function lastOf(state: ControlState, { spec }: EndpointState): ReleaseState | undefined {
  return Object.values(state.releases).findLast(({ plan }) => plan.endpoint === spec.name)
}
