import type { ArmJudgement } from './judgement.ts'

/** A guardrail is breached, or too few answers agree: more than a goal that was missed. */
export function isHarmful({ checks, pairs }: ArmJudgement): boolean {
  const isBreached = checks.some(
    ({ role, verdict, check }) => role === 'guardrail' && verdict === 'fail' && check.dryRun !== true,
  )
  return isBreached || pairs?.agreement.verdict === 'fail'
}
