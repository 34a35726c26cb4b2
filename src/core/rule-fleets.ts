/**
 * Fleets where no release runs: of the stable version, and of those that the endpoint's rules name. A release minds its own
 * fleets until it has ended; what rules said of them meanwhile is made up for then.
 */
import type { Command } from './command.ts'
import { readyTimeoutOf, type VersionSpec } from './endpoint.ts'
import { ruleVersions } from './endpoint-rules.ts'
import { limits } from './limits.ts'
import type { ControlState, EndpointState } from './state.ts'

type Kept<State> = { state: State; commands: readonly Command[] }

/** Asks for those that are missing or too few, and ends those that nobody names any more. */
export function keepRuleFleets(state: ControlState, commands: readonly Command[]): Kept<ControlState> {
  let next = state
  const asked: Command[] = []
  for (const endpoint of Object.values(state.endpoints)) {
    if (endpoint.activeRelease !== null) continue
    const kept = keepFleets(endpoint)
    if (kept.commands.length === 0) continue
    next = { ...next, endpoints: { ...next.endpoints, [endpoint.spec.name]: kept.state } }
    asked.push(...kept.commands)
  }
  return asked.length === 0 ? { state, commands } : { state: next, commands: [...commands, ...asked] }
}

function keepFleets(endpoint: EndpointState): Kept<EndpointState> {
  const { spec, stable, fleets } = endpoint
  const named = ruleVersions(spec)
  const isOver = (name: string): boolean => name !== stable && !named.includes(name) && fleets[name] !== 'absent'
  const over = Object.keys(fleets).filter(isOver)
  const few = named.flatMap(name => (isMissing(endpoint, name) ? (spec.versions[name] ?? []) : []))
  if (over.length + few.length === 0) return { state: endpoint, commands: [] }
  const changed = [
    ...over.map(name => [name, 'absent'] as const),
    ...few.map(({ name }) => [name, 'starting'] as const),
  ]
  const sized = withoutSizes(endpoint, [...over, ...few.map(({ name }) => name)])
  return {
    state: { ...sized, fleets: { ...fleets, ...Object.fromEntries(changed) } },
    commands: [...few.map(version => ensureOf(spec.name, version)), ...over.map(name => stopOf(spec.name, name))],
  }
}

/** Or of another size than it declares, as a release has left it. */
function isMissing({ fleets, sizes }: EndpointState, name: string): boolean {
  return (fleets[name] ?? 'absent') === 'absent' || sizes?.[name] !== undefined
}

function withoutSizes({ sizes, ...endpoint }: EndpointState, names: readonly string[]): EndpointState {
  const left = Object.entries(sizes ?? {}).filter(([name]) => !names.includes(name))
  return left.length === 0 ? endpoint : { ...endpoint, sizes: Object.fromEntries(left) }
}

function ensureOf(endpoint: string, version: VersionSpec): Command {
  const readyTimeoutMs = readyTimeoutOf(version)
  return { type: 'ensure-fleet', endpoint, version, readyTimeoutMs }
}

function stopOf(endpoint: string, version: string): Command {
  return { type: 'stop-fleet', endpoint, version, drainMs: limits.drainTimeoutMs }
}
