/** Domain to wire: releases, their judgements and their story. */
import type {
  WireExplanation,
  WireRelease,
  WireReleaseSummary,
  WireTimelineEntry,
  WireTimelineLine,
} from '../contract/wire/release.ts'
import type { WireTrial } from '../contract/wire/trial.ts'
import type { ReleaseView } from '../controller/control-plane.ts'
import { releaseWait } from '../core/judge/wait.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { candidateOf, downtimeMs, type EndpointState, type Phase, type ReleaseState } from '../core/state.ts'
import { progressOf, type StageState } from '../core/strategies/table.ts'
import type { TimelineEntry } from '../core/timeline.ts'
import type { TrialReport } from '../core/trial.ts'
import { finite, judgementView } from './judgement-view.ts'
import { planView } from './plan-view.ts'
import { isoTime } from './views.ts'

export function releaseSummary(release: ReleaseState, endpoint: EndpointState | undefined): WireReleaseSummary {
  const { id, plan, phase, actor } = release
  return {
    id,
    endpoint: plan.endpoint,
    from: plan.from,
    to: candidateOf(release),
    state: stateOf(phase),
    phase: phase.kind,
    candidatePpm: candidatePpm(release, endpoint),
    stage: phase.kind === 'running' ? stageView(phase.stage, phase.stageIndex, plan) : null,
    waitsFor: phase.kind === 'queued' ? (endpoint?.activeRelease ?? null) : null,
    hold: holdOf(phase),
    returned: 'cause' in phase ? { cause: phase.cause, reason: phase.reason } : null,
    probationUntil: phase.kind === 'probation' ? isoTime(phase.untilMs) : null,
    downtimeMs: closedDowntimeMs(release),
    actor,
    startedAt: isoTime(release.startedAtMs),
    endedAt: 'atMs' in phase ? isoTime(phase.atMs) : null,
  }
}

export function releaseView(
  { release, latest }: ReleaseView,
  endpoint: EndpointState | undefined,
  timeline: readonly TimelineEntry[],
): WireRelease {
  const summary = releaseSummary(release, endpoint)
  return {
    ...summary,
    weightsPpm: weightsOf(release, endpoint, summary.candidatePpm),
    plan: planView(release.plan),
    epochs: release.epochs.map(({ epoch, candidatePpm, sinceMs }) => ({
      epoch,
      candidatePpm,
      since: isoTime(sinceMs),
    })),
    exposed: { from: isoOrNull(release.exposedFromMs), to: isoOrNull(release.exposedToMs) },
    gaps: (release.gaps ?? []).map(({ fromMs, toMs }) => ({ from: isoTime(fromMs), to: isoOrNull(toMs) })),
    latest: latestView(latest),
    wait: waitView(release, latest),
    timeline: timeline.map(timelineLine),
  }
}

export function explanation(
  { release, latest }: ReleaseView,
  endpoint: EndpointState | undefined,
  timeline: readonly TimelineEntry[],
): WireExplanation {
  return {
    release: releaseSummary(release, endpoint),
    plan: planView(release.plan),
    reached: reachedStage(release),
    decisions: timeline.map(timelineEntryView),
    latest: latestView(latest),
  }
}

/** Periods of weights are kept after the end; a stage that has just begun has none yet. */
function reachedStage({ epochs, phase }: ReleaseState): number | null {
  const begun = epochs.map(({ stageIndex = 0 }) => stageIndex)
  if (phase.kind === 'running') begun.push(phase.stageIndex)
  return begun.length === 0 ? null : Math.max(...begun)
}

function stateOf(phase: Phase): WireReleaseSummary['state'] {
  if (phase.kind === 'promoted' || phase.kind === 'rolled-back' || phase.kind === 'queued') return phase.kind
  if (phase.kind === 'starting') return phase.hold === undefined ? 'active' : 'holding'
  if (phase.kind !== 'running') return 'active'
  if (phase.paused) return 'paused'
  return phase.hold === null ? 'active' : 'holding'
}

/** While a release runs the table knows; afterwards the way it ended does. */
function candidatePpm(release: ReleaseState, endpoint: EndpointState | undefined): number {
  if (release.phase.kind === 'rolled-back') return 0
  if (release.phase.kind === 'promoted') return 1_000_000
  if (endpoint?.activeRelease !== release.id) return 0
  return endpoint.table.weights[candidateOf(release)] ?? 0
}

/** Every version's own while the release runs; afterwards one of two has everything. */
function weightsOf({ id, plan, candidate }: ReleaseState, endpoint: EndpointState | undefined, candidatePpm: number) {
  const both = { [plan.from]: 1_000_000 - candidatePpm, [candidate ?? plan.to]: candidatePpm }
  return endpoint?.activeRelease === id ? { ...both, ...endpoint.table.weights } : both
}

function stageView(stage: StageState, index: number, plan: ReleasePlan): WireReleaseSummary['stage'] {
  const stagePlan = plan.stages[index]
  if (stagePlan === undefined) throw new Error(`stage ${index} does not exist`)
  const { step, steps } = progressOf(stagePlan, stage)
  return { index, count: plan.stages.length, kind: stage.kind, step, steps }
}

function holdOf(phase: Phase): WireReleaseSummary['hold'] {
  const hold = phase.kind === 'running' || phase.kind === 'starting' ? (phase.hold ?? null) : null
  if (hold === null) return null
  const { sinceMs, cause, reason } = hold
  return { since: isoTime(sinceMs), cause, reason }
}

function closedDowntimeMs(release: ReleaseState): number | null {
  const last = release.gaps?.at(-1)
  return last === undefined || last.toMs === null ? null : downtimeMs(release, last.toMs)
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : isoTime(atMs)
}

function latestView(latest: ReleaseView['latest']): WireRelease['latest'] {
  return latest === null ? null : { at: isoTime(latest.atMs), judgement: judgementView(latest.judgement) }
}

function waitView(release: ReleaseState, latest: ReleaseView['latest']): WireRelease['wait'] {
  const found = latest === null ? null : releaseWait(release, latest)
  if (found === null) return null
  const { requests, requestsPerMinute, waitMs } = found.wait
  return { requests: finite(requests), requestsPerMinute, waitMs, says: found.says }
}

export function timelineEntryView(entry: TimelineEntry): WireTimelineEntry {
  const { seq, release, kind, text, candidatePpm, exposure } = entry
  return {
    seq,
    at: isoTime(entry.atMs),
    release,
    kind,
    text,
    candidatePpm,
    judgement: entry.judgement === null ? null : judgementView(entry.judgement),
    trial: entry.trial === undefined ? null : trialView(entry.trial),
    exposure: exposure === null ? null : { ...exposure },
  }
}

function trialView({ latencyMs, examples, ...report }: TrialReport): WireTrial {
  return { ...report, latencyMs: latencyMs ?? null, examples: examples.map(example => ({ ...example })) }
}

function timelineLine({ seq, atMs, kind, text, candidatePpm, exposure }: TimelineEntry): WireTimelineLine {
  return { seq, at: isoTime(atMs), kind, text, candidatePpm, exposure }
}
