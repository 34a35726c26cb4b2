/** Fleets of the versions that an endpoint's rules name: they run where no release says otherwise. */
import type { Command } from './command.ts'
import { readyTimeoutOf } from './endpoint.ts'
import { ruleVersions } from './endpoint-rules.ts'
import { limits } from './limits.ts'
import type { ControlState, EndpointState } from './state.ts'

/** Asks for those that are missing; a release minds its own fleets until it has ended. */
export function keepRuleFleets(
  state: ControlState,
  commands: readonly Command[],
): { state: ControlState; commands: readonly Command[] } {
  let next = state
  const asked: Command[] = []
  for (const endpoint of Object.values(state.endpoints)) {
    if (endpoint.spec.rules === undefined || endpoint.activeRelease !== null) continue
    const missing = ruleVersions(endpoint.spec).filter(name => (endpoint.fleets[name] ?? 'absent') === 'absent')
    if (missing.length === 0) continue
    const fleets = { ...endpoint.fleets, ...Object.fromEntries(missing.map(name => [name, 'starting' as const])) }
    next = { ...next, endpoints: { ...next.endpoints, [endpoint.spec.name]: { ...endpoint, fleets } } }
    asked.push(...missing.flatMap(name => ensureOf(endpoint, name)))
  }
  return asked.length === 0 ? { state, commands } : { state: next, commands: [...commands, ...asked] }
}

function ensureOf({ spec }: EndpointState, name: string): Command[] {
  const version = spec.versions[name]
  if (version === undefined) return []
  const readyTimeoutMs = readyTimeoutOf(version)
  return [{ type: 'ensure-fleet', endpoint: spec.name, version, readyTimeoutMs }]
}

/** Versions that rules named and no longer do, and that nothing else needs. */
export function endRuleFleets(
  before: EndpointState,
  after: EndpointState,
): { endpoint: EndpointState; commands: Command[] } {
  const named = new Set(ruleVersions(after.spec))
  const dropped = ruleVersions(before.spec).filter(
    name => !named.has(name) && name !== after.stable && (after.fleets[name] ?? 'absent') !== 'absent',
  )
  if (dropped.length === 0 || after.activeRelease !== null) return { endpoint: after, commands: [] }
  const fleets = { ...after.fleets, ...Object.fromEntries(dropped.map(name => [name, 'absent' as const])) }
  const commands = dropped.map(
    (version): Command => ({
      type: 'stop-fleet',
      endpoint: after.spec.name,
      version,
      drainMs: limits.drainTimeoutMs,
    }),
  )
  return { endpoint: { ...after, fleets }, commands }
}
