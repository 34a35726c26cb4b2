/** From the checks of two versions to one verdict. */
import type { ReleasePlan } from '../plan.ts'
import type { StagePlan } from '../stage-plans.ts'
import type { CheckResult, Validity, Verdict } from './judgement.ts'
import { sum } from './words.ts'

/** How many epochs the plan can have: a check that starts anew in each splits its alpha over them. */
export function plannedEpochs({ stages }: ReleasePlan): number {
  return sum(stages, epochsOf)
}

function epochsOf(stage: StagePlan): number {
  if (stage.kind === 'canary') return stage.steps.length
  // An A/B test begins a new one with every variant that it drops.
  if (stage.kind === 'abTest') return stage.variants.length
  if (stage.kind === 'bandit') return Math.ceil(stage.ceilingMs / stage.updateMs) + stage.arms.length
  return stage.kind === 'rolling' ? (stage.epochs ?? 1) : 1
}

/** What cannot be compared is invalid, whatever its checks say. Else any guardrail or goal that fails fails; all guardrails must pass. */
export function overall(checks: readonly CheckResult[], validity: Validity): { verdict: Verdict; reason: string } {
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
export function goalOf(checks: readonly CheckResult[]): { verdict: Verdict; reason: string } {
  const goals = checks.filter(check => check.role === 'goal')
  const open = goals.find(check => check.verdict !== 'pass')
  if (open !== undefined) return { verdict: open.verdict, reason: open.reason }
  return { verdict: 'pass', reason: goals.map(check => check.reason).join('; ') }
}
