/**
 * One look at an A/B test: each variant against the control over the epochs of its stage alone, with one check of the split
 * for all versions at once. Guardrails and signals are judged as everywhere; the goal by the mode of the test, its alpha
 * shared by the variants.
 */
import type { EpochEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import { alphaOf, tunedForOf } from '../hypothesis.ts'
import type { GoalCheck } from '../metric-check.ts'
import type { AbTestPlan } from '../stage-plans.ts'
import { candidateOf, type ReleaseState } from '../state.ts'
import { type AbTestState, isPlannedEnd, liveOf, sizesOf } from '../strategies/ab-test-state.ts'
import { goalText } from '../strategies/ab-test-words.ts'
import { bayesMethods } from './bayes-methods.ts'
import { type CheckContext, runCheck } from './checks.ts'
import { fixedMethods } from './fixed-methods.ts'
import {
  type ArmJudgement,
  type CheckResult,
  isBreachedSignal,
  type Judgement,
  judgementVersion,
  type Validity,
} from './judgement.ts'
import { type Methods, sequentialFor } from './methods.ts'
import { goalOf, overall, plannedEpochs } from './overall.ts'
import { pairUp, type Sides, weightedEpochs } from './pairs.ts'
import { checkPair, checkSplit } from './validity.ts'
import { sum } from './words.ts'

type Stage = { plan: AbTestPlan; state: AbTestState; stageIndex: number; readings: Readings }

export function judgeAbTest(release: ReleaseState, evidence: readonly EpochEvidence[], stage: Stage): Judgement {
  const { plan, state } = stage
  const contexts = state.variants.map(variant => contextOf(release, evidence, { ...stage, variant }))
  const goals = judgeGoals(plan, state, contexts)
  const split = splitOf(release, evidence, stage)
  const arms = contexts.map((context, index) => armOf(release, { context, goal: goals[index], split }))
  const byVariant = Object.fromEntries(state.variants.map((variant, index) => [variant, arms[index]] as const))
  return summary(release, evidence, { state, arms: byVariant as Readonly<Record<string, ArmJudgement>> })
}

function contextOf(
  release: ReleaseState,
  evidence: readonly EpochEvidence[],
  { plan, stageIndex, readings, variant }: Stage & { variant: string },
): CheckContext {
  const sides = { candidate: variant, stable: release.plan.from }
  const pairs = pairUp(weightedEpochs(release, stageIndex), evidence, sides)
  return { sides, pairs, epochsPlanned: plannedEpochs(release.plan), readings, methods: methodsOf(plan, sides) }
}

function methodsOf(plan: AbTestPlan, sides: Sides): Methods {
  const { mode, threshold } = plan
  if (mode === 'sequential') return sequentialFor(tunedForOf(plan, sides))
  if (mode === 'fixed') return fixedMethods
  if (threshold === null) throw new Error('a Bayesian test has a threshold')
  return bayesMethods(threshold)
}

/** Over all versions that had traffic in the stage, the dropped ones too. */
function splitOf(release: ReleaseState, evidence: readonly EpochEvidence[], { state, stageIndex }: Stage): Validity {
  const byEpoch = new Map(evidence.map(one => [one.epoch, one.versions]))
  const epochs = weightedEpochs(release, stageIndex).map(({ epoch, weights }) => ({
    weights,
    evidence: byEpoch.get(epoch) ?? {},
  }))
  return checkSplit([release.plan.from, ...state.variants], epochs, release.plan.sampleRatioAlpha)
}

/** The goal of the test for each variant. */
function judgeGoals(plan: AbTestPlan, state: AbTestState, contexts: readonly CheckContext[]): CheckResult[] {
  const goals = correct(
    plan,
    contexts.map(context => asChange(runCheck({ ...plan.goal, alpha: alphaOf(plan) }, 'goal', context))),
  )
  if (plan.mode !== 'fixed') return goals
  const live = goals.filter(({ candidate }) => liveOf(state).includes(candidate.version))
  const isLook = state.shown === null && isPlannedEnd(plan, state, sizesOf(live.map(goal => ({ goal }))))
  return isLook ? goals : goals.map(goal => descriptive(plan, state, goal))
}

/** In the words of a test: what changed, not what harm was done. A goal that cannot be answered yet says what is missing. */
function asChange(goal: CheckResult): CheckResult {
  if (goal.verdict === 'pass') return { ...goal, reason: goalText(goal, 'shown') }
  if (goal.verdict === 'fail') return { ...goal, reason: goalText(goal, 'refuted') }
  return goal.harm.estimate === null || !hasEvents(goal) ? goal : { ...goal, reason: goalText(goal, 'not shown yet') }
}

/**
 * Holm's step-down over all variants that began: the k-th strongest is shown at alpha / (m - k) if all stronger ones are.
 * Evidence that is valid at all times stays so at every look, since the first true hypothesis to be rejected needs alpha
 * over the number of true ones. Limits stay those of alpha / m, which hold together.
 */
function correct(plan: AbTestPlan, goals: readonly CheckResult[]): CheckResult[] {
  if (plan.correction !== 'holm' || plan.mode === 'bayesian') return [...goals]
  const order = goals.toSorted((a, b) => (b.logEvidenceBelow ?? 0) - (a.logEvidenceBelow ?? 0))
  let shown = 0
  for (const goal of order) {
    const needed = Math.log((goals.length - shown) / plan.goal.alpha)
    if (goal.verdict === 'fail' || (goal.logEvidenceBelow ?? 0) < needed) break
    shown += 1
  }
  const winners = new Set(order.slice(0, shown))
  return goals.map(goal =>
    winners.has(goal) && goal.verdict === 'insufficient' && hasEvents(goal)
      ? { ...goal, verdict: 'pass', reason: goalText(goal, "shown by Holm's step-down") }
      : goal,
  )
}

function hasEvents({ check, candidate, stable }: CheckResult): boolean {
  return Math.min(candidate.trials, stable.trials) >= check.minEvents
}

/** A fixed test has one look: numbers before and after it show how things stand and decide nothing. */
function descriptive(plan: AbTestPlan, state: AbTestState, goal: CheckResult): CheckResult {
  const { version } = goal.candidate
  if (state.shown !== null) {
    const isShown = state.shown.includes(version)
    const follows = `decided at the planned look: ${isShown ? 'shown' : 'not shown'}; numbers since decide nothing`
    const reason = goalText(goal, follows)
    return { ...goal, verdict: isShown ? 'pass' : 'insufficient', reason }
  }
  const needed = plan.hypothesis?.needed?.[version]
  const when =
    needed === undefined
      ? 'at the end of its time'
      : `at ${needed} values (now ${goal.candidate.trials}) or at the end of its time`
  return { ...goal, verdict: 'insufficient', reason: goalText(goal, `descriptive, to be decided ${when}`) }
}

function armOf(
  { plan }: ReleaseState,
  { context, goal, split }: { context: CheckContext; goal: CheckResult | undefined; split: Validity },
): ArmJudgement {
  const { methods: _methods, ...watched } = context
  const guards = [
    ...plan.guardrails.map(check => runCheck(check, 'guardrail', watched)),
    ...plan.signals.map(check => runCheck(check, 'signal', watched)),
  ]
  const goals = [
    ...(goal === undefined ? [] : [goal]),
    ...(plan.goals ?? []).map(check => runCheck(shareOfAlpha(check, goal), 'goal', watched)),
  ]
  const alphas = { sampleRatio: plan.sampleRatioAlpha, coverage: plan.coverageAlpha }
  const validity =
    split.verdict === 'invalid' ? split : checkPair(context.sides, context.pairs, { alphas, numbers: split })
  return {
    ...overall(guards, validity),
    goal: goalsTogether(goals),
    validity,
    checks: [...goals, ...guards],
    requests: sum(context.pairs, pair => pair.candidate.requests),
  }
}

/** A goal of the release is corrected for the number of variants as much as that of the test. */
function shareOfAlpha(check: GoalCheck, goal: CheckResult | undefined): GoalCheck {
  const whole = goal !== undefined && 'goal' in goal.check ? goal.check.alpha : check.alpha
  return { ...check, alpha: Math.min(check.alpha, whole) }
}

/** One that is refuted decides; otherwise all must be shown. */
function goalsTogether(goals: readonly CheckResult[]): NonNullable<ArmJudgement['goal']> {
  const refuted = goals.find(({ verdict }) => verdict === 'fail')
  return refuted === undefined ? goalOf(goals) : { verdict: 'fail', reason: refuted.reason }
}

type Summed = { state: AbTestState; arms: Readonly<Record<string, ArmJudgement>> }

/** The numbers of the whole are those of the release's own candidate; it fails when no variant is left that does not. */
function summary(release: ReleaseState, evidence: readonly EpochEvidence[], { state, arms }: Summed): Judgement {
  const live = liveOf(state)
  const own = live.find(variant => variant === candidateOf(release)) ?? live[0] ?? ''
  const lead = arms[own]
  if (lead === undefined) throw new Error('an A/B test has at least one variant')
  const of = (text: (arm: ArmJudgement) => string) =>
    live.length === 1 ? text(lead) : live.map(variant => `${variant}: ${text(arms[variant] ?? lead)}`).join('; ')
  const all = live.map(variant => arms[variant] ?? lead)
  const met = state.variants.flatMap(candidate =>
    pairUp(weightedEpochs(release), evidence, { candidate, stable: release.plan.from }),
  )
  const latest = pairUp(weightedEpochs(release), evidence, { candidate: own, stable: release.plan.from }).at(-1)
  return {
    version: judgementVersion,
    verdict: verdictOf(all),
    reason: of(({ verdict, reason, goal }) => (verdict === 'pass' ? (goal?.reason ?? reason) : reason)),
    goal: { verdict: goalVerdictOf(all), reason: of(({ goal }) => goal?.reason ?? '') },
    validity: (all.find(({ validity }) => validity.verdict === 'invalid') ?? lead).validity,
    checks: isDropping(all)
      ? lead.checks.filter(check => !isBreachedSignal(check))
      : [...lead.checks, ...signalsOf(all.filter(arm => arm !== lead))],
    arms,
    stepRequests: latest?.candidate.requests ?? 0,
    exposedRequests: sum(met, pair => pair.candidate.requests),
    exposedUnits: sum(met, pair => pair.candidate.unitsMet),
  }
}

/** A variant that fails is dropped first; what else keeps the test from going on is called at the next look. */
function isDropping(arms: readonly ArmJudgement[]): boolean {
  return arms.some(({ verdict }) => verdict === 'fail')
}

function verdictOf(arms: readonly ArmJudgement[]): Judgement['verdict'] {
  if (arms.every(({ verdict }) => verdict === 'fail')) return 'fail'
  if (!isDropping(arms) && arms.some(({ verdict }) => verdict === 'invalid')) return 'invalid'
  return arms.some(({ verdict }) => verdict === 'pass') ? 'pass' : 'insufficient'
}

function goalVerdictOf(arms: readonly ArmJudgement[]): Judgement['verdict'] {
  if (arms.some(({ goal }) => goal?.verdict === 'pass')) return 'pass'
  return arms.every(({ goal }) => goal?.verdict === 'fail') ? 'fail' : 'insufficient'
}

/** A signal that another variant breaks holds the release as well. */
function signalsOf(arms: readonly ArmJudgement[]): CheckResult[] {
  return arms.flatMap(({ checks }) => checks.filter(isBreachedSignal))
}
