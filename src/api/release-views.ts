/** Domain to wire: releases, their judgements and their story. */

import type { WireJudgement, WirePairNumbers } from '../contract/wire/judgement.ts'
import type { WirePlan } from '../contract/wire/plan.ts'
import type {
  WireExplanation,
  WireRelease,
  WireReleaseSummary,
  WireTimelineEntry,
  WireTimelineLine,
} from '../contract/wire/release.ts'
import type { WireTrial } from '../contract/wire/trial.ts'
import type { ReleaseView } from '../controller/control-plane.ts'
import { assertNever } from '../core/errors.ts'
import type { Reading } from '../core/external-metric.ts'
import { freezeText } from '../core/freeze.ts'
import type {
  ArmJudgement,
  BanditNumbers,
  CheckResult,
  Judgement,
  PairNumbers,
  SideNumbers,
} from '../core/judge/judgement.ts'
import { releaseWait } from '../core/judge/wait.ts'
import type { GoalCheck, Measure, MetricCheck } from '../core/metric-check.ts'
import { formOf } from '../core/metrics/spec.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { scopeText } from '../core/scope.ts'
import type { AbTestPlan, StagePlan } from '../core/stage-plans.ts'
import { candidateOf, downtimeMs, type EndpointState, type Phase, type ReleaseState } from '../core/state.ts'
import { hypothesisText } from '../core/strategies/ab-test-words.ts'
import { progressOf, type StageState } from '../core/strategies/table.ts'
import type { TimelineEntry } from '../core/timeline.ts'
import type { TrialReport } from '../core/trial.ts'
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
    decisions: timeline.map(timelineEntryView),
    latest: latestView(latest),
  }
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

export function planView(plan: ReleasePlan): WirePlan {
  const { planVersion, onFail, probationMs, sampleRatioAlpha, readyTimeoutMs, drainMs } = plan
  return {
    planVersion,
    stages: plan.stages.map(stage => stagePlanView(stage, plan.from)),
    guardrails: plan.guardrails.map(checkPlanView),
    signals: plan.signals.map(checkPlanView),
    goals: (plan.goals ?? []).map(goalPlanView),
    minimumAgeMs: plan.minimumAgeMs ?? 0,
    coverageAlpha: plan.coverageAlpha ?? null,
    onFail,
    probationMs,
    sampleRatioAlpha,
    readyTimeoutMs,
    drainMs,
    labelWindowMs: plan.labelWindowMs ?? null,
    reason: plan.reason ?? null,
    gates: (plan.gates ?? []).map(({ before, url, timeoutMs, secret }) => ({
      before,
      url,
      timeoutMs,
      signed: secret !== null,
    })),
    group: plan.group === undefined ? null : { name: plan.group.name, endpoints: [...plan.group.endpoints] },
    match: (plan.match ?? []).map(scopeText),
    freeze: (plan.freeze ?? []).map(freezeText),
  }
}

function stagePlanView(stage: StagePlan, stable: string): WirePlan['stages'][number] {
  if (stage.kind === 'abTest') return abTestView(stage, stable)
  if (stage.kind === 'bandit') return { ...stage, arms: [...stage.arms] }
  if (stage.kind === 'canary') return { ...stage, steps: stage.steps.map(step => ({ ...step })) }
  return 'goal' in stage ? { ...stage, goal: stage.goal === null ? null : goalPlanView(stage.goal) } : { ...stage }
}

function abTestView(stage: AbTestPlan, stable: string): WirePlan['stages'][number] {
  return {
    ...stage,
    variants: [...stage.variants],
    goal: goalPlanView(stage.goal),
    hypothesis: stage.hypothesis ?? null,
    text: hypothesisText(stage, { stable, split: stage.splitPpm }),
  }
}

function checkPlanView({
  metric,
  measure,
  margin,
  alpha,
  minEvents,
  dryRun,
}: MetricCheck): WirePlan['guardrails'][number] {
  return {
    metric,
    margin,
    marginUnit: marginUnitOf(measure),
    alpha,
    minEvents,
    dryRun: dryRun === true,
    bound: boundView(measure),
  }
}

/** Of an external metric: what a reading is held against. */
function boundView(measure: Measure): WirePlan['guardrails'][number]['bound'] {
  if (measure.kind !== 'external') return null
  const { bound, failures, missing } = measure
  const value = bound.kind === 'margin' ? bound.margin : bound.bound
  return { kind: bound.kind, value, failures, missing }
}

function goalPlanView(check: GoalCheck): WirePlan['goals'][number] {
  const { goal } = check
  const minimumEffect = goal.kind === 'improve' ? goal.minimumEffect : null
  return { ...checkPlanView(check), kind: goal.kind, minimumEffect }
}

function marginUnitOf(measure: Measure): WirePlan['guardrails'][number]['marginUnit'] {
  switch (measure.kind) {
    case 'error-rate':
    case 'accuracy':
      return 'pp'
    case 'latency':
      return '%'
    case 'external':
      return measure.bound.kind === 'margin' && measure.bound.scale === 'relative' ? '%' : 'own'
    case 'metric':
    case 'declared':
      if (measure.scale === 'relative' || (measure.kind === 'metric' && measure.spec.type === 'quantile')) return '%'
      return measure.kind === 'metric' && formOf(measure.spec) === 'counts' ? 'pp' : 'own'
    default:
      return assertNever(measure)
  }
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

function timelineLine({ seq, atMs, kind, text, candidatePpm }: TimelineEntry): WireTimelineLine {
  return { seq, at: isoTime(atMs), kind, text, candidatePpm }
}

export function judgementView(judgement: Judgement): WireJudgement {
  const { stepRequests, exposedRequests, exposedUnits, arms } = judgement
  return {
    version: judgement.version ?? 1,
    ...lookView(judgement),
    ...(arms !== undefined && { arms: Object.fromEntries(Object.entries(arms).map(armView)) }),
    bandit: judgement.bandit === undefined ? null : banditView(judgement.bandit),
    stepRequests,
    exposedRequests,
    exposedUnits,
  }
}

function armView([version, arm]: [string, ArmJudgement]) {
  const { requests, pairs } = arm
  return [version, { ...lookView(arm), requests, ...(pairs !== undefined && { pairs: pairsView(pairs) }) }] as const
}

function pairsView({ failures, agreement, labelled, examples, ...counts }: PairNumbers): WirePairNumbers {
  return {
    ...counts,
    failures: { ...failures },
    agreement: { ...agreement },
    labelled: { ...labelled },
    examples: examples.map(example => ({ ...example })),
  }
}

function lookView({ verdict, reason, validity, checks, goal }: Omit<ArmJudgement, 'requests'>) {
  return {
    verdict,
    reason,
    validity: {
      verdict: validity.verdict,
      reason: validity.reason,
      logEvidence: finite(validity.logEvidence),
      observed: [...validity.observed],
      expected: [...validity.expected],
      coverage: validity.coverage ?? null,
    },
    checks: checks.map(checkView),
    goal: goal ?? noGoal,
  }
}

function banditView({ arms, weights, leader, evidence, ends }: BanditNumbers): WireJudgement['bandit'] {
  return {
    arms: arms.map(arm => ({ ...arm })),
    weightsPpm: { ...weights },
    leader,
    evidence: evidence === null ? null : { ...evidence },
    ends,
  }
}

const noGoal = { verdict: 'pass' as const, reason: '' }

function checkView(result: CheckResult): WireJudgement['checks'][number] {
  const { check, role, verdict, reason, harm, method, strata } = result
  return {
    metric: check.metric,
    role,
    verdict,
    reason,
    margin: check.margin,
    marginUnit: marginUnitOf(check.measure),
    alpha: check.alpha,
    minEvents: check.minEvents,
    candidate: sideView(result.candidate),
    stable: sideView(result.stable),
    harm: { estimate: finite(harm.estimate), lower: finite(harm.lower), upper: finite(harm.upper) },
    logEvidence: finite(result.logEvidence),
    logEvidenceBelow: finite(result.logEvidenceBelow ?? null),
    ...(result.posterior !== undefined && { posterior: result.posterior }),
    method,
    dryRun: check.dryRun === true,
    readings: result.readings === undefined ? null : readingsView(result.readings),
    strata: strata.map(({ epoch, candidate, stable }) => ({
      epoch,
      candidate: { ...candidate },
      stable: { ...stable },
    })),
  }
}

function readingsView({ candidate, stable }: NonNullable<CheckResult['readings']>) {
  const view = ({ atMs, value, detail }: Reading) => ({ at: isoTime(atMs), value: finite(value), detail })
  return { candidate: candidate.map(view), stable: stable.map(view) }
}

function sideView({ version, trials, events, value }: SideNumbers): WireJudgement['checks'][number]['candidate'] {
  return { version, trials, events: finite(events), value: finite(value) }
}

/** JSON has no infinity: an open end of an interval is null, as one without data is. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null
}
