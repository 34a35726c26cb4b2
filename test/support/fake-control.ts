/**
 * A control plane in memory: applies, starts and operates as the contract says, decides nothing by itself. Tests tell it
 * what happens to a release.
 */
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { considerRelease } from '../../src/controller/admission/release.ts'
import type { Change, ControlPlane, ReleaseRequest, ReleaseView } from '../../src/controller/control-plane.ts'
import { flagDoors } from '../../src/controller/flag-doors.ts'
import { createKeyDesk } from '../../src/controller/keys.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { CutoverError } from '../../src/core/errors.ts'
import type { ControlEvent, LoggedEvent, OperatorVerb } from '../../src/core/event.ts'
import { isFlagEvent, stepFlags } from '../../src/core/flags/step-flags.ts'
import { forecast } from '../../src/core/forecast.ts'
import type { BaselineAnswer } from '../../src/core/hypothesis.ts'
import type { SignalReport } from '../../src/core/label-delays.ts'
import type { Look, MonitoringState } from '../../src/core/monitor/report.ts'
import type { ControlState, EndpointState, Phase, ReleaseState } from '../../src/core/state.ts'
import { emptyState, isTerminal } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import type { TimelineEntry } from '../../src/core/timeline.ts'
import { moveTable, soleTable } from '../../src/core/traffic.ts'
import type { InstanceStatus } from '../../src/ports/deployer.ts'

export type FakeControl = ControlPlane & {
  /** Something happened to a release: an entry of its story, and what it means for its phase and weight. */
  tell(release: string, entry: Partial<TimelineEntry> & Pick<TimelineEntry, 'kind' | 'text'>, phase?: Phase): void
  /** What `release` answers as the newest look at the evidence. */
  latest: ReleaseView['latest']
  /** What `rate` and `baseline` answer. */
  traffic: number | null
  known: BaselineAnswer
  /** What `look` and `delays` answer, by endpoint. */
  looks: Map<string, Look>
  delayReports: Map<string, readonly SignalReport[]>
  /** What was last reported of an endpoint's stable version. */
  monitor(endpoint: string, monitoring: MonitoringState): void
  subscribers(): number
}

export function createFakeControl(startMs = Date.UTC(2026, 0, 1)): FakeControl {
  const endpoints: Record<string, EndpointState> = Object.create(null)
  const releases: Record<string, ReleaseState> = Object.create(null)
  const stories: Record<string, TimelineEntry[]> = {}
  const log: LoggedEvent[] = []
  const listeners = new Set<(event: LoggedEvent) => void>()
  let flags: ControlState['flags']
  let nowMs = startMs

  const append = (event: ControlEvent): LoggedEvent => {
    nowMs += 1_000
    const logged = { seq: log.length + 1, atMs: nowMs, event }
    log.push(logged)
    return logged
  }
  const publish = (logged: LoggedEvent) => {
    for (const listener of listeners) listener(logged)
  }
  const known = (id: string): ReleaseState => {
    const release = releases[id]
    if (release === undefined) throw new CutoverError('release-not-found', `there is no release ${id}`)
    return release
  }
  const end = (release: ReleaseState) => {
    const endpoint = endpoints[release.plan.endpoint]
    if (endpoint === undefined || !isTerminal(release)) return
    const stable = release.phase.kind === 'promoted' ? release.plan.to : endpoint.stable
    endpoints[release.plan.endpoint] = { ...endpoint, activeRelease: null, stable }
  }
  const setWeight = (release: ReleaseState, candidatePpm: number) => {
    const { endpoint: name, from, to } = release.plan
    const endpoint = endpoints[name]
    if (endpoint === undefined) return
    const weights = { [from]: 1_000_000 - candidatePpm, [to]: candidatePpm }
    const table = moveTable(endpoint.table, { weights, stable: endpoint.stable, release: release.id })
    endpoints[name] = { ...endpoint, table, appliedEpoch: table.epoch }
  }

  let keyState = emptyState
  const record = (event: ControlEvent): void => {
    const logged = append(event)
    keyState = step(keyState, event, logged.atMs).state
    publish(logged)
  }
  const keys = createKeyDesk(
    { secrets: nodeSecrets, clock: { nowMs: () => nowMs, every: () => () => {} } },
    {
      ...{ state: () => keyState, record, recordIfItMatters: record, recordAnswer: record },
      ...{ recordKept: () => {}, load: () => {} },
    },
  )

  const control: FakeControl = {
    keys,
    latest: null,
    traffic: 10,
    known: { known: false, reason: 'nothing is recorded' },
    looks: new Map(),
    delayReports: new Map(),
    monitor(name, monitoring) {
      const endpoint = endpoints[name]
      if (endpoint !== undefined) endpoints[name] = { ...endpoint, monitoring }
    },
    look: name => control.looks.get(name) ?? null,
    delays: name => control.delayReports.get(name) ?? [],
    subscribers: () => listeners.size,
    state: (): ControlState => ({
      endpoints: { ...endpoints },
      retired: {},
      releases: { ...releases },
      ...(keyState.keys !== undefined && { keys: keyState.keys }),
      ...(flags !== undefined && { flags }),
    }),
    ...flagDoors({
      state: () => control.state(),
      record: event => {
        if (!isFlagEvent(event)) return
        const logged = append(event)
        flags = stepFlags(control.state(), event, logged.atMs).state.flags
        publish(logged)
      },
    }),
    instances: (endpoint, version) => readyInstances(endpoints[endpoint], version),
    async applyEndpoint({ spec, actor, dryRun }) {
      const change = endpointChange(endpoints[spec.name], spec)
      if (dryRun || change.action === 'unchanged') return change
      endpoints[spec.name] = applied(endpoints[spec.name], spec)
      publish(append({ type: 'endpoint-applied', spec, actor }))
      return change
    },
    deleteEndpoint({ endpoint, actor }) {
      if (endpoints[endpoint]?.activeRelease != null) throw new CutoverError('in-use', `${endpoint} has a release`)
      delete endpoints[endpoint]
      publish(append({ type: 'endpoint-deleted', endpoint, actor }))
    },
    consider: plan => considerRelease(control.state(), plan),
    rate: () => control.traffic,
    baseline: async () => control.known,
    async applyRelease({ plan, actor, dryRun, again, beside }) {
      const coming = (beside?.endpoints ?? []).map(spec => [spec.name, applied(endpoints[spec.name], spec)] as const)
      const endpoint = checkedEndpoint({ ...endpoints, ...Object.fromEntries(coming) }, plan)
      if (endpoint.stable === plan.to && !again) return { change: unchanged(plan), release: null }
      if (endpoint.stable === plan.to) return { change: unchanged(plan), release: null }
      if (endpoint.activeRelease !== null) {
        throw new CutoverError('release-conflict', `${endpoint.activeRelease} runs on ${plan.endpoint}`)
      }
      const id = `${plan.endpoint}-${endpoint.releaseCount + 1}`
      const full = { ...plan, planVersion: 1 as const, from: endpoint.stable }
      const expected = forecast(endpoint.spec, full, 10)
      const resource = `Release/${id}`
      const change: Change = { action: 'started', resource, differences: [], note: null, forecast: expected }
      if (dryRun) return { change, release: null }
      const logged = append({ type: 'release-started', release: id, plan: full, actor })
      endpoints[plan.endpoint] = { ...endpoint, activeRelease: id, releaseCount: endpoint.releaseCount + 1 }
      releases[id] = {
        id,
        plan: full,
        actor,
        startedAtMs: logged.atMs,
        phase: { kind: 'starting', sinceMs: logged.atMs },
        epochs: [],
        exposedFromMs: null,
        exposedToMs: null,
      }
      stories[id] = [entryOf(logged, id, { kind: 'started', text: `${full.from} to ${full.to}` })]
      publish(logged)
      return { change, release: id }
    },
    operate({ release: id, verb, actor, note, step = false }) {
      const release = known(id)
      if (isTerminal(release)) throw new CutoverError('release-state', `${id} has ended: ${release.phase.kind}`)
      const logged = append({ type: 'operator', release: id, verb, actor, note, ...(step && { step }) })
      if (step) {
        stories[id]?.push(entryOf(logged, id, { kind: 'operator', text: `${verb} by one step by ${actor}` }))
        publish(logged)
        return control.release(id)
      }
      releases[id] = { ...release, phase: phaseAfter(verb, release.phase, logged.atMs) }
      stories[id]?.push(
        entryOf(logged, id, { kind: 'operator', text: `${verb} by ${actor}${note ? `: ${note}` : ''}` }),
      )
      const outcome = endKind(verb)
      if (outcome !== null) stories[id]?.push(entryOf(logged, id, { kind: outcome, text: outcome }))
      end(known(id))
      publish(logged)
      return control.release(id)
    },
    release: id => ({ release: known(id), latest: control.latest }),
    timeline: id => {
      known(id)
      return [...(stories[id] ?? [])]
    },
    events: ({ afterSeq, limit }) => log.filter(({ seq }) => seq > afterSeq).slice(0, limit),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tell(id, entry, phase) {
      const release = known(id)
      const logged = append({ type: 'tick', release: id })
      stories[id]?.push(entryOf(logged, id, entry))
      if (phase !== undefined) releases[id] = { ...release, phase }
      if (entry.candidatePpm !== undefined) setWeight(release, entry.candidatePpm)
      end(known(id))
      publish(logged)
    },
  }
  return control
}

function entryOf(
  { seq, atMs }: LoggedEvent,
  release: string,
  entry: Partial<TimelineEntry> & Pick<TimelineEntry, 'kind' | 'text'>,
): TimelineEntry {
  return { seq, atMs, release, candidatePpm: 0, judgement: null, exposure: null, ...entry }
}

function readyInstances(endpoint: EndpointState | undefined, version: string): InstanceStatus[] {
  const count = endpoint?.fleets[version] === 'ready' ? (endpoint.spec.versions[version]?.instances ?? 0) : 0
  return Array.from({ length: count }, (_, index) => ({ id: `${version}-${index}`, state: 'ready', detail: '' }))
}

function applied(before: EndpointState | undefined, spec: EndpointSpec): EndpointState {
  if (before !== undefined) return { ...before, spec }
  const table = soleTable({ endpoint: spec.name, version: spec.stable, epoch: 1, salt: 'salt' })
  const fleets = { [spec.stable]: 'ready' as const }
  return { spec, stable: spec.stable, table, appliedEpoch: 1, fleets, activeRelease: null, releaseCount: 0 }
}

function endpointChange(before: EndpointState | undefined, spec: EndpointSpec): Change {
  const resource = `Endpoint/${spec.name}`
  if (before === undefined) return { action: 'created', resource, differences: [], note: null }
  const differences = Object.entries(spec.versions).flatMap(([name, version]) => {
    const old = before.spec.versions[name]
    if (JSON.stringify(old) === JSON.stringify(version)) return []
    if (old !== undefined) {
      throw new CutoverError('version-immutable', `version ${name} exists and cannot change`, [
        { path: `versions.${name}`, message: 'cannot change; give the new model a new name' },
      ])
    }
    return [{ path: `versions.${name}`, before: undefined, after: version }]
  })
  if (before.spec.allowPin !== spec.allowPin) {
    differences.push({ path: 'allowPin', before: before.spec.allowPin, after: spec.allowPin } as never)
  }
  return { action: differences.length > 0 ? 'updated' : 'unchanged', resource, differences, note: null }
}

function unchanged(plan: ReleaseRequest): Change {
  const note = `${plan.to} is the stable version of ${plan.endpoint} already`
  return { action: 'unchanged', resource: `Release/${plan.endpoint}`, differences: [], note }
}

function checkedEndpoint(endpoints: Readonly<Record<string, EndpointState>>, plan: ReleaseRequest): EndpointState {
  const endpoint = endpoints[plan.endpoint]
  if (endpoint === undefined) throw new CutoverError('endpoint-not-found', `there is no endpoint ${plan.endpoint}`)
  if (endpoint.spec.versions[plan.to] === undefined) {
    const allowed = Object.keys(endpoint.spec.versions)
    throw new CutoverError('version-not-found', `${plan.endpoint} has no version ${plan.to}`, [
      { path: 'to', message: 'is not a version', value: plan.to, allowed },
    ])
  }
  return endpoint
}

function phaseAfter(verb: OperatorVerb, phase: Phase, atMs: number): Phase {
  if (endKind(verb) === 'promoted') return { kind: 'promoted', atMs }
  if (endKind(verb) === 'rolled-back') return { kind: 'rolled-back', atMs, cause: 'operator', reason: verb }
  return phase.kind === 'running' ? { ...phase, paused: verb === 'pause', hold: null } : phase
}

function endKind(verb: OperatorVerb): 'promoted' | 'rolled-back' | null {
  if (verb === 'promote') return 'promoted'
  return verb === 'abort' || verb === 'rollback' ? 'rolled-back' : null
}
