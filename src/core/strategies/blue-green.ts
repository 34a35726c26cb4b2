/**
 * Blue-green: green stands beside blue, ready in full, and only those who ask for a preview meet it. It answers smoke
 * requests, then recorded ones; then everybody is switched by one table, and green is compared with blue's last period
 * while blue stays warm. No time that passes stands in for a check that still runs or has shown nothing.
 */
import { assertNever } from '../errors.ts'
import type { CheckResult, Judgement } from '../judge/judgement.ts'
import { limits } from '../limits.ts'
import type { BlueGreenPlan } from '../stage-plans.ts'
import type { TrialReport } from '../trial.ts'
import { type Check, checksOf, judgeTrial, trialIdOf, trialOf } from './blue-green-checks.ts'
import {
  endHold,
  type Judged,
  type StageCommand,
  type StageContext,
  type StageEvent,
  type StageResult,
  type Strategy,
  unchanged,
} from './strategy.ts'

export type BlueGreenState = {
  kind: 'blueGreen'
  at: 'new' | Check | 'failed' | 'checked' | 'watch'
  /** Since when green has stood ready beside blue, and since when everybody has met it. */
  readySinceMs: number
  switchedAtMs: number
  /** All of green is ready, as of now. */
  isReady: boolean
  /** The trial under way: when it was asked for; null if it is to be asked for, from `tryFromMs` on. */
  askedAtMs: number | null
  tryFromMs: number
  attempt: number
  approved: boolean
  held: 'ceiling' | 'approval' | null
  /** The check that failed, while the release holds for it. */
  failed?: Check
  says: string
}

type Result = StageResult<BlueGreenState>
type At = { plan: BlueGreenPlan; state: BlueGreenState; context: StageContext; atMs: number }

export const blueGreen: Strategy<BlueGreenPlan, BlueGreenState> = {
  mindsFleets: true,
  keepMs: plan => plan.keepMs,
  refusesPromotion: ({ isReady }) => (isReady ? null : 'green is not ready, so nobody can be switched to it'),

  initial: () => ({
    kind: 'blueGreen',
    at: 'new',
    readySinceMs: 0,
    switchedAtMs: 0,
    isReady: true,
    askedAtMs: null,
    tryFromMs: 0,
    attempt: 1,
    approved: false,
    held: null,
    says: '',
  }),

  progress: (_plan, { at, says }) => ({
    step: at === 'new' ? null : stepOf[at],
    steps: 4,
    says: says === '' ? null : says,
  }),

  step(plan, state, event, context): Result {
    const here = { plan, state, context, atMs: event.atMs }
    switch (event.type) {
      case 'entered':
        return enter(here)
      case 'trial':
        return trialEnded(here, event.report)
      case 'judged':
        return judged(here, event)
      case 'approved':
        return approve(here)
      case 'fleet':
        return fleetChanged(here, event)
      case 'tick':
        return timePassed(here)
      case 'restarted':
        return { state: { ...state, isReady: false, askedAtMs: null }, commands: [] }
      case 'applied':
      case 'arms':
      case 'return':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },
}

const stepOf = { smoke: 0, replay: 1, failed: 1, checked: 2, watch: 3 } as const

/** The table changes in any case: with it begins the period of blue that green will be compared with. */
function enter(here: At): Result {
  const { plan, state, context, atMs } = here
  const { preview } = plan
  const rules = preview === null ? [] : [{ ...preview, version: context.candidate }]
  const seen =
    preview === null ? '' : `; callers who send ${preview.header}: ${preview.equals} meet ${context.candidate}`
  const standing = `${context.candidate} stands ready beside ${context.stable}${seen}`
  const next = goTo({ ...here, state: { ...state, readySinceMs: atMs } }, checksOf(plan)[0] ?? 'checked', standing)
  return { ...next, commands: [{ type: 'set-route', extras: { rules } }, ...next.commands] }
}

/** To the next check, which is asked for at once if green is ready, or to the wait before the switch. */
function goTo(here: At, at: Check | 'checked', why: string): Result {
  const { plan, context } = here
  const state: BlueGreenState = { ...here.state, at, attempt: 1, held: null, tryFromMs: here.atMs }
  const commands = endHold(here.state.held !== null)
  if (at === 'checked') {
    const shared = plan.shares.length === 0 ? '' : `; both versions use ${plan.shares.join(', ')}`
    return { state: { ...state, says: `${why}${shared}; ${whatSwitches(plan)}` }, commands }
  }
  const what =
    at === 'smoke' ? `smoke requests: ${plan.smoke.length}` : `recorded requests of ${context.stable} are sent to it`
  return after(commands, askIfDue({ ...here, state: { ...state, says: `${why}; ${what}` } }))
}

function whatSwitches({ promotion, afterMs }: BlueGreenPlan): string {
  if (promotion === 'manual') return 'the switch waits for approval'
  return afterMs === 0 ? 'the switch comes next' : `the switch comes ${afterMs / 1_000} s after green was ready`
}

/** Asks for the trial that is to run, once all of green is ready. */
function askIfDue({ plan, state, context, atMs }: At): Result {
  const { at, askedAtMs, isReady, tryFromMs, attempt } = state
  if ((at !== 'smoke' && at !== 'replay') || askedAtMs !== null || !isReady || atMs < tryFromMs) return unchanged(state)
  return {
    state: { ...state, askedAtMs: atMs },
    commands: [{ type: 'run-trial', trial: trialOf(at, plan, { attempt, context }) }],
  }
}

function timePassed(here: At): Result {
  const { state, atMs } = here
  if (state.failed !== undefined) return tryAgain(here, state.failed)
  // A report that never came: a trial ends by itself long before.
  const isLost = state.askedAtMs !== null && atMs - state.askedAtMs >= 2 * limits.trialTimeoutMs
  if (isLost) return askIfDue({ ...here, state: { ...state, askedAtMs: null } })
  return askIfDue(here)
}

function trialEnded(here: At, report: TrialReport): Result {
  const { plan, state, context } = here
  const { at, askedAtMs, attempt } = state
  if ((at !== 'smoke' && at !== 'replay') || askedAtMs === null) return unchanged(state)
  if (report.id !== trialIdOf(at, { attempt, context })) return unchanged(state)
  const answered = { ...state, askedAtMs: null }
  const { verdict, reason } = judgeTrial(at, plan, { report, attempt })
  if (verdict === 'pass') {
    const checks = checksOf(plan)
    return goTo({ ...here, state: answered }, checks[checks.indexOf(at) + 1] ?? 'checked', `${at}: ${reason}`)
  }
  if (verdict === 'fail') return failed({ ...answered, at: 'failed', failed: at }, `${at}: ${reason}`)
  return tryLater({ ...here, state: answered }, `${at}: ${reason}`)
}

function failed(state: BlueGreenState, reason: string): Result {
  return { state, commands: [{ type: 'failed', cause: 'stage-failed', reason }] }
}

/** Time passes here again once an operator has let a release go on that held for it. */
function tryAgain(here: At, check: Check): Result {
  const { failed: _check, ...state } = here.state
  const says = `${check} failed and is tried again`
  return askIfDue({ ...here, state: { ...state, at: check, attempt: state.attempt + 1, tryFromMs: here.atMs, says } })
}

/** Insufficient is no pass: the release holds, and a new try may end that. */
function tryLater({ state, atMs }: At, reason: string): Result {
  const { attempt } = state
  const tryFromMs = atMs + limits.trialRetryMs
  const says = `${reason}; it is tried again in ${limits.trialRetryMs / 1_000} s`
  const next: BlueGreenState = { ...state, attempt: attempt + 1, tryFromMs, held: 'ceiling', says }
  return { state: next, commands: [{ type: 'hold', cause: 'ceiling', reason }] }
}

function judged(here: At, event: Judged): Result {
  if (here.state.at === 'checked') return switchIfDue(here, event)
  return here.state.at === 'watch' ? passIfShown(here, event) : unchanged(here.state)
}

function switchIfDue(here: At, event: Judged): Result {
  const { plan, state, atMs } = here
  if (!state.isReady) return unchanged(state)
  if (state.approved) return switchAll(here, 'approved')
  if (plan.promotion === 'manual') return hold(state, 'approval', approvalWords(plan))
  if (atMs < state.readySinceMs + plan.afterMs || atMs < (event.notBeforeMs ?? 0)) return unchanged(state)
  const missing = baselineMissing(event.judgement)
  if (missing === null) return switchAll(here, 'every check before the switch passed')
  // Blue is given as long as green will be before anybody is asked to decide.
  return atMs < state.readySinceMs + plan.afterMs + plan.watchMs ? unchanged(state) : hold(state, 'ceiling', missing)
}

function approvalWords({ shares }: BlueGreenPlan): string {
  const shared = shares.length === 0 ? '' : `; both versions use ${shares.join(', ')}`
  return `every check before the switch passed; waiting for approval${shared}`
}

/**
 * What blue's period still lacks for green to be compared with it; afterwards there is no more of it to be had. It counts
 * observations and looks at none of them, so that the moment of the switch says nothing about their values.
 */
function baselineMissing({ checks }: Judgement): string | null {
  const found = checks.find(({ role, stable, check }: CheckResult) => {
    // Another system's numbers have a history of their own, and a dry run decides nothing.
    const isCompared = role === 'guardrail' && check.measure.kind !== 'external' && check.dryRun !== true
    return isCompared && stable.trials < check.minEvents
  })
  if (found === undefined) return null
  const { check, stable } = found
  return `${check.metric}: ${stable.version} has ${stable.trials} of the ${check.minEvents} observations that the new version will be compared with`
}

/** One table for everybody. */
function switchAll({ plan, state, context, atMs }: At, why: string): Result {
  const { candidate, stable } = context
  const says = `${why}: everybody is switched to ${candidate} at once; ${stable} stays warm, and ${candidate} is watched for ${plan.watchMs / 1_000} s`
  return {
    state: { ...state, at: 'watch', switchedAtMs: atMs, held: null, says },
    commands: [...endHold(state.held !== null), { type: 'set-weight', candidatePpm: limits.ppmTotal }],
  }
}

function passIfShown({ plan, state, context, atMs }: At, { judgement }: Judged): Result {
  const open = whatPassingNeeds(judgement)
  const watchedMs = atMs - state.switchedAtMs
  const isOn = state.isReady && context.appliedEpoch >= context.epoch
  if (!isOn || watchedMs < plan.watchMs) return unchanged(state)
  if (open !== null) return hold(state, 'ceiling', open)
  const passed = { type: 'passed', reason: judgement.reason, keepMs: Math.max(0, plan.keepMs - watchedMs) } as const
  return {
    state: state.held === null ? state : { ...state, held: null },
    commands: [...endHold(state.held !== null), passed],
  }
}

function whatPassingNeeds({ verdict, reason, goal }: Judgement): string | null {
  if (verdict !== 'pass') return reason
  return goal === undefined || goal.verdict === 'pass' ? null : goal.reason
}

/** The switch follows with the next look at the evidence: never while the release is paused. */
function approve({ state }: At): Result {
  if (state.at !== 'checked' || state.approved) return unchanged(state)
  return { state: { ...state, approved: true, held: null }, commands: endHold(state.held !== null) }
}

function fleetChanged(here: At, event: Extract<StageEvent, { type: 'fleet' }>): Result {
  const { state, context } = here
  if (event.version !== context.candidate) return unchanged(state)
  if (event.state === 'failed') {
    const reason = `${event.version} cannot be kept running: ${event.reason}`
    return { state: { ...state, isReady: false }, commands: [{ type: 'failed', cause: 'fleet-lost', reason }] }
  }
  if (event.state === 'stopped' || state.isReady) return unchanged(state)
  return askIfDue({ ...here, state: { ...state, isReady: true } })
}

function hold(state: BlueGreenState, cause: 'ceiling' | 'approval', reason: string): Result {
  const isKnown = state.held === cause
  // An operator may end a wait for evidence; an approval is asked for again whatever else has held the release meanwhile.
  if (isKnown && cause === 'ceiling') return unchanged(state)
  return { state: isKnown ? state : { ...state, held: cause }, commands: [{ type: 'hold', cause, reason }] }
}

function after(commands: readonly StageCommand[], result: Result): Result {
  return { state: result.state, commands: [...commands, ...result.commands] }
}
