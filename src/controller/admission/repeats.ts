/** A document that is applied again, as pipelines do, starts nothing that is there or was refuted. */

import { isDeepStrictEqual } from 'node:util'
import type { ControlState, EndpointState, ReleaseState } from '../../core/state.ts'
import type { ReleaseRequest } from '../control-plane.ts'
import { askedOf } from './asked.ts'

/** What the document asks for is there already or under way: applying it again starts nothing. */
export function alreadySo(
  state: ControlState,
  endpoint: EndpointState,
  request: ReleaseRequest,
  again: boolean,
): { id: string | null; note: string } | null {
  const active = endpoint.activeRelease === null ? undefined : state.releases[endpoint.activeRelease]
  if (active !== undefined && asks(active, request))
    return { id: active.id, note: `release ${active.id} of this document is under way` }
  const waiting = (endpoint.queue ?? []).flatMap(({ release }) => state.releases[release] ?? [])
  const queued = waiting.find(release => asks(release, request))
  if (queued !== undefined) return { id: queued.id, note: `release ${queued.id} of this document waits for its turn` }
  if (endpoint.stable === request.to && active === undefined)
    return { id: null, note: `${request.to} is stable already` }
  const last = Object.values(state.releases).findLast(release => release.plan.endpoint === request.endpoint)
  if (!again && last?.plan.reason !== undefined && last.plan.from === request.to && last.phase.kind === 'promoted') {
    const note = `release ${last.id} went back from ${request.to}: ${last.plan.reason}; \`cutover release\` tries again`
    return { id: last.id, note }
  }
  if (!again && last !== undefined && asks(last, request) && last.phase.kind === 'rolled-back') {
    return { id: last.id, note: `release ${last.id} of this document was rolled back; \`cutover release\` tries again` }
  }
  return null
}

function asks(release: ReleaseState, request: ReleaseRequest): boolean {
  return isDeepStrictEqual(askedOf(release.plan), request)
}
