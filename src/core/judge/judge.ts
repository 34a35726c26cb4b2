/**
 * One look at the evidence: a verdict per check and one of all together. Pure; valid however often it is called, since
 * every comparison behind it is a time-uniform one. Methods and formulas: `stats/`.
 */
import { controlOf } from '../control-fleet.ts'
import type { EpochEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import type { GoalCheck, MetricCheck } from '../metric-check.ts'
import { candidateOf, type ReleaseState } from '../state.ts'
import { judgeAbTest } from './ab-test.ts'
import { judgeBandit } from './bandit.ts'
import { asBeforeAfter, switchPair } from './blue-green.ts'
import { runCheck } from './checks.ts'
import { type Judgement, judgementVersion } from './judgement.ts'
import { goalOf, overall, plannedEpochs } from './overall.ts'
import { type Pair, pairUp, type Sides, weightedEpochs } from './pairs.ts'
import { judgeShadow, shadowOf } from './shadow.ts'
import { checkValidity } from './validity.ts'
import { sum } from './words.ts'

/** By what the running stage compares; between stages, and in probation, by the traffic that both versions had. */
export function judge(release: ReleaseState, evidence: readonly EpochEvidence[], readings: Readings = {}): Judgement {
  const { plan, epochs, phase } = release
  const stage = phase.kind === 'running' ? plan.stages[phase.stageIndex] : undefined
  if (phase.kind === 'running' && stage?.kind === 'abTest' && phase.stage.kind === 'abTest')
    return judgeAbTest(release, evidence, { plan: stage, state: phase.stage, stageIndex: phase.stageIndex, readings })
  const shadow = shadowOf(release)
  if (shadow !== null) return judgeShadow(release, shadow, { evidence, readings })
  if (phase.kind === 'running' && stage?.kind === 'bandit' && phase.stage.kind === 'bandit')
    return judgeBandit(release, evidence, {
      plan: stage,
      state: phase.stage,
      stageIndex: phase.stageIndex,
      readings,
      compare: judgeTraffic,
    })
  const contest = {
    readings,
    sides: { candidate: candidateOf(release), stable: comparedWith(release) },
    guardrails: plan.guardrails,
    signals: plan.signals,
    goals: plan.goals ?? [],
    // Also after the race: its epochs are evidence still.
    manyEpochs: plan.stages.some(stage => stage.kind === 'bandit'),
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
export function comparedWith({ plan, phase }: ReleaseState): string {
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
  /** Weights change all the time: counts of rates are put together by share. */
  manyEpochs?: boolean
}

export function judgeTraffic(
  release: ReleaseState,
  evidence: readonly EpochEvidence[],
  { sides, guardrails, signals, goals, readings = {}, stageIndex, pairs: given, manyEpochs = false }: Contest,
): Judgement {
  const { plan } = release
  const pairs = given ?? pairUp(weightedEpochs(release, stageIndex), evidence, sides)
  const context = { sides, pairs, epochsPlanned: plannedEpochs(plan), readings, manyEpochs }
  const checks = [
    ...guardrails.map(check => runCheck(check, 'guardrail', context)),
    ...signals.map(check => runCheck(check, 'signal', context)),
    ...goals.map(check => runCheck(check, 'goal', context)),
  ]
  const alphas = { sampleRatio: plan.sampleRatioAlpha, coverage: plan.coverageAlpha }
  const validity = checkValidity(sides, pairs, { ...alphas, manyEpochs })
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
