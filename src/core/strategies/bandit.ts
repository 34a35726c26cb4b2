/**
 * Bandit: traffic goes where rewards are, and a race ends when its best arm is known. Weights are those of the newest
 * look; a guardrail, a lost fleet or an operator retires an arm and the others take its share. The stage ends
 * with a winner that has passed its guardrails, or stable is kept.
 */
import type { ContextPolicy } from '../bandit/context-policy.ts'
import { evenWeights, weightsAmong } from '../bandit/weights.ts'
import { leaderWords, weightsWords } from '../bandit/words.ts'
import { assertNever } from '../errors.ts'
import type { BanditNumbers, Judgement } from '../judge/judgement.ts'
import { limits } from '../limits.ts'
import { own } from '../own.ts'
import type { BanditPlan } from '../stage-plans.ts'
import { totalVariationPpm } from '../traffic.ts'
import { letGo, relieve, restingAfter, retire } from './bandit-retire.ts'
import { type BanditState, canServe, move, racing, withResting } from './bandit-state.ts'
import {
  type StageCommand,
  type StageContext,
  type StageEvent,
  type StageResult,
  type Strategy,
  unchanged,
} from './strategy.ts'

type Judged = Extract<StageEvent, { type: 'judged' }>

export const bandit: Strategy<BanditPlan, BanditState> = {
  initial: () => ({ kind: 'bandit', enteredMs: 0, updatedMs: 0, retired: {}, leaving: [], told: {}, says: '' }),

  progress: (_plan, { says }) => ({ step: says === '' ? null : 0, steps: 1, says: says === '' ? null : says }),

  needs: ({ arms }) => arms,
  mindsFleets: true,
  watchesWhilePaused: true,
  endsWhileBlocked: true,

  /** Its fleet has been let go: everybody would be sent where nobody answers. */
  refusesPromotion({ retired }, candidate) {
    const reason = own(retired, candidate)
    return reason === undefined ? null : `${candidate} was retired from the race (${reason}); abort it, or let it end`
  },

  step(plan, state, event, context): StageResult<BanditState> {
    switch (event.type) {
      case 'entered':
        return enter(plan, state, event.atMs)
      case 'judged':
        return judged(plan, state, event, context)
      case 'fleet':
        return event.state === 'failed' ? fleetFailed(plan, state, event, context) : relieve(plan, state, context)
      case 'applied':
        return letGo(state, event.epoch)
      case 'arms':
        return armsChanged(plan, state, event, context)
      case 'approved':
      case 'trial':
      case 'tick':
      case 'restarted':
      case 'return':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },
}

function enter(plan: BanditPlan, state: BanditState, atMs: number): StageResult<BanditState> {
  const weights = evenWeights(plan.arms)
  const says = `${plan.arms.length} arms begin evenly: ${weightsWords(weights)}`
  return {
    state: { ...state, enteredMs: atMs, updatedMs: atMs, told: weights, says },
    commands: [{ type: 'set-weights', weights, ...firstPolicy(plan) }],
  }
}

/** Features are read and kept from the first request on, though nothing is known of them yet. */
function firstPolicy({ context, floorPpm }: BanditPlan): { policy?: ContextPolicy } {
  return context === undefined ? {} : { policy: { ...context, floorPpm, fit: null } }
}

function judged(plan: BanditPlan, state: BanditState, event: Judged, context: StageContext): StageResult<BanditState> {
  const { arms = {}, bandit: numbers } = event.judgement
  if (event.blocked !== undefined)
    return isOver(plan, state, event) ? kept(plan, state, event.blocked) : unchanged(state)
  const failing = racing(plan, state).flatMap(version => {
    const arm = arms[version]
    return version !== context.stable && arm?.verdict === 'fail' ? [{ version, reason: arm.reason }] : []
  })
  if (failing.length > 0) return retire(plan, state, failing, { atMs: event.atMs, context })
  if (event.paused === true || numbers === undefined || !isOfRace(numbers, racing(plan, state))) return unchanged(state)
  const ending = numbers.ends ? endOf(numbers, event, context) : null
  if (ending !== null && ending !== 'waits') return { state, commands: [ending] }
  if (isOver(plan, state, event)) {
    // Versions cannot be chosen by features for ever: the best of them goes on.
    const best = numbers.context?.isBestArm === true ? endOf(numbers, event, context) : 'waits'
    return best === 'waits' ? kept(plan, state, standing(numbers, event.judgement)) : { state, commands: [best] }
  }
  return ending === 'waits' ? unchanged(state) : update(plan, state, { atMs: event.atMs, numbers, context })
}

function isOver({ ceilingMs }: BanditPlan, { enteredMs }: BanditState, { atMs, notBeforeMs = 0 }: Judged): boolean {
  return atMs - enteredMs >= ceilingMs && atMs >= notBeforeMs
}

function kept({ ceilingMs }: BanditPlan, state: BanditState, why: string): StageResult<BanditState> {
  const reason = `no arm was shown to be the best within ${ceilingMs / 1000} s: ${why}`
  return { state, commands: [{ type: 'failed', cause: 'kept', reason }] }
}

/** Where the race stands: its leader, and what a leader that may win waits for. */
export function standing(numbers: BanditNumbers, { arms }: Pick<Judgement, 'arms'>): string {
  const own = arms?.[numbers.leader]
  if (!numbers.ends || own === undefined) return leaderWords(numbers)
  const open = own.verdict === 'pass' ? own.goal : own
  const waits = open === undefined || open.verdict === 'pass' ? '' : `; it waits to win: ${open.reason}`
  return `${leaderWords(numbers)}${waits}`
}

/** The numbers belong to the race as it is now. */
function isOfRace({ arms }: BanditNumbers, race: readonly string[]): boolean {
  return arms.length === race.length && arms.every(({ version }, index) => version === race[index])
}

/** What a race ends with; it waits while the winner has something to show yet, and the weights rest. */
function endOf(numbers: BanditNumbers, event: Judged, { stable }: StageContext): StageCommand | 'waits' {
  const { leader, arms } = numbers
  if (leader === stable) return { type: 'failed', cause: 'kept', reason: leaderWords(numbers) }
  if (arms.length < 2)
    return { type: 'failed', cause: 'kept', reason: `${leader} is the only arm left: nothing shows that it is better` }
  const own = event.judgement.arms?.[leader]
  const hasPassed = own?.verdict === 'pass' && (own.goal?.verdict ?? 'pass') === 'pass'
  if (!hasPassed || event.atMs < (event.notBeforeMs ?? 0)) return 'waits'
  return { type: 'passed', winner: leader, reason: leaderWords(numbers) }
}

/** An arm that has become ready joins at once; otherwise weights change after their time, and only by enough to matter. */
function update(
  plan: BanditPlan,
  state: BanditState,
  { atMs, numbers, context }: { atMs: number; numbers: BanditNumbers; context: StageContext },
): StageResult<BanditState> {
  const able = racing(plan, state).filter(version => canServe(version, context))
  if (able.length === 0) return unchanged(state)
  const joining = able.filter(version => state.resting?.includes(version) === true)
  if (joining.length === 0 && atMs - state.updatedMs < plan.updateMs) return unchanged(state)
  const weights = weightsAmong(numbers.weights, able)
  const movedPpm = totalVariationPpm(context.weights, weights)
  // Where old periods are to be forgotten, or features choose, each update begins a new one, whatever it moves.
  const isNews = plan.memory.kind !== 'all' || numbers.context !== undefined
  if (joining.length === 0 && !isNews && movedPpm < limits.banditMoveLeastPpm) return unchanged(state)
  const joined = joining.map(version => `${version} joins`)
  const policy = numbers.context === undefined ? {} : { policy: numbers.context.policy }
  return move(
    withResting(
      { ...state, updatedMs: atMs },
      racing(plan, state).filter(version => !able.includes(version)),
    ),
    { weights, ...policy },
    { why: joined, after: `: ${leaderWords(numbers)}` },
  )
}

function fleetFailed(
  plan: BanditPlan,
  state: BanditState,
  event: Extract<StageEvent, { type: 'fleet'; state: 'failed' }>,
  context: StageContext,
): StageResult<BanditState> {
  const { version, reason, atMs } = event
  const race = racing(plan, state)
  if (!race.includes(version)) return unchanged(state)
  if (version !== context.stable)
    return retire(plan, state, [{ version, reason: `it cannot be kept running: ${reason}` }], { atMs, context })
  // Stable is asked for again and again: it only rests until it is back.
  const able = race.filter(arm => arm !== version && canServe(arm, context))
  if (able.length === 0 || (context.weights[version] ?? 0) === 0) return unchanged(state)
  const weights = weightsAmong(context.weights, able)
  return move(
    withResting({ ...state, updatedMs: atMs }, restingAfter(state, race, { able, weights })),
    { weights },
    {
      why: [`${version} cannot be kept running for now: ${reason}`],
      after: '',
    },
  )
}

function armsChanged(
  plan: BanditPlan,
  state: BanditState,
  event: Extract<StageEvent, { type: 'arms' }>,
  context: StageContext,
): StageResult<BanditState> {
  const { add, atMs, actor } = event
  const asked: StageCommand[] = add.map(version => ({ type: 'ensure', version }))
  const starting =
    add.length === 0
      ? state
      : withResting({ ...state, says: `${add.join(', ')} will join, by ${actor}` }, [...(state.resting ?? []), ...add])
  const race = racing(plan, state)
  const out = event.retire.filter(version => race.includes(version) && version !== context.stable)
  if (out.length === 0) return { state: starting, commands: asked }
  const reason = `by ${actor}`
  const result = retire(
    plan,
    starting,
    out.map(version => ({ version, reason })),
    { atMs, context },
  )
  return { state: result.state, commands: [...asked, ...result.commands] }
}
