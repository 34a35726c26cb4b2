/**
 * One look at the evidence: a verdict per check and one of all together. Pure; valid however often it is called, since
 * every comparison behind it is a time-uniform one. Methods and formulas: `stats/`.
 */
import { controlOf } from '../control-fleet.ts'
import type { EpochEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import type { ReleasePlan } from '../plan.ts'
import type { StagePlan } from '../stage-plans.ts'
import { candidateOf, type ReleaseState } from '../state.ts'
import { asBeforeAfter, switchPair } from './blue-green.ts'
import { runCheck } from './checks.ts'
import { type CheckResult, type Judgement, judgementVersion, type Validity, type Verdict } from './judgement.ts'
import { type Pair, pairUp, type Sides } from './pairs.ts'
import { checkValidity } from './validity.ts'
import { sum } from './words.ts'

/** By what the running stage compares; between stages, and in probation, by the traffic that both versions had. */
export function judge(release: ReleaseState, evidence: readonly EpochEvidence[], readings: Readings = {}): Judgement {
  const { plan, epochs } = release
  const contest = {
    readings,
    sides: { candidate: candidateOf(release), stable: comparedWith(release) },
    guardrails: plan.guardrails,
    signals: plan.signals,
    goals: plan.goals ?? [],
  }
  const stageIndex = judgedStage(release)
  if (plan.stages[stageIndex ?? -1]?.kind === 'blueGreen') {
    const own = epochs.filter(one => (one.stageIndex ?? 0) === stageIndex)
    const pair = switchPair(own, evidence, contest.sides)
    if (pair !== null) return asBeforeAfter(judgeTraffic(release, evidence, { ...contest, pairs: [pair] }))
  }
  return judgeTraffic(release, evidence, contest)
}

/** The stage that runs, or in probation the one that promoted; null before the first. */
function judgedStage({ phase, plan }: ReleaseState): number | null {
  if (phase.kind === 'running') return phase.stageIndex
  return phase.kind === 'probation' ? plan.stages.length - 1 : null
}

/** A canary may have a control of its own; what it was judged by, it is judged by in probation too. */
function comparedWith({ plan, phase }: ReleaseState): string {
  const stage = phase.kind === 'running' ? plan.stages[phase.stageIndex] : plan.stages.at(-1)
  return stage?.kind === 'canary' && stage.control !== undefined ? controlOf(plan.from) : plan.from
}

/** What two versions that serve at the same time are compared by. */
export type Contest = {
  sides: Sides
  guardrails: readonly MetricCheck[]
  signals: readonly MetricCheck[]
  goals: readonly GoalCheck[]
  /** Of external metrics; none where they are left out. */
  readings?: Readings
  /** Epochs of this stage alone; of the whole release if it is left out. */
  stageIndex?: number
  /** What is compared, if that is not both versions in every epoch. */
  pairs?: readonly Pair[]
}

export function judgeTraffic(
  { plan, epochs }: ReleaseState,
  evidence: readonly EpochEvidence[],
  { sides, guardrails, signals, goals, readings = {}, stageIndex, pairs: given }: Contest,
): Judgement {
  const compared = epochs.filter(one => stageIndex === undefined || (one.stageIndex ?? 0) === stageIndex)
  const pairs = given ?? pairUp(compared, evidence, sides)
  const context = { sides, pairs, epochsPlanned: plannedEpochs(plan), readings }
  const checks = [
    ...guardrails.map(check => runCheck(check, 'guardrail', context)),
    ...signals.map(check => runCheck(check, 'signal', context)),
    ...goals.map(check => runCheck(check, 'goal', context)),
  ]
  const alphas = { sampleRatio: plan.sampleRatioAlpha, coverage: plan.coverageAlpha }
  const validity = checkValidity(sides, pairs, alphas)
  return {
    version: judgementVersion,
    ...overall(checks, validity),
    goal: goalOf(checks),
    validity,
    checks,
    stepRequests: pairs.at(-1)?.candidate.requests ?? 0,
    exposedRequests: sum(pairs, pair => pair.candidate.requests),
    exposedUnits: sum(pairs, pair => pair.candidate.unitsMet),
  }
}

/** How many epochs the plan can have: a check that starts anew in each splits its alpha over them. */
function plannedEpochs({ stages }: ReleasePlan): number {
  return sum(stages, epochsOf)
}

function epochsOf(stage: StagePlan): number {
  if (stage.kind === 'canary') return stage.steps.length
  return stage.kind === 'rolling' ? (stage.epochs ?? 1) : 1
}

function overall(checks: readonly CheckResult[], validity: Validity): { verdict: Verdict; reason: string } {
  const acting = checks.filter(({ check }) => check.dryRun !== true)
  const guardrails = acting.filter(check => check.role === 'guardrail')
  // A goal that is refuted is as good a reason to go back as a guardrail that is crossed.
  const failed = acting.find(check => check.verdict === 'fail' && check.role !== 'signal')
  // A guardrail that fails because the control is broken too says nothing about the candidate.
  if (validity.verdict === 'invalid') return { verdict: 'invalid', reason: validity.reason }
  if (failed !== undefined) return { verdict: 'fail', reason: failed.reason }
  const open = guardrails.find(check => check.verdict === 'insufficient')
  if (open !== undefined) return { verdict: 'insufficient', reason: open.reason }
  return { verdict: 'pass', reason: guardrails.map(check => check.reason).join('; ') }
}

/** Whether what the release is for has been shown: what a promotion needs beyond the guardrails. */
function goalOf(checks: readonly CheckResult[]): { verdict: Verdict; reason: string } {
  const goals = checks.filter(check => check.role === 'goal')
  const open = goals.find(check => check.verdict !== 'pass')
  if (open !== undefined) return { verdict: open.verdict, reason: open.reason }
  return { verdict: 'pass', reason: goals.map(check => check.reason).join('; ') }
}
