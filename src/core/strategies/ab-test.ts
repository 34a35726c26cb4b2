/**
 * A/B test: variants beside the stable version, which is the control, at weights that stay. It ends in ship (the best variant
 * that is shown to be better goes on), in keep (all are shown to be worse), or without a difference once the planned
 * sample or time is used up. A variant that breaks a guardrail is dropped and its share goes to the control.
 */
import { assertNever } from '../errors.ts'
import { limits } from '../limits.ts'
import type { AbTestPlan } from '../stage-plans.ts'
import { type Weights, withoutShares } from '../traffic.ts'
import {
  type AbTestState,
  armsOf,
  beforeTest,
  isPlannedEnd,
  liveOf,
  type Seen,
  sizesOf,
  variantsOf,
} from './ab-test-state.ts'
import { effectText, hypothesisText, nothingShownText } from './ab-test-words.ts'
import { whatAgeNeeds } from './promotion-needs.ts'
import {
  endHold,
  type Judged,
  type StageCommand,
  type StageContext,
  type StageResult,
  type Strategy,
  unchanged,
} from './strategy.ts'

export const abTest: Strategy<AbTestPlan, AbTestState> = {
  initial: () => beforeTest,
  needs: (plan, { stable, candidate }) => [stable, ...variantsOf(plan, candidate)],
  mindsFleets: true,
  watchesWhilePaused: true,

  progress: (_, { variants, says }) => ({ step: variants.length === 0 ? null : 0, steps: 1, says }),

  refusesPromotion({ candidate, dropped }) {
    const reason = dropped[candidate]
    return reason === undefined ? null : `${candidate} was dropped from the test (${reason}); abort it, or let it end`
  },

  step(plan, state, event, context): StageResult<AbTestState> {
    switch (event.type) {
      case 'entered':
        return enter(plan, event.atMs, context)
      case 'judged':
        return judged(plan, state, { ...event, context })
      case 'tick':
        return timePassed(plan, state, event.atMs)
      case 'approved':
        return state.decision === null ? unchanged(state) : ship(state, state.decision)
      case 'fleet':
        return event.state === 'failed' && liveOf(state).includes(event.version)
          ? drop(state, { [event.version]: `it cannot be kept running: ${event.reason}` }, { context, isLoss: true })
          : unchanged(state)
      case 'applied':
        return letGo(state)
      case 'trial':
      case 'arms':
      case 'restarted':
      case 'return':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },
}

function enter(plan: AbTestPlan, atMs: number, { stable, candidate }: StageContext): StageResult<AbTestState> {
  const variants = variantsOf(plan, candidate)
  const shares = variants.map(variant => [
    variant,
    plan.splitPpm[variant] ?? plan.splitPpm[plan.variants[0] ?? ''] ?? 0,
  ])
  const split: Weights = Object.fromEntries(shares)
  const taken = Object.values(split).reduce((sum, ppm) => sum + ppm, 0)
  const says = hypothesisText(plan, { stable, split })
  return {
    state: { ...beforeTest, stable, candidate, variants, sinceMs: atMs, isMature: plan.floorMs === 0, says },
    commands: [{ type: 'set-weights', weights: { [stable]: limits.ppmTotal - taken, ...split } }],
  }
}

/** Noted in the state, so that the judge knows of it as well, which has no clock. */
function timePassed(plan: AbTestPlan, state: AbTestState, atMs: number): StageResult<AbTestState> {
  const ageMs = atMs - state.sinceMs
  const [isMature, isOver] = [ageMs >= plan.floorMs, ageMs >= plan.ceilingMs]
  if (isMature === state.isMature && isOver === state.isOver) return unchanged(state)
  return { state: { ...state, isMature, isOver }, commands: [] }
}

type Look = Judged & { context: StageContext }

function judged(plan: AbTestPlan, state: AbTestState, look: Look): StageResult<AbTestState> {
  const arms = armsOf(state, look.judgement)
  const broken = arms.filter(({ arm }) => arm.verdict === 'fail')
  if (broken.length > 0)
    return drop(
      state,
      reasonsOf(broken, ({ arm }) => arm.reason),
      look,
    )
  if (look.paused === true) return unchanged(state)
  if (state.decision !== null) return { state, commands: [approvalOf(state.decision)] }
  const isEnd = isPlannedEnd(plan, state, sizesOf(arms))
  if (plan.mode === 'fixed') return isEnd ? lookOnce(plan, state, { arms, look }) : unchanged(state)
  // A week may begin badly: before its floor the test takes no answer, for better or worse.
  const refuted = state.isMature ? arms.filter(({ arm }) => arm.goal?.verdict === 'fail') : []
  if (refuted.length === arms.length) return keep(state, worseText(refuted))
  if (refuted.length > 0)
    return drop(
      state,
      reasonsOf(refuted, ({ goal }) => `shown to be worse: ${effectText(goal)}`),
      look,
    )
  const shown = arms.filter(({ arm }) => arm.goal?.verdict === 'pass')
  // Before the end one may still overtake another: only the leader ships.
  return decide(plan, state, { arms, look, isEnd, shown: isEnd ? shown : shown.filter(one => one === arms[0]) })
}

/** The verdict of a fixed test is that of its planned look, whatever comes while a guardrail is waited for. */
function lookOnce(
  plan: AbTestPlan,
  state: AbTestState,
  seen: { arms: readonly Seen[]; look: Look },
): StageResult<AbTestState> {
  const { arms, look } = seen
  if (state.shown !== null) {
    const shown = state.shown.flatMap(name => arms.filter(({ variant }) => variant === name))
    return decide(plan, state, { arms, look, isEnd: true, shown })
  }
  const shown = arms.filter(({ arm }) => arm.goal?.verdict === 'pass')
  const looked = { ...state, shown: shown.map(({ variant }) => variant) }
  return decide(plan, looked, { arms, look, isEnd: true, shown })
}

type Decision = { arms: readonly Seen[]; look: Look; isEnd: boolean; shown: readonly Seen[] }

function decide(
  plan: AbTestPlan,
  state: AbTestState,
  { arms, look, isEnd, shown }: Decision,
): StageResult<AbTestState> {
  const missing = shown.map(one => whatIsMissing(state, one, look))
  const best = shown.find((_, index) => missing[index] === null)
  if (best !== undefined) {
    const decision = { winner: best.variant, reason: `${best.variant} ships: ${effectText(best.goal)}` }
    return plan.approval ? waitForApproval(state, decision) : ship(state, decision)
  }
  if (isEnd && shown.length === 0) return keep(state, whyNone(plan, arms))
  if (!state.isOver) return { state, commands: [] }
  const reason = `the time is over and ${shown[0]?.variant} is shown to be better, but ${missing[0]}`
  const held = state.held ? state : { ...state, held: true }
  return { state: held, commands: [{ type: 'hold', cause: 'ceiling', reason }] }
}

function whyNone(plan: AbTestPlan, arms: readonly Seen[]): string {
  return arms.every(({ arm }) => arm.goal?.verdict === 'fail')
    ? worseText(arms)
    : nothingShownText(
        plan,
        arms.map(({ goal }) => goal),
      )
}

function worseText(arms: readonly Seen[]): string {
  return arms.map(({ variant, goal }) => `${variant} is shown to be worse: ${effectText(goal)}`).join('; ')
}

/** What keeps a variant that is shown to be better from being shipped; null if nothing does. */
function whatIsMissing(state: AbTestState, { arm }: Seen, look: Look): string | null {
  if (arm.verdict !== 'pass') return arm.reason
  if (!state.isMature) return 'the test has not reached its least duration'
  return whatAgeNeeds(look, 'a variant ships')
}

function waitForApproval(state: AbTestState, decision: NonNullable<AbTestState['decision']>): StageResult<AbTestState> {
  return { state: { ...state, decision, held: true }, commands: [approvalOf(decision)] }
}

/** Wanted again at every look: another hold may have taken its place for a while. */
function approvalOf({ reason }: NonNullable<AbTestState['decision']>): StageCommand {
  return { type: 'hold', cause: 'approval', reason: `${reason}; waiting for approval` }
}

function ship(state: AbTestState, { winner, reason }: { winner: string; reason: string }): StageResult<AbTestState> {
  return {
    state: { ...state, held: false, decision: null, says: reason },
    commands: [...endHold(state.held), { type: 'passed', winner, reason }],
  }
}

function keep(state: AbTestState, reason: string): StageResult<AbTestState> {
  return { state, commands: [...endHold(state.held), { type: 'failed', cause: 'kept', reason }] }
}

function drop(
  state: AbTestState,
  reasons: Readonly<Record<string, string>>,
  { context, isLoss = false }: { context: StageContext; isLoss?: boolean },
): StageResult<AbTestState> {
  const gone = Object.keys(reasons)
  const told = gone.map(variant => `${variant}: ${reasons[variant]}`).join('; ')
  const dropped = { ...state.dropped, ...reasons }
  if (liveOf({ ...state, dropped }).length === 0)
    return { state, commands: [{ type: 'failed', cause: isLoss ? 'fleet-lost' : 'kept', reason: told }] }
  const isVoid = state.decision !== null && dropped[state.decision.winner] !== undefined
  return {
    state: {
      ...state,
      dropped,
      leaving: [...state.leaving, ...gone],
      ...(isVoid && { decision: null, held: false }),
      says: `dropped, and the share goes to ${state.stable}: ${told}`,
    },
    commands: [
      ...(isVoid ? endHold(state.held) : []),
      { type: 'set-weights', weights: withoutShares(context.weights, gone, state.stable) },
    ],
  }
}

function reasonsOf(arms: readonly Seen[], reasonOf: (one: Seen) => string): Record<string, string> {
  return Object.fromEntries(arms.map(one => [one.variant, reasonOf(one)]))
}

/** The newest table has been applied: nobody is routed to the dropped ones any more. */
function letGo(state: AbTestState): StageResult<AbTestState> {
  if (state.leaving.length === 0) return unchanged(state)
  const commands = state.leaving.map((version): StageCommand => ({ type: 'stop', version }))
  return { state: { ...state, leaving: [] }, commands }
}
