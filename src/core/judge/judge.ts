/**
 * One look at the evidence: a verdict per check and one of all together. Pure; valid however often it is called, since
 * every comparison behind it is a time-uniform one. Methods and formulas: `stats/`.
 */
import { type EpochEvidence, emptyVersionEvidence } from '../evidence.ts'
import type { ReleaseState } from '../state.ts'
import { runCheck } from './checks.ts'
import { type CheckResult, type Judgement, judgementVersion, type Validity, type Verdict } from './judgement.ts'
import type { Pair } from './pairs.ts'
import { checkValidity } from './validity.ts'
import { sum } from './words.ts'

export function judge(release: ReleaseState, evidence: readonly EpochEvidence[]): Judgement {
  const pairs = pairUp(release, evidence)
  const { plan } = release
  const epochsPlanned = plannedEpochs(release)
  const checks = [
    ...plan.guardrails.map(check => runCheck(check, 'guardrail', { release, pairs, epochsPlanned })),
    ...plan.signals.map(check => runCheck(check, 'signal', { release, pairs, epochsPlanned })),
    ...(plan.goals ?? []).map(check => runCheck(check, 'goal', { release, pairs, epochsPlanned })),
  ]
  const validity = checkValidity(release, pairs)
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

function pairUp(release: ReleaseState, evidence: readonly EpochEvidence[]): Pair[] {
  const byEpoch = new Map(evidence.map(one => [one.epoch, one.versions]))
  return release.epochs.map(({ epoch, candidatePpm }) => ({
    epoch,
    candidatePpm,
    candidate: byEpoch.get(epoch)?.[release.plan.to] ?? emptyVersionEvidence(),
    stable: byEpoch.get(epoch)?.[release.plan.from] ?? emptyVersionEvidence(),
  }))
}

/** How many epochs the plan can have: a check that starts anew in each splits its alpha over them. */
function plannedEpochs(release: ReleaseState): number {
  return sum(release.plan.stages, stage => (stage.kind === 'canary' ? stage.steps.length : 1))
}

function overall(checks: readonly CheckResult[], validity: Validity): { verdict: Verdict; reason: string } {
  const guardrails = checks.filter(check => check.role === 'guardrail')
  // A goal that is refuted is as good a reason to go back as a guardrail that is crossed.
  const failed = checks.find(check => check.verdict === 'fail' && check.role !== 'signal')
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
