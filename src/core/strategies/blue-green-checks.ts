/** The checks of a blue-green stage before its switch: what is asked of green, and what its answers say. */
import { assertNever } from '../errors.ts'
import type { BlueGreenPlan } from '../stage-plans.ts'
import type { Trial, TrialReport } from '../trial.ts'
import { type ReplayVerdict, replayVerdict } from './replay-verdict.ts'
import type { StageContext } from './strategy.ts'

/** What green must get through before it may be switched to. */
export type Check = 'smoke' | 'replay'

/** In their order; those that the plan asks for. */
export function checksOf({ smoke, replay }: BlueGreenPlan): readonly Check[] {
  return [...(smoke.length > 0 ? ['smoke' as const] : []), ...(replay !== null ? ['replay' as const] : [])]
}

type Try = { attempt: number; context: StageContext }

/** The same after a crash, which loses the trial that ran. */
export function trialIdOf(check: Check, { attempt, context }: Try): string {
  return `${context.release}/${check}/${attempt}`
}

export function trialOf(check: Check, plan: BlueGreenPlan, one: Try): Trial {
  const id = trialIdOf(check, one)
  const { candidate, stable } = one.context
  switch (check) {
    case 'smoke':
      return { kind: 'smoke', id, version: candidate, requests: plan.smoke }
    case 'replay': {
      const { requests, concurrencyMax, methods, paths } = replayOf(plan)
      const bounds = { requests, concurrencyMax, methods, paths }
      return { kind: 'replay', id, version: candidate, against: stable, comparator: null, ...bounds }
    }
    default:
      return assertNever(check)
  }
}

export function judgeTrial(
  check: Check,
  plan: BlueGreenPlan,
  { report, attempt }: { report: TrialReport; attempt: number },
): ReplayVerdict {
  switch (check) {
    case 'smoke':
      return { verdict: report.agreed === plan.smoke.length ? 'pass' : 'fail', reason: whatHappened(report) }
    case 'replay': {
      const { verdict, reason } = replayVerdict(report, replayOf(plan), attempt)
      return { verdict, reason: verdict === 'insufficient' ? `${report.reason}: ${reason}` : reason }
    }
    default:
      return assertNever(check)
  }
}

function whatHappened({ reason, examples }: TrialReport): string {
  const first = examples[0]
  return first === undefined ? reason : `${reason}; ${first.reason}`
}

function replayOf({ replay }: BlueGreenPlan) {
  if (replay === null) throw new Error('a stage without a replay asked for one')
  return replay
}
