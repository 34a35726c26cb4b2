/**
 * Shadow: challengers answer copies of what callers send, or recorded requests, and callers never hear of them. The stage
 * ends when every challenger has enough pairs and one of them passes; one that fails, or is lost, is dropped. Of several
 * that pass the one with the best estimate of the goal goes on, the first named where estimates are equal or there is
 * no goal.
 */
import { assertNever } from '../errors.ts'
import { isHarmful } from '../judge/harmful.ts'
import type { ArmJudgement, Judgement } from '../judge/judgement.ts'
import type { ShadowPlan } from '../stage-plans.ts'
import { type Mirror, withoutShares } from '../traffic.ts'
import { whatAgeNeeds } from './promotion-needs.ts'
import { afterTrial, beginReplay, fleetOfReplay, replayAgain, restartReplay } from './shadow-replay.ts'
import { type Dropped, runningChallengers, type ShadowState } from './shadow-state.ts'
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

type Result = StageResult<ShadowState>

export const shadow: Strategy<ShadowPlan, ShadowState> = {
  mindsFleets: true,

  initial: ({ challengers }) => ({
    kind: 'shadow',
    sinceMs: null,
    challengers,
    dropped: [],
    candidate: null,
    held: false,
  }),

  needs: plan => (plan.mode === 'replay' ? [] : plan.challengers),

  progress: (plan, state) => ({ step: state.sinceMs === null ? null : 0, steps: 1, says: saysOf(plan, state) }),

  refusesPromotion: state => {
    const lost = state.dropped.find(({ version }) => version === state.candidate)
    if (lost !== undefined) return `${lost.version} was dropped: ${lost.reason}`
    return state.replays === undefined
      ? null
      : `${state.candidate} is not running in full: a replay starts it when it has passed`
  },

  step(plan, state, event, context): Result {
    switch (event.type) {
      case 'entered':
        return enter(plan, state, event.atMs, context)
      case 'judged':
        return judged(plan, state, event, context)
      case 'fleet':
        return fleetChanged(plan, state, event, context)
      case 'trial':
        return afterTrial(plan, state, event, context)
      case 'tick':
        return replayAgain(plan, state, event.atMs, context)
      case 'restarted':
        return restartReplay(state)
      case 'applied':
        return letGo(state, context)
      case 'approved':
      case 'arms':
      case 'return':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },
}

function enter(plan: ShadowPlan, state: ShadowState, atMs: number, context: StageContext): Result {
  const entered = { ...state, sinceMs: atMs, candidate: context.candidate }
  if (plan.mode === 'replay') return beginReplay(plan, entered, atMs, context)
  return { state: entered, commands: [mirrorsTo(plan, plan.challengers)] }
}

function mirrorsTo({ fractionPpm, methods, paths, budget }: ShadowPlan, versions: readonly string[]): StageCommand {
  const mirrors = versions.map((version): Mirror => ({ version, fractionPpm, methods, paths, budget }))
  return { type: 'set-route', extras: { mirrors: mirrors.length === 0 ? null : mirrors } }
}

function judged(plan: ShadowPlan, state: ShadowState, event: Judged, context: StageContext): Result {
  if (state.winner !== undefined) return unchanged(state)
  const failed = runningChallengers(state).flatMap((version): Dropped[] => {
    const arm = event.judgement.arms?.[version]
    if (arm?.verdict !== 'fail') return []
    return [{ version, cause: isHarmful(arm) ? 'guardrail' : 'kept', reason: arm.reason }]
  })
  const { state: left, commands } = drop(plan, state, { which: failed, atMs: event.atMs }, context)
  if (runningChallengers(left).length === 0) return { state: left, commands }
  const ended = endOrHold(plan, left, event, context)
  return { state: ended.state, commands: [...commands, ...ended.commands] }
}

/**
 * Without copies and without a fleet from now on; without any challenger left the stage fails. One that the stage before
 * gave traffic keeps its fleet until that has left it.
 */
function drop(
  plan: ShadowPlan,
  state: ShadowState,
  { which, atMs }: { which: readonly Dropped[]; atMs: number },
  context: StageContext,
): Result {
  const { fleets, weights, stable } = context
  if (which.length === 0) return unchanged(state)
  const next = { ...state, dropped: [...state.dropped, ...which] }
  const left = runningChallengers(next)
  if (left.length === 0) return { state: next, commands: [failedBy(next)] }
  const gone = which.map(({ version }) => version)
  const serving = gone.filter(version => (weights[version] ?? 0) > 0)
  const idle = gone.filter(version => !serving.includes(version) && (fleets[version] ?? 'absent') !== 'absent')
  const stops = idle.map((version): StageCommand => ({ type: 'stop', version }))
  const moved: StageCommand[] =
    serving.length === 0 ? [] : [{ type: 'set-weights', weights: withoutShares(weights, serving, stable) }]
  const waits = serving.length === 0 ? next : { ...next, leaving: [...(state.leaving ?? []), ...serving] }
  if (plan.mode === 'live') return { state: waits, commands: [mirrorsTo(plan, left), ...moved, ...stops] }
  const going = beginReplay(plan, waits, atMs, context)
  return { state: going.state, commands: [...moved, ...stops, ...going.commands] }
}

/** The gateway routes by the newest table. */
function letGo(state: ShadowState, { fleets }: StageContext): Result {
  const { leaving, ...rest } = state
  if (leaving === undefined) return unchanged(state)
  const runs = leaving.filter(version => (fleets[version] ?? 'absent') !== 'absent')
  return { state: rest, commands: runs.map((version): StageCommand => ({ type: 'stop', version })) }
}

/** Harm tells more than a goal that was missed, and that more than a fleet that was lost. */
function failedBy({ dropped }: ShadowState): StageCommand {
  const causes = (['guardrail', 'kept', 'fleet-lost'] as const).filter(cause =>
    dropped.some(one => one.cause === cause),
  )
  return { type: 'failed', cause: causes[0] ?? 'kept', reason: `no challenger is left: ${reasonsOf(dropped)}` }
}

function reasonsOf(dropped: readonly Dropped[]): string {
  return dropped.map(({ version, reason }) => `${version}: ${reason}`).join('; ')
}

type Contender = { version: string; arm: ArmJudgement }

function endOrHold(plan: ShadowPlan, state: ShadowState, event: Judged, context: StageContext): Result {
  const ageMs = event.atMs - (state.sinceMs ?? event.atMs)
  const isLate = plan.ceilingMs !== null && ageMs >= plan.ceilingMs
  const contenders = contendersOf(state, event.judgement)
  const passing = contenders.filter(one => whatIsMissing(plan, one) === null)
  const waiting =
    passing.length === 0
      ? contenders.map(one => whatIsMissing(plan, one)).join('; ')
      : whatIsAwaited(plan, { contenders, ageMs, isLate, event })
  const best = waiting === null ? bestOf(plan, passing) : undefined
  if (best !== undefined) return pass(plan, state, { ...best, atMs: event.atMs }, context)
  if (!isLate || state.held) return unchanged(state)
  return {
    state: { ...state, held: true },
    commands: [{ type: 'hold', cause: 'ceiling', reason: waiting ?? 'no challenger has been judged' }],
  }
}

function contendersOf(state: ShadowState, { arms }: Judgement): Contender[] {
  return runningChallengers(state).flatMap(version => {
    const arm = arms?.[version]
    return arm === undefined ? [] : [{ version, arm }]
  })
}

/** What a challenger still lacks, as a sentence; null when it may go on. */
function whatIsMissing({ pairs }: ShadowPlan, { version, arm }: Contender): string | null {
  if (arm.verdict !== 'pass') return arm.reason
  if (arm.requests < pairs) return `${version} has ${arm.requests} of ${pairs} pairs`
  return arm.goal !== undefined && arm.goal.verdict !== 'pass' ? arm.goal.reason : null
}

/** What the stage waits for although a challenger may go on: the others, unless it is late, and time. */
function whatIsAwaited(
  { pairs, floorMs }: ShadowPlan,
  at: { contenders: readonly Contender[]; ageMs: number; isLate: boolean; event: Judged },
): string | null {
  const { contenders, ageMs, isLate, event } = at
  const behind = contenders.find(({ arm }) => arm.requests < pairs)
  if (behind !== undefined && !isLate) return `${behind.version} has ${behind.arm.requests} of ${pairs} pairs`
  if (ageMs < floorMs) return `the stage lasts ${floorMs - ageMs} ms more`
  return whatAgeNeeds(event, 'it is promoted')
}

/** Harm is what is worse: the least is the best. Earlier ones stay before later ones that are no better. */
function bestOf({ goal }: ShadowPlan, passing: readonly Contender[]): Contender | undefined {
  const harmOf = ({ arm }: Contender): number =>
    arm.checks.find(({ role, check }) => role === 'goal' && check.metric === goal?.metric)?.harm.estimate ?? 0
  return passing.toSorted((a, b) => harmOf(a) - harmOf(b))[0]
}

/** The others are let go. Whoever has answered recorded requests alone gets its whole fleet first. */
function pass(
  plan: ShadowPlan,
  state: ShadowState,
  { version, arm, atMs }: Contender & { atMs: number },
  context: StageContext,
): Result {
  const reason = arm.goal === undefined || arm.goal.reason === '' ? arm.reason : `${arm.goal.reason}; ${arm.reason}`
  const others = runningChallengers(state)
    .filter(one => one !== version)
    .map((one): Dropped => ({ version: one, cause: 'kept', reason: `${version} is chosen` }))
  const alone = drop(plan, state, { which: others, atMs }, context)
  const commands = [...endHold(state.held), ...alone.commands]
  if (plan.mode === 'live')
    return { state: alone.state, commands: [...commands, { type: 'passed', reason, winner: version }] }
  return {
    state: { ...alone.state, held: false, winner: { version, reason } },
    commands: [...commands, { type: 'ensure', version }],
  }
}

function fleetChanged(
  plan: ShadowPlan,
  state: ShadowState,
  event: Extract<StageEvent, { type: 'fleet' }>,
  context: StageContext,
): Result {
  const { version } = event
  if (state.sinceMs === null || !runningChallengers(state).includes(version)) return unchanged(state)
  if (event.state === 'failed') {
    const { winner: _winner, ...open } = state
    const lost = { version, cause: 'fleet-lost', reason: `it cannot be kept running: ${event.reason}` } as const
    const now = state.winner?.version === version ? open : state
    return drop(plan, now, { which: [lost], atMs: event.atMs }, context)
  }
  if (event.state !== 'ready') return unchanged(state)
  const { winner } = state
  if (winner?.version === version)
    return event.instances === context.declared[version]
      ? { state, commands: [{ type: 'passed', reason: winner.reason, winner: version }] }
      : unchanged(state)
  return fleetOfReplay(plan, state, { version, atMs: event.atMs }, context)
}

function saysOf({ mode, fractionPpm }: ShadowPlan, state: ShadowState): string | null {
  if (state.sinceMs === null) return null
  const left = runningChallengers(state).join(', ')
  const what =
    mode === 'replay' ? 'recorded requests' : `copies of the requests of ${fractionPpm / 10_000} % of the units`
  if (state.winner !== undefined) return `${state.winner.version} has passed; its whole fleet is made ready`
  if (state.dropped.length === 0) return `${left} ${left.includes(',') ? 'answer' : 'answers'} ${what}`
  return `dropped: ${reasonsOf(state.dropped)}${left === '' ? '' : `; ${left} goes on with ${what}`}`
}
