/** Tells a release's story: each event of the log that changed it becomes an entry. Pure; works live and on a recorded log alike. */
import { publicName } from './control-fleet.ts'
import type { LoggedEvent } from './event.ts'
import type { Judgement } from './judge/judgement.ts'
import { releaseBehind, tellMonitored } from './monitor/monitoring.ts'
import { openReleases } from './releases.ts'
import { type ControlState, candidateOf, emptyState, isTerminal, type Phase, type ReleaseState } from './state.ts'
import { step } from './step.ts'
import type { StageProgress } from './strategies/strategy.ts'
import { progressOf, type StageState } from './strategies/table.ts'
import type { TimelineEntry, VersionEntry } from './timeline.ts'

type Change = { logged: LoggedEvent; before: ReleaseState | undefined; after: ReleaseState; stateAfter: ControlState }

/** An entry before what every entry has is added. */
type Draft = Pick<TimelineEntry, 'kind' | 'text'>

/** The entries that one event adds, for every release that it changed. */
export function tell(before: ControlState, logged: LoggedEvent, after: ControlState): TimelineEntry[] {
  const entries: TimelineEntry[] = []
  for (const id of touchedBy(before, logged, after)) {
    const release = after.releases[id]
    if (release === undefined) continue
    const earlier = before.releases[id]
    const restarted = logged.event.type === 'server-started' && !isTerminal(release)
    if (earlier !== release || restarted)
      entries.push(...tellOne({ logged, before: earlier, after: release, stateAfter: after }))
  }
  return [...entries, ...tellWatched(before, logged, after)]
}

/**
 * The releases to be looked at, in the order in which they came. Over the years there are thousands, of which an event
 * changes one or none, so that looking at all of them would cost more than the event: only those that run or wait change.
 */
function touchedBy(before: ControlState, { event }: LoggedEvent, after: ControlState): readonly string[] {
  const isStart = event.type === 'server-started'
  if (before.releases === after.releases && !isStart) return []
  const named = 'release' in event ? [event.release] : []
  const open = new Set([...named, ...openReleases(before), ...openReleases(after)])
  const changed = [...open].filter(id => isStart || before.releases[id] !== after.releases[id])
  return changed.length > 1 ? Object.keys(after.releases).filter(id => open.has(id)) : changed
}

/** What becomes of a version after its release belongs to the story of that release. */
function tellWatched(before: ControlState, logged: LoggedEvent, stateAfter: ControlState): TimelineEntry[] {
  const news = newsOfWatched(before, logged, stateAfter)
  const after = news === null ? undefined : releaseBehind(stateAfter, news.endpoint)
  if (news === null || after === undefined) return []
  return [complete({ kind: 'monitored', text: news.text }, { logged, before: after, after, stateAfter })]
}

/** What becomes of a version that was declared, so that it belongs to no release's story; null where the event says nothing of one. */
export function tellDeclared(
  before: ControlState,
  logged: LoggedEvent,
  after: ControlState,
): { endpoint: string; entry: VersionEntry } | null {
  const news = newsOfWatched(before, logged, after)
  if (news === null || releaseBehind(after, news.endpoint) !== undefined) return null
  const { seq, atMs } = logged
  const told = { seq, atMs, release: null, kind: 'monitored', text: news.text } as const
  return { endpoint: news.endpoint, entry: { ...told, candidatePpm: null, judgement: null, exposure: null } }
}

/** A report, or a document that ends what the last report said: whoever heard of an alarm must not wait for its end for ever. */
function newsOfWatched(
  before: ControlState,
  { event }: LoggedEvent,
  after: ControlState,
): { endpoint: string; text: string } | null {
  if (before === after) return null
  if (event.type === 'monitored') return { endpoint: event.endpoint, text: tellMonitored(event) }
  if (event.type !== 'endpoint-applied') return null
  const endpoint = event.spec.name
  const [was, is] = [before, after].map(state => state.endpoints[endpoint]?.monitoring)
  if (was === undefined || was.status === 'ok' || is === was) return null
  const how = is === undefined ? 'no more' : 'anew: what is asked of it has changed'
  return { endpoint, text: `${endpoint}/${was.version} is watched ${how}` }
}

/** The whole story of one release, told from the log. */
export function tellAll(events: readonly LoggedEvent[], release: string): TimelineEntry[] {
  let state = emptyState
  const entries: TimelineEntry[] = []
  for (const logged of events) {
    const next = step(state, logged.event, logged.atMs).state
    entries.push(...tell(state, logged, next).filter(entry => entry.release === release))
    state = next
  }
  return entries
}

function tellOne(change: Change): TimelineEntry[] {
  const { logged, before, after, stateAfter } = change
  const drafts: Draft[] = []
  if (after.phase.kind === 'queued' && before === undefined)
    drafts.push({ kind: 'queued', text: queuedText(after, stateAfter) })
  else if (before === undefined || hasBegun(before, after)) drafts.push({ kind: 'started', text: startedText(after) })
  if (logged.event.type === 'server-started')
    drafts.push({ kind: 'server-started', text: 'a server came up and took the release over where it stood' })
  if (logged.event.type === 'operator' && logged.event.release === after.id)
    drafts.push({
      kind: 'operator',
      text: `${logged.event.verb}${logged.event.step === true ? ' by one step' : ''} by ${logged.event.actor}${logged.event.note === null ? '' : `: ${logged.event.note}`}`,
    })
  drafts.push(
    ...tellGap(before, after),
    ...tellRestart(before, change),
    ...tellPhase(before?.phase, change, whyOf(logged, after)),
    ...tellWayBack(before, after),
  )
  return drafts.map(draft => complete(draft, change))
}

/** How long nobody served, once somebody does again. */
function tellGap(before: ReleaseState | undefined, { gaps = [] }: ReleaseState): Draft[] {
  const gap = gaps.at(-1)
  const isOver = gap?.toMs != null && before?.gaps?.at(-1)?.toMs === null
  return isOver ? [{ kind: 'stage', text: `nobody served for ${(Number(gap.toMs) - gap.fromMs) / 1000} s` }] : []
}

/** How long nothing counted, once what has traffic is ready again, or is known not to come up. */
function tellRestart(
  before: ReleaseState | undefined,
  { after: { restarts = [], plan }, stateAfter }: Change,
): Draft[] {
  const restart = restarts.at(-1)
  if (restart?.toMs == null || before?.restarts?.at(-1)?.toMs !== null) return []
  const seconds = (restart.toMs - restart.fromMs) / 1000
  const { table, fleets = {} } = stateAfter.endpoints[plan.endpoint] ?? {}
  const down = Object.keys(table?.weights ?? {}).filter(version => fleets[version] === 'failed')
  const what = down.length === 0 ? 'all fleets came up' : `${down.map(publicName).join(', ')} did not come up`
  return [{ kind: 'stage', text: `${what} in ${seconds} s after the restart; nothing of that time counts` }]
}

function tellPhase(before: Phase | undefined, change: Change, why: string): Draft[] {
  const { after: release } = change
  const { phase, plan } = release
  const candidate = candidateOf(release)
  if (phase.kind === 'running') return tellRunning(before, release, why)
  if (phase.kind === 'starting') return tellStarting(before, release)
  if (phase.kind === 'returning' && phase.awaiting === 'stage') return tellReturning(before, release)
  if (before?.kind === phase.kind || phase.kind === 'queued') return []
  switch (phase.kind) {
    case 'promoting':
      return [
        {
          kind: 'promoting',
          text: `${candidate} takes all traffic${phase.awaitsFleet === true ? ' as soon as it is ready' : ''}${why}`,
        },
      ]
    case 'probation':
      return [
        {
          kind: 'promoted',
          text: `${candidate} is stable now${watchText(change, watchedMs(before, plan) / 1000)}`,
        },
      ]
    case 'promoted':
      return [
        {
          kind: 'promoted',
          text: promotedText(before, release),
        },
      ]
    case 'returning':
      return [rollingBack(plan.from, phase.reason)]
    case 'rolled-back':
      return [
        {
          kind: 'rolled-back',
          text: rolledBackText(before, plan.from, phase.reason),
        },
      ]
    default:
      return phase satisfies never
  }
}

function promotedText(before: Phase | undefined, release: ReleaseState): string {
  const candidate = candidateOf(release)
  if (before?.kind === 'queued') return `${candidate} is stable already: nothing is left to do`
  return before?.kind === 'probation' ? `probation ended; ${release.plan.from} is let go` : `${candidate} is stable now`
}

function rolledBackText(before: Phase | undefined, from: string, reason: string): string {
  if (before?.kind === 'queued') return `taken out of the queue: ${reason}`
  return before?.kind === 'starting' ? `back to ${from}: ${reason}` : `${from} serves everybody again`
}

function tellStarting(before: Phase | undefined, release: ReleaseState): Draft[] {
  const { phase } = release
  if (phase.kind !== 'starting') return []
  const was = before?.kind === 'starting' ? before : undefined
  if (phase.awaitsGate === true && was?.awaitsGate !== true)
    return [{ kind: 'hold', text: `${candidateOf(release)} is ready; waiting for the start to be confirmed` }]
  return phase.hold === undefined || was?.hold?.cause === phase.hold.cause
    ? []
    : [{ kind: 'hold', text: `holds: ${phase.hold.reason}` }]
}

/** A strategy that says nothing of its way back goes by weights. */
function tellWayBack(before: ReleaseState | undefined, release: ReleaseState): Draft[] {
  const { phase } = release
  if (phase.kind !== 'returning' || phase.awaiting !== 'stage' || saysOf(release, phase) !== null) return []
  if (release.epochs.length === (before?.epochs.length ?? 0)) return []
  return [{ kind: 'weight', text: `${candidateOf(release)} still gets ${percentOf(lastPpm(release))} of the traffic` }]
}

function rollingBack(from: string, reason: string): Draft {
  return { kind: 'rolling-back', text: `back to ${from}: ${reason}` }
}

/** A strategy that goes back in its own way says how far it is. */
function tellReturning(before: Phase | undefined, release: ReleaseState): Draft[] {
  const { phase, plan } = release
  if (phase.kind !== 'returning') return []
  const first = before?.kind === 'returning' ? [] : [rollingBack(plan.from, phase.reason)]
  const says = saysOf(release, phase)
  const said = before?.kind === 'returning' ? saysOf(release, before) : null
  return says === null || says === said ? first : [...first, { kind: 'stage', text: says }]
}

function saysOf(release: ReleaseState, phase: Extract<Phase, { kind: 'returning' }>): string | null {
  const { stageIndex, stage } = phase
  return stageIndex === undefined || stage === undefined ? null : standing(release, { stageIndex, stage }).says
}

/** What is watched, and what is left of the old version to go back to. */
function watchText({ after: { plan, members }, stateAfter }: Change, seconds: number): string {
  const time =
    members === undefined ? `for ${seconds} s` : `for ${seconds} s at least, until all of its group are promoted`
  const endpoint = stateAfter.endpoints[plan.endpoint]
  const kept = endpoint?.sizes?.[plan.from]
  if ((endpoint?.fleets[plan.from] ?? 'absent') === 'absent')
    return ` and watched ${time}; ${plan.from} has ended and would have to be started again`
  const warm = kept === undefined ? `${plan.from} stays warm` : `of ${plan.from} ${kept} stay warm`
  return `; ${warm} and watched ${time}`
}

function tellRunning(before: Phase | undefined, release: ReleaseState, why: string): Draft[] {
  const { phase } = release
  const candidate = candidateOf(release)
  if (phase.kind !== 'running') return []
  const drafts: Draft[] = []
  if (before?.kind === 'starting') drafts.push({ kind: 'ready', text: `${candidate} is ready` })
  const earlier = before?.kind === 'running' ? before : undefined
  const now = standing(release, phase)
  const was = earlier === undefined ? null : standing(release, earlier)
  const isNew = earlier?.stageIndex !== phase.stageIndex || was?.step !== now.step
  if (now.says !== null && (now.says !== was?.says || earlier?.stageIndex !== phase.stageIndex)) {
    drafts.push({ kind: 'stage', text: now.says })
  } else if (now.says === null && isNew) {
    drafts.push({
      kind: 'weight',
      text: `${candidate} gets ${percentOf(lastPpm(release))} of the traffic${earlier === undefined ? '' : why}`,
    })
  }
  if (phase.hold !== null && earlier?.hold?.cause !== phase.hold.cause)
    drafts.push({ kind: 'hold', text: `holds: ${phase.hold.reason}` })
  if (phase.hold === null && earlier?.hold !== null && earlier !== undefined)
    drafts.push({ kind: 'resumed', text: 'goes on' })
  if (phase.paused !== (earlier?.paused ?? false))
    drafts.push(phase.paused ? { kind: 'paused', text: 'paused' } : { kind: 'resumed', text: 'goes on' })
  return drafts
}

function standing(
  { plan }: ReleaseState,
  { stageIndex, stage }: { stageIndex: number; stage: StageState },
): StageProgress {
  const stagePlan = plan.stages[stageIndex]
  if (stagePlan === undefined) throw new Error(`stage ${stageIndex} does not exist`)
  return progressOf(stagePlan, stage)
}

function complete(draft: Draft, change: Change): TimelineEntry {
  const { logged, after, stateAfter } = change
  const judgement = judgementOf(logged, after)
  const endpoint = stateAfter.endpoints[after.plan.endpoint]
  const ended = draft.kind === 'rolling-back' || draft.kind === 'promoting'
  return {
    seq: logged.seq,
    atMs: logged.atMs,
    release: after.id,
    ...draft,
    candidatePpm: endpoint?.table.weights[candidateOf(after)] ?? 0,
    judgement,
    ...(logged.event.type === 'trial-ended' && { trial: logged.event.report }),
    exposure: ended ? exposureOf(after, judgement, logged.atMs) : null,
  }
}

function exposureOf(release: ReleaseState, judgement: Judgement | null, atMs: number): TimelineEntry['exposure'] {
  if (judgement === null) return null
  return {
    requests: judgement.exposedRequests,
    units: judgement.exposedUnits,
    durationMs: release.exposedFromMs === null ? 0 : (release.exposedToMs ?? atMs) - release.exposedFromMs,
  }
}

/** One event may move a release that it is not about, such as the next of a queue. */
function judgementOf({ event }: LoggedEvent, { id }: ReleaseState): Judgement | null {
  return event.type === 'judged' && event.release === id ? event.judgement : null
}

function whyOf(logged: LoggedEvent, release: ReleaseState): string {
  const judgement = judgementOf(logged, release)
  return judgement === null ? '' : `: ${judgement.reason}`
}

function startedText(release: ReleaseState): string {
  const { plan } = release
  const way = plan.stages.length === 0 ? 'at once' : `by ${plan.stages.map(stage => stage.kind).join(', ')}`
  const why = plan.reason === undefined ? '' : `: ${plan.reason}`
  return `release of ${plan.to} on ${plan.endpoint} (stable ${plan.from}) ${way}${why}`
}

/** Out of the queue and under way. */
function hasBegun(before: ReleaseState, { phase }: ReleaseState): boolean {
  const isOver = phase.kind === 'rolled-back' || phase.kind === 'promoted'
  return before.phase.kind === 'queued' && phase.kind !== 'queued' && !isOver
}

function queuedText({ plan }: ReleaseState, { endpoints }: ControlState): string {
  const { activeRelease } = endpoints[plan.endpoint] ?? {}
  const how = plan.onConflict === 'replace' ? 'takes the place of' : 'waits for the end of'
  return `release of ${plan.to} on ${plan.endpoint} ${how} ${activeRelease}`
}

/** As long as the stage asked for, if that is longer than the plan's probation. */
function watchedMs(before: Phase | undefined, { probationMs }: ReleaseState['plan']): number {
  return before?.kind === 'promoting' ? Math.max(probationMs, before.keepMs ?? 0) : probationMs
}

function lastPpm(release: ReleaseState): number {
  return release.epochs.at(-1)?.candidatePpm ?? 0
}

function percentOf(ppm: number): string {
  return `${ppm / 10_000} %`
}
