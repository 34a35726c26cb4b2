/** Releases of an endpoint that wait for their turn. One runs at a time; the version promoted last is what each starts from. */
import type { Command } from '../command.ts'
import type { ReleasePlan } from '../plan.ts'
import { withReleases } from '../releases.ts'
import { begunStage, type StagePlan, versionsOf } from '../stage-plans.ts'
import type { ControlState, EndpointState, ReleaseState } from '../state.ts'
import { withDraft } from './draft.ts'
import { endedWaiting, type Queue, queueOf } from './queue.ts'
import { begin, giveWay } from './release.ts'

/** A release that comes while another runs waits behind the others, or takes the place of the one that runs. */
export function enqueue(
  state: ControlState,
  endpoint: EndpointState,
  arrived: ReleaseState,
  atMs: number,
): { state: ControlState; commands: readonly Command[] } {
  const waiting = endpoint.queue ?? []
  const release: ReleaseState = { ...arrived, phase: { kind: 'queued', sinceMs: atMs } }
  if (release.plan.onConflict !== 'replace')
    return { state: withQueue(state, endpoint, [...waiting, { release: release.id }], [release]), commands: [] }
  // Another one that was to take the place has lost it before it began.
  const reason = `release ${release.id} takes its place`
  const outdone = waiting.flatMap(({ release: id, replaces }) => {
    const one = state.releases[id]
    return replaces === true && one !== undefined ? [endedWaiting(one, 'replaced', reason, atMs)] : []
  })
  const queue = [{ release: release.id, replaces: true as const }, ...waiting.filter(one => one.replaces !== true)]
  const queued = withQueue(state, endpoint, queue, [release, ...outdone])
  return replaceActive(queued, endpoint.spec.name, { reason, atMs })
}

function replaceActive(
  state: ControlState,
  name: string,
  { reason, atMs }: { reason: string; atMs: number },
): { state: ControlState; commands: readonly Command[] } {
  const endpoint = state.endpoints[name]
  const active = endpoint?.activeRelease == null ? undefined : state.releases[endpoint.activeRelease]
  if (endpoint === undefined || active === undefined) return { state, commands: [] }
  const draft = giveWay({ endpoint, release: active, commands: [] }, reason, atMs)
  return { state: withDraft(state, draft), commands: draft.commands }
}

/** Where nothing runs any more the next one begins, from what is stable by then. */
export function startNext(
  state: ControlState,
  atMs: number,
): { state: ControlState; commands: readonly Command[] } | null {
  const endpoint = Object.values(state.endpoints).find(one => one.activeRelease === null && one.queue !== undefined)
  const [next, ...queue] = endpoint?.queue ?? []
  const waiting = next === undefined ? undefined : state.releases[next.release]
  if (endpoint === undefined || waiting === undefined) return null
  const plan = begunPlan({ ...waiting.plan, from: endpoint.stable })
  const rest = queueOf(endpoint, queue)
  if (plan.stages.some(stage => comparesWithItself(stage, plan))) {
    const reason = `${endpoint.stable}, which it was to compare with the stable version, is the stable version now`
    const over = endedWaiting({ ...waiting, plan }, 'stage-failed', reason, atMs)
    return { state: withDraft(state, { endpoint: rest, release: over, commands: [] }), commands: [] }
  }
  if (plan.to === endpoint.stable) {
    const there: ReleaseState = { ...waiting, plan, phase: { kind: 'promoted', atMs } }
    return { state: withDraft(state, { endpoint: rest, release: there, commands: [] }), commands: [] }
  }
  const release: ReleaseState = { ...waiting, plan, startedAtMs: atMs, phase: { kind: 'starting', sinceMs: atMs } }
  const draft = begin({ endpoint: { ...rest, activeRelease: release.id }, release, commands: [] }, atMs)
  return { state: withDraft(state, draft), commands: draft.commands }
}

/** The plan of a release that begins. */
export function begunPlan(plan: ReleasePlan): ReleasePlan {
  return { ...plan, stages: plan.stages.map(stage => begunStage(stage, plan)) }
}

function comparesWithItself(stage: StagePlan, { from, to }: { from: string; to: string }): boolean {
  return (stage.kind === 'abTest' || stage.kind === 'shadow') && to !== from && versionsOf(stage, to).includes(from)
}

function withQueue(
  state: ControlState,
  endpoint: EndpointState,
  queue: Queue,
  releases: readonly ReleaseState[],
): ControlState {
  return {
    ...state,
    endpoints: { ...state.endpoints, [endpoint.spec.name]: queueOf(endpoint, queue) },
    releases: withReleases(state.releases, ...releases),
  }
}
