/** An endpoint and its release while an event is worked in, and the smallest changes that can be made to them. */
import type { ContextPolicy } from '../bandit/context-policy.ts'
import type { Command } from '../command.ts'
import { controlOf, fleetSpec, isControl } from '../control-fleet.ts'
import { readyTimeoutOf } from '../endpoint.ts'
import { ruleVersions } from '../endpoint-rules.ts'
import { isOpen, withBegun } from '../period.ts'
import { triedVersions } from '../plan.ts'
import { withReleases } from '../releases.ts'
import {
  type ControlState,
  candidateOf,
  type EndpointState,
  type Phase,
  type ReleaseEpoch,
  type ReleaseState,
} from '../state.ts'
import type { StageContext } from '../strategies/strategy.ts'
import {
  bareTable,
  dressTable,
  moveTable,
  type RouteExtras,
  scopeTable,
  type TrafficTable,
  type Weights,
} from '../traffic.ts'

export type Draft = { endpoint: EndpointState; release: ReleaseState; commands: readonly Command[] }

/** The state after the draft has been worked in. */
export function withDraft(state: ControlState, { endpoint, release }: Draft): ControlState {
  return {
    ...state,
    endpoints: { ...state.endpoints, [endpoint.spec.name]: endpoint },
    releases: state.releases[release.id] === release ? state.releases : withReleases(state.releases, release),
  }
}

export function setPhase(draft: Draft, phase: Phase): Draft {
  return { ...draft, release: { ...draft.release, phase } }
}

/** Everybody moves by these weights; what a stage had added to the table goes unless it is kept. */
export function setWeights(
  draft: Draft,
  to: { weights: Weights; stable: string; extras: 'keep' | 'drop'; policy?: ContextPolicy },
): Draft {
  const { endpoint, release } = draft
  const salt = `${endpoint.spec.name}/${release.id}`
  const before = to.extras === 'keep' ? endpoint.table : bareTable(endpoint.table)
  const { weights, stable, policy } = to
  const moved = moveTable(before, {
    weights,
    stable,
    release: release.id,
    salt,
    ...(policy !== undefined && { policy }),
  })
  const table = to.extras === 'keep' ? scoped(moved, release) : moved
  return applyTable({ ...draft, endpoint: { ...endpoint, stable: to.stable } }, table)
}

function scoped(table: TrafficTable, { plan: { match, from } }: ReleaseState): TrafficTable {
  return match === undefined ? table : scopeTable(table, { rules: match, outside: from })
}

export function setExtras(draft: Draft, extras: RouteExtras): Draft {
  const { endpoint, release } = draft
  return applyTable(draft, scoped(dressTable(endpoint.table, extras, release.id), release))
}

export function hasExtras({ endpoint: { table } }: Draft): boolean {
  return table.gap !== undefined || table.mirrors !== undefined || table.rules.length > 0 || table.policy !== undefined
}

function applyTable(draft: Draft, table: TrafficTable): Draft {
  const endpoint = { ...draft.endpoint, table }
  return { ...draft, endpoint, commands: [...draft.commands, { type: 'apply-route', spec: endpoint.spec, table }] }
}

/** The epoch that has just begun is evidence of this release. */
export function noteEpoch(draft: Draft, atMs: number): Draft {
  const { release, endpoint } = draft
  const { weights, epoch } = endpoint.table
  const candidate = candidateOf(release)
  const candidatePpm = weights[candidate] ?? 0
  const { from, to } = release.plan
  const others = Object.keys(weights).some(version => version !== from && version !== to)
  const stageIndex = release.phase.kind === 'running' ? release.phase.stageIndex : 0
  const noted: ReleaseEpoch = {
    epoch,
    candidatePpm,
    sinceMs: atMs,
    ...(stageIndex > 0 && { stageIndex }),
    ...(others && { weights }),
  }
  const isExposed = candidatePpm > 0 || others
  const exposedFromMs = release.exposedFromMs ?? (isExposed ? atMs : null)
  return { ...draft, release: { ...release, epochs: [...release.epochs, noted], exposedFromMs } }
}

/** The gateway routes by the newest table: a gap has begun or ended if that says so. */
export function noteGap(draft: Draft, atMs: number): Draft {
  const { release, endpoint } = draft
  const { gaps = [] } = release
  const isGap = endpoint.table.gap !== undefined
  if (isGap === isOpen(gaps)) return draft
  const ended = () => gaps.map(gap => (gap.toMs === null ? { ...gap, toMs: atMs } : gap))
  return { ...draft, release: { ...release, gaps: isGap ? withBegun(gaps, atMs) : ended() } }
}

/** As many instances as are named, or as the version declares; a control has as many as the candidate. */
export function ensureFleet(draft: Draft, version: string, named?: number): Draft {
  const { endpoint, release } = draft
  const instances = named ?? (isControl(version) ? endpoint.spec.versions[candidateOf(release)]?.instances : undefined)
  const spec = fleetSpec(endpoint.spec, version, instances)
  if (spec === undefined) throw new Error(`endpoint ${endpoint.spec.name} has no version ${version}`)
  const command: Command = {
    type: 'ensure-fleet',
    endpoint: endpoint.spec.name,
    version: spec,
    readyTimeoutMs: readyTimeoutOf(spec, release.plan.readyTimeoutMs),
    ...(instances !== undefined && { instances, drainMs: release.plan.drainMs }),
  }
  const fleets = { ...endpoint.fleets, [version]: 'starting' as const }
  const isDeclared = instances === spec.instances && !isControl(version)
  const sized = withSize({ ...endpoint, fleets }, version, isDeclared ? undefined : instances)
  return { ...draft, endpoint: sized, commands: [...draft.commands, command] }
}

export function stopFleet(draft: Draft, version: string): Draft {
  const { endpoint, release } = draft
  const fleets = { ...endpoint.fleets, [version]: 'absent' as const }
  const command = { type: 'stop-fleet', endpoint: endpoint.spec.name, version, drainMs: release.plan.drainMs } as const
  const sized = withSize({ ...endpoint, fleets }, version, undefined)
  return { ...draft, endpoint: sized, commands: [...draft.commands, command] }
}

function withSize(endpoint: EndpointState, version: string, instances: number | undefined): EndpointState {
  const { sizes, ...rest } = endpoint
  const { [version]: _size, ...others } = sizes ?? {}
  const next = instances === undefined ? others : { ...others, [version]: instances }
  return Object.keys(next).length === 0 ? rest : { ...rest, sizes: next }
}

/** Ends the fleets of the release's versions, `first` in any case and the others where they run, all but `kept` and those that rules name. */
export function stopFleets(draft: Draft, which: { first: string; kept: string }): Draft {
  const running = participants(draft.release).filter(
    version =>
      version !== which.first && version !== which.kept && (draft.endpoint.fleets[version] ?? 'absent') !== 'absent',
  )
  const kept = ruleVersions(draft.endpoint.spec)
  return [which.first, ...running].filter(version => !kept.includes(version)).reduce(stopFleet, draft)
}

/** Every version that the release may run. */
function participants({ plan }: ReleaseState): string[] {
  return [...new Set([plan.from, plan.to, controlOf(plan.from), ...triedVersions(plan)])]
}

export function contextOf({ endpoint, release }: Draft): StageContext {
  const { spec, fleets, sizes, table, appliedEpoch } = endpoint
  const declared = Object.fromEntries(Object.values(spec.versions).map(({ name, instances }) => [name, instances]))
  return {
    release: release.id,
    stable: release.plan.from,
    candidate: candidateOf(release),
    fleets,
    declared,
    wanted: { ...declared, ...sizes },
    weights: table.weights,
    epoch: table.epoch,
    appliedEpoch,
  }
}

/** Whether the stable version has fewer instances than it declares. */
export function isShrunk({ endpoint, release: { plan } }: Draft): boolean {
  const wanted = endpoint.sizes?.[plan.from]
  return wanted !== undefined && wanted < (endpoint.spec.versions[plan.from]?.instances ?? 0)
}

/** A control ends with its stage, once the gateway sends nothing there any more. */
export function endIdleControl(draft: Draft): Draft {
  const { endpoint, release } = draft
  const { table, appliedEpoch, fleets } = endpoint
  const control = controlOf(release.plan.from)
  const isIdle = appliedEpoch >= table.epoch && table.weights[control] === undefined
  const isWanted = release.phase.kind === 'starting'
  return (fleets[control] ?? 'absent') !== 'absent' && isIdle && !isWanted ? stopFleet(draft, control) : draft
}

export function endRelease(draft: Draft, phase: Phase): Draft {
  return setPhase({ ...draft, endpoint: { ...draft.endpoint, activeRelease: null } }, phase)
}
