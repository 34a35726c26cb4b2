/**
 * One look at challengers that answer copies: each is judged against the champion on pairs, what both did with the same
 * requests. What pairs cannot tell is told as such and decides nothing here.
 */

import { bernoulliSequence } from '../../stats/sequential/bernoulli-sequence.ts'
import { proportionSequence } from '../../stats/sequential/proportion-sequence.ts'
import type { EpochEvidence, PairEvidence } from '../evidence.ts'
import type { Readings } from '../external-metric.ts'
import type { GoalCheck } from '../metric-check.ts'
import type { ShadowPlan } from '../stage-plans.ts'
import { candidateOf, type ReleaseState } from '../state.ts'
import { runningChallengers, type ShadowState } from '../strategies/shadow-state.ts'
import { isHarmful } from './harmful.ts'
import type { ArmJudgement, CheckResult, Judgement, PairNumbers, Validity, Verdict } from './judgement.ts'
import { judgementVersion } from './judgement.ts'
import { goalOf } from './overall.ts'
import { runPairCheck, unjudgedReason } from './pair-checks.ts'
import { pairsOf, replayedPairs } from './pair-evidence.ts'
import { percent } from './words.ts'

/** The stage whose pairs are looked at. */
export type Shadow = {
  plan: ShadowPlan
  stageIndex: number
  challengers: readonly string[]
  /** Null once the stage is over. */
  state: ShadowState | null
}

/** The running stage, or in probation the one that promoted: labels of its pairs still come. */
export function shadowOf(release: ReleaseState): Shadow | null {
  const { phase, plan } = release
  if (phase.kind === 'probation') {
    const stageIndex = plan.stages.length - 1
    const last = plan.stages[stageIndex]
    if (last?.kind !== 'shadow' || last.mode === 'replay') return null
    return { plan: last, stageIndex, challengers: [candidateOf(release)], state: null }
  }
  if (phase.kind !== 'running' || phase.stage.kind !== 'shadow') return null
  const stage = plan.stages[phase.stageIndex]
  if (stage?.kind !== 'shadow') return null
  return { plan: stage, stageIndex: phase.stageIndex, challengers: runningChallengers(phase.stage), state: phase.stage }
}

export function judgeShadow(
  release: ReleaseState,
  shadow: Shadow,
  { evidence, readings }: { evidence: readonly EpochEvidence[]; readings: Readings },
): Judgement {
  const epochs = release.epochs.filter(one => (one.stageIndex ?? 0) === shadow.stageIndex).map(one => one.epoch)
  const seen = evidence.filter(one => epochs.includes(one.epoch))
  const arms = Object.fromEntries(
    shadow.challengers.map(challenger => [
      challenger,
      judgeArm(release, shadow, { challenger, evidence: seen, epoch: epochs[0] ?? 0, readings }),
    ]),
  )
  return wholeOf(release, shadow, arms)
}

/** The numbers of the whole are those of the release's own candidate, or of the first that is left. */
function wholeOf(release: ReleaseState, { state }: Shadow, arms: Readonly<Record<string, ArmJudgement>>): Judgement {
  const all = Object.entries(arms)
  const own = candidateOf(release)
  const leading = arms[own] ?? all[0]?.[1]
  if (leading === undefined) throw new Error(`release ${release.id} has no challenger left`)
  const { goal, validity, checks, requests } = leading
  return {
    version: judgementVersion,
    ...overall(all, leading, state === null),
    ...(goal !== undefined && { goal }),
    validity,
    // Of several challengers a signal holds back the one that it is of, not the stage.
    checks: all.length === 1 ? checks : checks.filter(({ role }) => role !== 'signal'),
    arms,
    stepRequests: requests,
    // Nobody but the champion has met a caller.
    exposedRequests: 0,
    exposedUnits: 0,
  }
}

/**
 * The whole fails where every challenger is proven harmful. Short of that the stage itself drops those that fail, also
 * where none is left but all that is shown is that a goal was missed.
 */
function overall(
  arms: readonly (readonly [string, ArmJudgement])[],
  leading: ArmJudgement,
  isOver: boolean,
): { verdict: Verdict; reason: string } {
  const { verdict, reason } = leading
  if (verdict !== 'fail') return { verdict, reason }
  const areHarmful = arms.every(([, arm]) => arm.verdict === 'fail' && (isOver || isHarmful(arm)))
  if (!areHarmful) return { verdict: 'insufficient', reason }
  return {
    verdict,
    reason: arms.length === 1 ? reason : arms.map(([name, arm]) => `${name}: ${arm.reason}`).join('; '),
  }
}

function judgeArm(
  { plan: release }: ReleaseState,
  { plan, stageIndex, state }: Shadow,
  at: { challenger: string; evidence: readonly EpochEvidence[]; epoch: number; readings: Readings },
): ArmJudgement {
  const { challenger, epoch, readings } = at
  const isReplay = plan.mode === 'replay'
  const pairs =
    isReplay && state !== null ? replayedPairs(state, challenger) : pairsOf(at.evidence, challenger, plan.examples)
  const context = { sides: { candidate: challenger, stable: release.from }, epoch, pairs, isReplay, readings }
  const isLast = stageIndex === release.stages.length - 1
  const checks = [
    ...release.guardrails.map(check => runPairCheck(check, 'guardrail', context)),
    ...release.signals.map(check => runPairCheck(check, 'signal', context)),
    ...goalsOf(plan, isLast ? (release.goals ?? []) : []).map(check => runPairCheck(check, 'goal', context)),
  ]
  // A later stage judges what this one cannot; where there is none, nothing passes unjudged.
  const deciding = isLast ? checks : checks.filter(({ check }) => unjudgedReason(check.measure, plan.mode) === null)
  const agreement = agreementOf(plan, pairs)
  const validity = validityOf(release.from, pairs)
  const { latencyMs: _latencyMs, metrics: _metrics, ...numbers } = pairs
  return {
    ...armVerdict(deciding, { agreement, validity }),
    goal: goalOf(deciding),
    validity,
    checks,
    requests: pairs.pairs,
    pairs: { ...numbers, agreement },
  }
}

/** One chance of a false pass for all challengers together. */
function goalsOf({ goal, challengers }: ShadowPlan, goals: readonly GoalCheck[]): GoalCheck[] {
  const all = goal === null ? goals : [goal, ...goals.filter(({ metric }) => metric !== goal.metric)]
  return all.map(one => ({ ...one, alpha: one.alpha / challengers.length }))
}

/** As in `judge`, with the agreement beside the guardrails and a signal that holds the challenger back. */
function armVerdict(
  checks: readonly CheckResult[],
  { agreement, validity }: { agreement: PairNumbers['agreement']; validity: Validity },
): { verdict: Verdict; reason: string } {
  const acting = checks.filter(({ check }) => check.dryRun !== true)
  if (validity.verdict === 'invalid') return { verdict: 'invalid', reason: validity.reason }
  const failed = acting.find(({ role, verdict }) => verdict === 'fail' && role !== 'signal')
  if (failed !== undefined) return { verdict: 'fail', reason: failed.reason }
  if (agreement.verdict !== 'pass') return { verdict: agreement.verdict, reason: agreement.reason }
  const open =
    acting.find(({ role, verdict }) => role === 'guardrail' && verdict === 'insufficient') ??
    acting.find(({ role, verdict }) => role === 'signal' && verdict === 'fail')
  if (open !== undefined) return { verdict: 'insufficient', reason: open.reason }
  const passed = acting.filter(({ role }) => role === 'guardrail').map(({ reason }) => reason)
  return { verdict: 'pass', reason: [...passed, agreement.reason].join('; ') }
}

/** The interval's own level where no agreement is asked for. */
const intervalAlpha = 0.05

function agreementOf(
  { agreement, challengers }: ShadowPlan,
  { compared, agreed }: PairEvidence,
): PairNumbers['agreement'] {
  const alpha = (agreement?.alpha ?? intervalAlpha) / challengers.length
  const interval = proportionSequence({ successes: agreed, trials: compared, alpha })
  const { estimate, lower, upper } = interval.ok ? interval : { estimate: null, lower: null, upper: null }
  const range = `${agreed} of ${compared} answers agree, ${percent(estimate)} in [${percent(lower)}, ${percent(upper)}]`
  const numbers = { least: agreement?.least ?? null, estimate, lower, upper, alpha }
  if (agreement === null) return { ...numbers, verdict: 'pass', reason: range }
  const asked = `at least ${percent(agreement.least)} must`
  const test = bernoulliSequence({ events: agreed, trials: compared, rate: agreement.least, alpha })
  if (!test.ok) return { ...numbers, verdict: 'insufficient', reason: `no answers have been compared yet; ${asked}` }
  if (test.below) return { ...numbers, verdict: 'fail', reason: `${range}; ${asked}: refuted` }
  if (test.above) return { ...numbers, verdict: 'pass', reason: `${range}; ${asked}: shown` }
  return { ...numbers, verdict: 'insufficient', reason: `${range}; ${asked}: not shown yet` }
}

/** Above this share of failures the champion is no measure. */
const championErrorRateMax = 0.5
const championPairsMin = 20

function validityOf(champion: string, { pairs, failures }: PairEvidence): Validity {
  const failed = failures.champion + failures.both
  const isBroken = pairs >= championPairsMin && failed / pairs > championErrorRateMax
  return {
    verdict: isBroken ? 'invalid' : 'pass',
    reason: isBroken ? `control broken too: ${champion} failed ${failed} of ${pairs} requests` : 'control in order',
    logEvidence: null,
    observed: [],
    expected: [],
  }
}
