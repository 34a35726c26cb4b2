/**
 * What another policy would have said of a release that is over, looked at as its evidence came in. Evidence is of the
 * weights that were in force: it answers for another policy up to the moment at which that one would have done something
 * else, and says no more after it.
 */
import type { EpochEvidence } from '../evidence.ts'
import { judge } from '../judge/judge.ts'
import type { CheckResult, Judgement, Verdict } from '../judge/judgement.ts'
import type { ReleasePlan } from '../plan.ts'
import type { StagePlan } from '../stage-plans.ts'
import type { ReleaseState } from '../state.ts'
import type { Standing } from './history.ts'

export type CheckCourse = {
  metric: string
  role: CheckResult['role']
  margin: number
  alpha: number
  firstPassMs: number | null
  firstFailMs: number | null
  /** As of the last look. */
  verdict: Verdict
  reason: string
}

/** A period of constant weights as it was recorded, and what the policy says of it. */
export type PeriodCourse = {
  epoch: number
  stageIndex: number
  candidatePpm: number
  sinceMs: number
  /** Null: to the end of the release. */
  untilMs: number | null
  looks: number
  firstPassMs: number | null
  firstFailMs: number | null
  /** Of a canary's step: when the policy would have ended it; null where it would not have by the recorded end. */
  couldEndMs: number | null
  verdict: Verdict | null
  reason: string
  /** Of the first look that failed. */
  failure: string
}

/** A release that is over. `decidedMs`: when it began to go back, or to be promoted. */
export type End = Standing & { decidedMs: number }

export type VerdictChange = { atMs: number; verdict: Verdict; reason: string }

export type Course = {
  checks: readonly CheckCourse[]
  periods: readonly PeriodCourse[]
  changes: readonly VerdictChange[]
  looks: number
  decision: Decision
}

/**
 * `rolls-back`, `holds`: at the first breach. `moves-earlier`, `waits-longer`, `goes-on` (where the recorded release went
 * back): it leaves the recorded course there, and what follows is not known. `as-recorded`: it would have done what was
 * done, to the end.
 */
export type Decision = {
  kind: 'rolls-back' | 'holds' | 'moves-earlier' | 'waits-longer' | 'goes-on' | 'as-recorded'
  atMs: number | null
  reason: string
}

/** Changes of the verdict that are told; a course with more is cut. */
const changesMax = 200

export class CourseBook {
  readonly #plan: ReleasePlan
  readonly #checks = new Map<string, CheckCourse>()
  readonly #periods = new Map<number, PeriodCourse>()
  readonly #changes: VerdictChange[] = []
  #looks = 0

  constructor(plan: ReleasePlan) {
    this.#plan = plan
  }

  /** The release as it stood, with the evidence as it was by then. */
  look({ atMs, release }: Standing, evidence: readonly EpochEvidence[]): void {
    const { phase } = release
    if (phase.kind !== 'running' && phase.kind !== 'probation') return
    const judgement = judge({ ...release, plan: this.#plan }, evidence)
    this.#looks += 1
    for (const result of judgement.checks) this.#noteCheck(result, atMs)
    this.#noteVerdict(judgement, atMs)
    const period = this.#periodOf(release)
    if (period !== null) this.#notePeriod(period, judgement, { atMs, release })
  }

  /** `end`: how the release ended in truth, and when that was decided. */
  read(end: End): Course {
    const periods = [...this.#periods.values()].map(period => ({
      ...period,
      untilMs: end.release.epochs.find(({ epoch }) => epoch > period.epoch)?.sinceMs ?? null,
    }))
    return {
      checks: [...this.#checks.values()],
      periods,
      changes: this.#changes,
      looks: this.#looks,
      decision: decisionOf(this.#plan, periods, end),
    }
  }

  #noteCheck({ check, role, verdict, reason, candidate }: CheckResult, atMs: number): void {
    const key = `${role} ${check.metric} ${candidate.version}`
    const known = this.#checks.get(key)
    this.#checks.set(key, {
      metric: check.metric,
      role,
      margin: check.margin,
      alpha: check.alpha,
      firstPassMs: known?.firstPassMs ?? (verdict === 'pass' ? atMs : null),
      firstFailMs: known?.firstFailMs ?? (verdict === 'fail' ? atMs : null),
      verdict,
      reason,
    })
  }

  #noteVerdict({ verdict, reason }: Judgement, atMs: number): void {
    if (this.#changes.at(-1)?.verdict === verdict || this.#changes.length >= changesMax) return
    this.#changes.push({ atMs, verdict, reason })
  }

  #periodOf(release: ReleaseState): PeriodCourse | null {
    const noted = release.epochs.at(-1)
    if (noted === undefined) return null
    const { epoch, stageIndex = 0, candidatePpm, sinceMs } = noted
    const known = this.#periods.get(epoch)
    if (known !== undefined) return known
    const made: PeriodCourse = {
      ...{ epoch, stageIndex, candidatePpm, sinceMs, untilMs: null, looks: 0 },
      ...{ firstPassMs: null, firstFailMs: null, couldEndMs: null, verdict: null, reason: '', failure: '' },
    }
    this.#periods.set(epoch, made)
    return made
  }

  #notePeriod(period: PeriodCourse, judgement: Judgement, { atMs, release }: Standing): void {
    const { verdict, reason } = judgement
    period.looks += 1
    period.verdict = verdict
    period.reason = reason
    if (verdict === 'pass') period.firstPassMs ??= atMs
    if (verdict === 'fail' && period.firstFailMs === null) Object.assign(period, { firstFailMs: atMs, failure: reason })
    if (mayEnd(this.#plan, judgement, { atMs, release }, period.sinceMs)) period.couldEndMs ??= atMs
  }
}

/** Whether a canary of this plan would end the step that the release is in. */
function mayEnd(plan: ReleasePlan, judgement: Judgement, { atMs, release }: Standing, sinceMs: number): boolean {
  const { phase } = release
  if (phase.kind !== 'running' || phase.stage.kind !== 'canary') return false
  const stage = plan.stages[phase.stageIndex]
  if (stage?.kind !== 'canary' || judgement.verdict !== 'pass') return false
  const step = stage.steps[phase.stage.stepIndex]
  const isLast = phase.stage.stepIndex === stage.steps.length - 1 && phase.stageIndex === plan.stages.length - 1
  const isShown = !isLast || (judgement.goal?.verdict ?? 'pass') === 'pass'
  const isOldEnough = atMs - sinceMs >= (step?.floorMs ?? 0)
  return isShown && isOldEnough && judgement.stepRequests >= stage.minRequests
}

/** An end within this share of the period's length, or this time, of the recorded one is the same: looks are not at every tick. */
const sameShare = 0.1
const sameMs = 2_000

/** The first thing that differs from what was recorded, in the order of time. */
function decisionOf(plan: ReleasePlan, periods: readonly PeriodCourse[], end: End): Decision {
  for (const period of periods) {
    const failed = period.firstFailMs
    const early = isEarly(period, end) ? period.couldEndMs : null
    if (failed !== null && (early === null || failed <= early)) return breach(plan, failed, period, end)
    if (early !== null)
      return { kind: 'moves-earlier', atMs: early, reason: `step at ${share(period)}: every check had passed by then` }
    const isStep = plan.stages[period.stageIndex]?.kind === 'canary'
    if (isStep && period.untilMs !== null && period.couldEndMs === null && endedForward(period, end))
      return { kind: 'waits-longer', atMs: period.untilMs, reason: `step at ${share(period)}: ${period.reason}` }
  }
  if (wentBackByBreach(end))
    return { kind: 'goes-on', atMs: end.decidedMs, reason: 'no check had failed when the recorded release went back' }
  return { kind: 'as-recorded', atMs: null, reason: 'nothing that was recorded would have been decided otherwise' }
}

function breach(plan: ReleasePlan, atMs: number, { failure }: PeriodCourse, end: End): Decision {
  const withinMs = Math.max(sameMs, (end.decidedMs - end.release.startedAtMs) * sameShare)
  if (wentBackByBreach(end) && Math.abs(atMs - end.decidedMs) <= withinMs)
    return { kind: 'as-recorded', atMs, reason: failure }
  return { kind: plan.onFail === 'hold' ? 'holds' : 'rolls-back', atMs, reason: failure }
}

function wentBackByBreach({ release: { phase } }: End): boolean {
  return phase.kind === 'rolled-back' && phase.cause === 'guardrail'
}

function isEarly({ couldEndMs, untilMs, sinceMs }: PeriodCourse, { decidedMs }: End): boolean {
  if (couldEndMs === null) return false
  const until = untilMs ?? decidedMs
  return until - couldEndMs > Math.max(sameMs, (until - sinceMs) * sameShare)
}

/** The recorded release went on from here, instead of going back. */
function endedForward({ untilMs, candidatePpm }: PeriodCourse, { release }: End): boolean {
  const next = release.epochs.find(({ sinceMs }) => sinceMs === untilMs)
  return next !== undefined && next.candidatePpm > candidatePpm
}

function share({ candidatePpm }: PeriodCourse): string {
  return `${candidatePpm / 10_000} %`
}

/** Why recorded evidence cannot tell of another plan, as sentences; empty where only thresholds differ. */
export function unknownOf(recorded: ReleasePlan, other: ReleasePlan): string[] {
  const kinds = (plan: ReleasePlan) => plan.stages.map(({ kind }) => kind).join(', ')
  if (kinds(recorded) !== kinds(other))
    return [
      `its stages (${kinds(other)}) are others than the recorded ones (${kinds(recorded)}): its checks are judged on the recorded weights, and what its own would have brought is not known`,
    ]
  return other.stages.flatMap((stage, index) => {
    const was = recorded.stages[index]
    return was === undefined || sameWeights(stage, was)
      ? []
      : [`stage ${index + 1} would have had other weights: its checks are judged on the recorded ones`]
  })
}

function sameWeights(a: StagePlan, b: StagePlan): boolean {
  if (a.kind === 'canary' && b.kind === 'canary')
    return a.steps.map(({ weightPpm }) => weightPpm).join() === b.steps.map(({ weightPpm }) => weightPpm).join()
  if (a.kind === 'abTest' && b.kind === 'abTest') return JSON.stringify(a.splitPpm) === JSON.stringify(b.splitPpm)
  // Its weights follow its rewards by rules that differ.
  if (a.kind === 'bandit' && b.kind === 'bandit')
    return JSON.stringify({ ...a, stop: null }) === JSON.stringify({ ...b, stop: null })
  return true
}
