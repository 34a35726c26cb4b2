/**
 * Monitoring goes on where releases end: which version is watched since when, what the last report said, and the way
 * back to the version that was stable before. Pure, and separate from the life of a release.
 */
import type { EndpointSpec } from '../endpoint.ts'
import type { ControlEvent } from '../event.ts'
import { limits } from '../limits.ts'
import { isOpen, withEnded } from '../period.ts'
import type { ReleasePlan } from '../plan.ts'
import { withRestart } from '../release/restarts.ts'
import { type ControlState, candidateOf, type EndpointState, type ReleaseState } from '../state.ts'
import type { Watched } from './evidence.ts'
import type { Alarm, MonitoringState } from './report.ts'

/** Watching starts anew where an event changed the stable version or what is watched of it. */
export function follow(before: ControlState, after: ControlState, atMs: number): ControlState {
  if (after.endpoints === before.endpoints) return after
  let endpoints = after.endpoints
  for (const [name, endpoint] of Object.entries(after.endpoints)) {
    const known = before.endpoints[name]
    if (known === endpoint) continue
    const followed = followOne(known, endpoint, atMs)
    if (followed !== endpoint) endpoints = { ...endpoints, [name]: followed }
  }
  return endpoints === after.endpoints ? after : { ...after, endpoints }
}

function followOne(known: EndpointState | undefined, endpoint: EndpointState, atMs: number): EndpointState {
  const { monitoring, ...unwatched } = endpoint
  if (!asksForWatching(endpoint.spec)) return monitoring === undefined ? endpoint : unwatched
  const isSame = known !== undefined && watchedPart(known.spec) === watchedPart(endpoint.spec)
  if (isSame && monitoring?.version === endpoint.stable) return settled(endpoint, monitoring, atMs)
  const started: MonitoringState = {
    version: endpoint.stable,
    sinceMs: atMs,
    sinceEpoch: endpoint.table.epoch,
    ...(known?.table.epoch === endpoint.table.epoch && { withinEpoch: true }),
    status: 'ok',
    alarms: [],
    changedAtMs: atMs,
  }
  return { ...endpoint, monitoring: started }
}

/** A server came up, and the version that is watched is started again. */
export function restartWatch(endpoint: EndpointState, atMs: number): EndpointState {
  const { monitoring, fleets } = endpoint
  if (monitoring === undefined || fleets[monitoring.version] !== 'starting') return endpoint
  return { ...endpoint, monitoring: { ...monitoring, restarts: withRestart(monitoring.restarts, atMs) } }
}

/** It is ready again, or known not to come up. */
function settled(endpoint: EndpointState, monitoring: MonitoringState, atMs: number): EndpointState {
  const { version, restarts = [] } = monitoring
  if (!isOpen(restarts) || endpoint.fleets[version] === 'starting') return endpoint
  return { ...endpoint, monitoring: { ...monitoring, restarts: withEnded(restarts, atMs) } }
}

export function asksForWatching({ drift, monitor }: EndpointSpec): boolean {
  return drift !== undefined || monitor !== undefined
}

function watchedPart({ features, answer, drift, monitor }: EndpointSpec): string {
  return JSON.stringify([features, answer, drift, monitor])
}

/** What the evidence of an endpoint is to be kept for; null where nothing is watched. */
export function watchedOf(endpoint: EndpointState | undefined): Watched | null {
  if (endpoint?.monitoring === undefined) return null
  const { features = {}, drift = null, monitor = null, answer } = endpoint.spec
  const { version, sinceMs, sinceEpoch, withinEpoch = false, restarts = [] } = endpoint.monitoring
  return {
    version,
    sinceMs,
    since: { epoch: sinceEpoch, isWithin: withinEpoch },
    restarts,
    features,
    answer: typeOfAnswer(answer),
    drift,
    monitor,
  }
}

/** An index of a class is a name; what is read as it is may be a number. */
function typeOfAnswer(answer: EndpointSpec['answer']): Watched['answer'] {
  if (answer === null || answer.read === 'ranking') return null
  return answer.read === 'argmax' ? 'category' : 'number'
}

/** The state after a report; the same one if the report changes nothing. */
export function monitored(
  state: ControlState,
  { endpoint: name, report }: Extract<ControlEvent, { type: 'monitored' }>,
  atMs: number,
): ControlState {
  const endpoint = state.endpoints[name]
  const known = endpoint?.monitoring
  if (endpoint === undefined || known === undefined || known.version !== report.version) return state
  if (known.status === report.status && namesOf(known.alarms) === namesOf(report.alarms)) return state
  const { breachedAfter = endpoint.releaseCount, restless = 0, ...rest } = known
  const { status, alarms } = report
  const isRestless = atMs - known.changedAtMs < limits.monitorRestlessMs
  const monitoring: MonitoringState = {
    ...{ ...rest, status, alarms, changedAtMs: atMs },
    ...(status === 'breached' && { breachedAfter }),
    ...(isRestless && { restless: restless + 1 }),
  }
  return { ...state, endpoints: { ...state.endpoints, [name]: { ...endpoint, monitoring } } }
}

/** The watch of an endpoint from now on; alarms stay until they end. */
export function watchRenewed(state: ControlState, name: string, atMs: number): ControlState {
  const endpoint = state.endpoints[name]
  if (endpoint?.monitoring === undefined) return state
  const { restarts = [], ...kept } = endpoint.monitoring
  const since = { sinceMs: atMs, sinceEpoch: endpoint.table.epoch, withinEpoch: true } as const
  const monitoring: MonitoringState = {
    ...{ ...kept, ...since },
    // Nothing that came before is looked at again.
    ...(isOpen(restarts) && { restarts: restarts.slice(-1) }),
  }
  return { ...state, endpoints: { ...state.endpoints, [name]: { ...endpoint, monitoring } } }
}

function namesOf(alarms: readonly Alarm[]): string {
  return alarms
    .map(({ kind, name }) => `${kind} ${name}`)
    .sort()
    .join('\n')
}

/** What a report says, as one sentence; for logs and for people. */
export function tellMonitored({ endpoint, report }: Extract<ControlEvent, { type: 'monitored' }>): string {
  const at = `${endpoint}/${report.version}`
  if (report.status === 'ok') return `${at} is in order again`
  return `${at} is ${report.status}: ${report.alarms.map(({ reason }) => reason).join('; ')}`
}

/**
 * The release that a breach asks for: everybody back at once to the version that was stable before. Null where nothing is
 * breached, where only telling is wanted, while a release runs, where it was tried since the breach began, and where
 * there is nothing to go back to. A version that was gone back to is not left again: that would go to and fro.
 */
export function returnPlan(state: ControlState, name: string): ReleasePlan | null {
  const endpoint = state.endpoints[name]
  if (endpoint === undefined) return null
  const { monitoring, spec, activeRelease, stable } = endpoint
  if (monitoring?.status !== 'breached' || spec.monitor?.onBreach !== 'return' || activeRelease !== null) return null
  if (releasesSince(state, endpoint, monitoring).some(wasAutomatic)) return null
  const promotion = promotionOf(state, name)
  if (promotion === undefined || wasAutomatic(promotion)) return null
  const previous = promotion.plan.from
  if (spec.versions[previous] === undefined) return null
  return planBack(name, { from: stable, to: previous, reason: reasonOf(monitoring) })
}

/** A release whose candidate has everybody, so that it can be watched as the stable version is: its probation. */
export function isInProbation(state: ControlState, name: string): boolean {
  const active = state.endpoints[name]?.activeRelease ?? null
  return active !== null && state.releases[active]?.phase.kind === 'probation'
}

/** The release in probation that a breach takes back, and why; null where there is none, or where only telling is wanted. */
export function probationToEnd(state: ControlState, name: string): { release: string; reason: string } | null {
  const { monitoring, spec, activeRelease, stable } = state.endpoints[name] ?? {}
  if (monitoring?.status !== 'breached' || spec?.monitor?.onBreach !== 'return' || activeRelease == null) return null
  if (!isInProbation(state, name) || monitoring.version !== stable) return null
  return { release: activeRelease, reason: reasonOf(monitoring) }
}

/** The release that made the present stable version what it is; undefined where it was declared. */
function promotionOf(state: ControlState, name: string): ReleaseState | undefined {
  const isPromoted = ({ phase, plan }: ReleaseState) => phase.kind === 'promoted' && plan.endpoint === name
  const last = Object.values(state.releases).findLast(isPromoted)
  return last !== undefined && candidateOf(last) === state.endpoints[name]?.stable ? last : undefined
}

/** Those of the endpoint since its breach began, whatever became of the alarms meanwhile. */
function releasesSince(
  state: ControlState,
  { spec, releaseCount }: EndpointState,
  { breachedAfter = releaseCount }: MonitoringState,
): ReleaseState[] {
  const releases = Object.values(state.releases).filter(({ plan }) => plan.endpoint === spec.name)
  return releases.slice(releases.length - (releaseCount - breachedAfter))
}

/** The release whose story the stable version belongs to: in probation it is not promoted for good. */
export function releaseBehind(state: ControlState, name: string): ReleaseState | undefined {
  const active = state.endpoints[name]?.activeRelease ?? null
  return active !== null && isInProbation(state, name) ? state.releases[active] : promotionOf(state, name)
}

function wasAutomatic({ plan }: ReleaseState): boolean {
  return plan.reason !== undefined
}

function reasonOf({ alarms }: MonitoringState): string {
  return alarms
    .filter(({ kind }) => kind === 'limit')
    .map(({ reason }) => reason)
    .join('; ')
}

function planBack(endpoint: string, way: { from: string; to: string; reason: string }): ReleasePlan {
  return {
    planVersion: 1,
    endpoint,
    ...way,
    stages: [],
    guardrails: [],
    signals: [],
    onFail: 'rollback',
    probationMs: 0,
    sampleRatioAlpha: 0.001,
    drainMs: limits.drainTimeoutMs,
  }
}
