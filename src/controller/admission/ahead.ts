/** A release is admitted on what will be there once the endpoints that come with the same request are applied. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import { withFoundVersions } from '../../core/registry/versions.ts'
import type { ControlState } from '../../core/state.ts'
import { step } from '../../core/step.ts'

/** Looked at again after every wait, it is the same object until the state has moved. */
export function stateAhead(
  state: () => ControlState,
  endpoints: readonly EndpointSpec[],
  nowMs: () => number,
): () => ControlState {
  if (endpoints.length === 0) return state
  let seen = state()
  let ahead = applied(seen, endpoints, nowMs())
  return () => {
    const now = state()
    if (now !== seen) ahead = applied(now, endpoints, nowMs())
    seen = now
    return ahead
  }
}

function applied(state: ControlState, endpoints: readonly EndpointSpec[], atMs: number): ControlState {
  return endpoints.reduce((before, asked) => {
    const spec = withFoundVersions(before, asked)
    return step(before, { type: 'endpoint-applied', spec, actor: 'foresight' }, atMs).state
  }, state)
}
