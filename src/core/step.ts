/**
 * The core's one door: a state and an event give the next state and what is to be done. The state after an event that
 * changed nothing is the same object, so that a caller can tell that there is nothing to write down.
 */

import { keyChanged } from './access/registry.ts'
import type { Command, IssuedCommand } from './command.ts'
import { fleetSpec } from './control-fleet.ts'
import { readyTimeoutOf } from './endpoint.ts'
import { assertNever } from './errors.ts'
import type { ControlEvent, LoggedEvent } from './event.ts'
import { lookAtGates, withShutGates } from './flags/flag-gates.ts'
import { isFlagEvent, stepFlags } from './flags/step-flags.ts'
import { limits } from './limits.ts'
import { follow, monitored, restartWatch, watchRenewed } from './monitor/monitoring.ts'
import { own } from './own.ts'
import { newsTold } from './registry/news.ts'
import { type Draft, withDraft } from './release/draft.ts'
import { settleGroups } from './release/group.ts'
import { operated } from './release/operator.ts'
import { enqueue, startNext } from './release/overlap.ts'
import {
  armsChanged,
  begin,
  fleetChanged,
  gateAnswered,
  judged,
  restarted,
  timePassed,
  trafficApplied,
  trialEnded,
} from './release/release.ts'
import { filled, toFill } from './releases.ts'
import { keepRuleFleets } from './rule-fleets.ts'
import { type ControlState, type EndpointState, emptyState, isTerminal, type ReleaseState } from './state.ts'
import type { FleetState } from './state-words.ts'
import { soleTable } from './traffic.ts'

export type StepResult = { state: ControlState; commands: readonly Command[] }

export function step(state: ControlState, event: ControlEvent, atMs: number): StepResult {
  let result = stepEvent(lookAtGates(state, atMs), event, atMs)
  for (let next = others(result.state, atMs); next !== null; next = others(result.state, atMs))
    result = { state: next.state, commands: [...result.commands, ...next.commands] }
  const kept = keepRuleFleets(result.state, result.commands)
  return { ...kept, state: follow(state, kept.state, atMs) }
}

/** What one release's change means for others: of its group, or behind it in the line. */
function others(state: ControlState, atMs: number): StepResult | null {
  return settleGroups(state, atMs) ?? startNext(state, atMs)
}

function stepEvent(state: ControlState, event: ControlEvent, atMs: number): StepResult {
  if (isFlagEvent(event)) return stepFlags(state, event, atMs)
  switch (event.type) {
    case 'server-started':
      return serverStarted(state, event, atMs)
    case 'endpoint-applied':
      return endpointApplied(state, event)
    case 'endpoint-deleted':
      return endpointDeleted(state, event.endpoint)
    case 'release-started':
      return releaseStarted(state, event, atMs)
    case 'fleet-ready':
      return fleetReady(state, event, atMs)
    case 'fleet-failed':
      return onEndpoint(
        state,
        event.endpoint,
        endpoint => withFleet(endpoint, event.version, 'failed'),
        draft => fleetChanged(draft, { version: event.version, state: 'failed', reason: event.reason }, atMs),
      )
    case 'fleet-stopped':
      return onEndpoint(
        state,
        event.endpoint,
        endpoint => endpoint,
        draft => fleetChanged(draft, { version: event.version, state: 'stopped' }, atMs),
      )
    case 'traffic-applied':
      return onEndpoint(
        state,
        event.endpoint,
        endpoint => withApplied(endpoint, event.epoch),
        draft => trafficApplied(draft, event.epoch, atMs),
      )
    case 'judged':
      return onRelease(state, event.release, draft => judged(draft, event.judgement, atMs))
    case 'gate-answered':
      return onRelease(state, event.release, draft => gateAnswered(draft, event, atMs))
    case 'trial-ended':
      return onRelease(state, event.release, draft => trialEnded(draft, event.report, atMs))
    case 'monitored':
      return { state: monitored(state, event, atMs), commands: [] }
    case 'watch-renewed':
      return { state: watchRenewed(state, event.endpoint, atMs), commands: [] }
    case 'tick':
      return onRelease(state, event.release, draft => timePassed(draft, atMs))
    case 'arms-changed':
      return onRelease(state, event.release, draft => armsChanged(draft, event, atMs))
    case 'registry-told':
      return { state: newsTold(state, event.endpoint, event.news), commands: [] }
    case 'operator':
      return onRelease(state, event.release, draft => operated(draft, event, atMs))
    case 'key-created':
    case 'key-rotated':
    case 'key-revoked':
      return { state: keyChanged(state, event, atMs), commands: [] }
    default:
      return assertNever(event)
  }
}

/** The state that a log gives: the same for ever. */
export function fold(events: readonly LoggedEvent[], from: ControlState = emptyState): ControlState {
  return filled(events.reduce((state, { event, atMs }) => step(state, event, atMs).state, toFill(from)))
}

/** Names commands after the event they come from, so that a repetition after a crash is recognised. */
export function issue(seq: number, commands: readonly Command[]): IssuedCommand[] {
  return commands.map((command, index) => ({ id: `${seq}.${index}`, command }))
}

function serverStarted(
  state: ControlState,
  event: Extract<ControlEvent, { type: 'server-started' }>,
  atMs: number,
): StepResult {
  const commands: Command[] = []
  const endpoints: Record<string, EndpointState> = {}
  for (const [name, endpoint] of Object.entries(state.endpoints)) {
    const wanted = Object.keys(endpoint.fleets).filter(version => endpoint.fleets[version] !== 'absent')
    const restarted = {
      ...endpoint,
      appliedEpoch: 0,
      fleets: Object.fromEntries(wanted.map(version => [version, 'starting' as const])),
    }
    endpoints[name] = event.settles === true ? restartWatch(restarted, atMs) : restarted
    const release = endpoint.activeRelease === null ? undefined : state.releases[endpoint.activeRelease]
    for (const version of wanted) commands.push(...ensure(endpoint, version, release?.plan.readyTimeoutMs))
    commands.push({ type: 'apply-route', spec: endpoint.spec, table: endpoint.table })
  }
  if (state.flags !== undefined) commands.unshift({ type: 'apply-flags', flags: state.flags })
  return Object.values(endpoints).reduce(
    (result, { activeRelease }) => tellRestart(result, activeRelease, event, atMs),
    {
      state: { ...state, endpoints },
      commands,
    } as StepResult,
  )
}

function tellRestart(result: StepResult, release: string | null, event: { settles?: true }, atMs: number): StepResult {
  if (release === null) return result
  const { state, commands } = onRelease(result.state, release, draft => restarted(draft, event, atMs))
  return { state, commands: [...result.commands, ...commands] }
}

/** A release under way says itself how long its fleets may take, also after a restart. */
function ensure(endpoint: EndpointState, version: string, waitMs?: number): Command[] {
  const instances = endpoint.sizes?.[version]
  const spec = fleetSpec(endpoint.spec, version, instances)
  if (spec === undefined) return []
  return [
    {
      type: 'ensure-fleet',
      endpoint: endpoint.spec.name,
      version: spec,
      readyTimeoutMs: readyTimeoutOf(spec, waitMs),
      ...(instances !== undefined && { instances }),
    },
  ]
}

function endpointApplied(state: ControlState, event: Extract<ControlEvent, { type: 'endpoint-applied' }>): StepResult {
  const { spec } = event
  const known = own(state.endpoints, spec.name)
  if (known !== undefined) {
    const route: Command = { type: 'apply-route', spec, table: known.table }
    return { state: putEndpoint(state, { ...known, spec }), commands: [route] }
  }
  const before = own(state.retired, spec.name)
  const epoch = (before?.epoch ?? 0) + 1
  const table = soleTable({ endpoint: spec.name, version: spec.stable, epoch, salt: spec.name })
  const endpoint: EndpointState = {
    spec,
    stable: spec.stable,
    table,
    appliedEpoch: 0,
    fleets: { [spec.stable]: 'starting' },
    activeRelease: null,
    releaseCount: before?.releaseCount ?? 0,
  }
  return {
    state: putEndpoint(state, endpoint),
    commands: [...ensure(endpoint, spec.stable), { type: 'apply-route', spec, table }],
  }
}

function endpointDeleted(state: ControlState, name: string): StepResult {
  const { [name]: endpoint, ...endpoints } = state.endpoints
  if (endpoint === undefined) return { state, commands: [] }
  const running = Object.entries(endpoint.fleets).filter(([, fleet]) => fleet !== 'absent')
  const stops = running.map(
    ([version]): Command => ({ type: 'stop-fleet', endpoint: name, version, drainMs: limits.drainTimeoutMs }),
  )
  const retired = { ...state.retired, [name]: { epoch: endpoint.table.epoch, releaseCount: endpoint.releaseCount } }
  return { state: { ...state, endpoints, retired }, commands: [{ type: 'remove-route', endpoint: name }, ...stops] }
}

function releaseStarted(
  state: ControlState,
  event: Extract<ControlEvent, { type: 'release-started' }>,
  atMs: number,
): StepResult {
  const { plan } = event
  const known = state.endpoints[plan.endpoint]
  if (known === undefined) return { state, commands: [] }
  const arrived: ReleaseState = {
    id: event.release,
    plan,
    actor: event.actor,
    startedAtMs: atMs,
    phase: { kind: 'starting', sinceMs: atMs },
    epochs: [],
    exposedFromMs: null,
    exposedToMs: null,
  }
  const counted = { ...known, releaseCount: known.releaseCount + 1 }
  const release = withShutGates(arrived, state.flags, atMs)
  if (known.activeRelease !== null) return enqueue(state, counted, release, atMs)
  const endpoint = { ...counted, activeRelease: release.id }
  return put(state, begin({ endpoint, release, commands: [] }, atMs))
}

function onRelease(state: ControlState, id: string, change: (draft: Draft) => Draft): StepResult {
  const release = state.releases[id]
  const endpoint = release === undefined ? undefined : state.endpoints[release.plan.endpoint]
  if (release === undefined || endpoint === undefined || isTerminal(release)) return { state, commands: [] }
  return put(state, change({ endpoint, release, commands: [] }))
}

function onEndpoint(
  state: ControlState,
  name: string,
  changeEndpoint: (endpoint: EndpointState) => EndpointState,
  changeRelease: (draft: Draft) => Draft,
): StepResult {
  const known = state.endpoints[name]
  if (known === undefined) return { state, commands: [] }
  const endpoint = changeEndpoint(known)
  const release = endpoint.activeRelease === null ? undefined : state.releases[endpoint.activeRelease]
  if (release === undefined) return { state: endpoint === known ? state : putEndpoint(state, endpoint), commands: [] }
  return put(state, changeRelease({ endpoint, release, commands: [] }))
}

/** A report of another size than the wanted one is out of date. */
function fleetReady(
  state: ControlState,
  event: Extract<ControlEvent, { type: 'fleet-ready' }>,
  atMs: number,
): StepResult {
  const { endpoint: name, version } = event
  const known = state.endpoints[name]
  const wanted = known?.sizes?.[version] ?? known?.spec.versions[version]?.instances ?? 0
  const instances = event.instances ?? wanted
  if (instances !== wanted) return { state, commands: [] }
  return onEndpoint(
    state,
    name,
    endpoint => withFleet(endpoint, version, 'ready'),
    draft => fleetChanged(draft, { version, state: 'ready', instances }, atMs),
  )
}

/** A report about a fleet that is not wanted any more says nothing. */
function withFleet(endpoint: EndpointState, version: string, fleet: FleetState): EndpointState {
  const now = endpoint.fleets[version] ?? 'absent'
  return now === 'absent' || now === fleet
    ? endpoint
    : { ...endpoint, fleets: { ...endpoint.fleets, [version]: fleet } }
}

function withApplied(endpoint: EndpointState, epoch: number): EndpointState {
  return epoch <= endpoint.appliedEpoch ? endpoint : { ...endpoint, appliedEpoch: epoch }
}

function putEndpoint(state: ControlState, endpoint: EndpointState): ControlState {
  return { ...state, endpoints: { ...state.endpoints, [endpoint.spec.name]: endpoint } }
}

function put(state: ControlState, draft: Draft): StepResult {
  const { endpoint, release, commands } = draft
  const same = state.endpoints[endpoint.spec.name] === endpoint && state.releases[release.id] === release
  if (same) return { state, commands }
  return { state: withDraft(state, draft), commands }
}
