/**
 * Canary: ordered steps of weight. A step ends when it is old enough, the candidate has answered enough requests in it
 * and every check passes. Without that it waits, and past its ceiling it holds; a step never ends on time alone.
 */
import { controlOf } from '../control-fleet.ts'
import { assertNever } from '../errors.ts'
import type { Judgement } from '../judge/judgement.ts'
import { leftMs, stepWait, waitText } from '../judge/wait.ts'
import { limits } from '../limits.ts'
import type { CanaryPlan, CanaryStep } from '../stage-plans.ts'
import { type CanaryReturn, goesBackInSteps, heardOnTheWayBack, turnBack } from './canary-return.ts'
import { whatPromotionNeeds } from './promotion-needs.ts'
import {
  endHold,
  type Judged,
  type StageCommand,
  type StageContext,
  type StageResult,
  type Strategy,
  unchanged,
} from './strategy.ts'

export type CanaryState = {
  kind: 'canary'
  stepIndex: number
  stepSinceMs: number
  /** The step, or all of them, passed; an approval is awaited. */
  awaitsApproval: boolean
  held: boolean
  /** On the way back in steps. */
  back?: CanaryReturn
}

export const canary: Strategy<CanaryPlan, CanaryState> = {
  initial: () => ({ kind: 'canary', stepIndex: -1, stepSinceMs: 0, awaitsApproval: false, held: false }),

  // Past the last step the index stands on the last one still: an approval is awaited there.
  progress: ({ steps }, { stepIndex }) => ({
    step: stepIndex < 0 ? null : Math.min(stepIndex, steps.length - 1),
    steps: steps.length,
    says: null,
  }),

  needs: ({ control }, { stable, candidate }) => (control === undefined ? [candidate] : [candidate, controlOf(stable)]),

  goesBack: goesBackInSteps,

  step(plan, state, event, context): StageResult<CanaryState> {
    switch (event.type) {
      case 'entered':
        return enterStep(plan, state, { stepIndex: 0, atMs: event.atMs, reason: '' }, context)
      case 'judged':
        // Wanted again at every look: another hold may have taken its place for a while.
        return state.awaitsApproval ? waitForApproval(plan, state) : judged(plan, state, event, context)
      case 'approved':
        return state.awaitsApproval
          ? goOn(plan, state, { atMs: event.atMs, reason: 'approved' }, context)
          : unchanged(state)
      case 'return':
        return turnBack(plan, state, event.atMs, context)
      case 'fleet':
      case 'tick':
        return heardOnTheWayBack(plan, state, event, context)
      case 'applied':
      case 'trial':
      case 'arms':
      case 'restarted':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },

  advance: (plan, state, atMs, context) =>
    state.back === undefined
      ? goOn(plan, state, { atMs, reason: 'promoted past this step' }, context)
      : { state, commands: [{ type: 'returned' }] },
}

function judged(plan: CanaryPlan, state: CanaryState, event: Judged, context: StageContext): StageResult<CanaryState> {
  const step = stepAt(plan, state.stepIndex)
  const { atMs, judgement } = event
  const ageMs = atMs - state.stepSinceMs
  const isLast = state.stepIndex === plan.steps.length - 1
  const waiting =
    whatIsMissing(plan, step, { ageMs, judgement }, context) ?? (isLast ? whatPromotionNeeds(event) : null)
  if (waiting === null) return endStep(plan, state, { atMs, reason: judgement.reason }, context)
  const late = step.ceilingMs !== null && ageMs >= step.ceilingMs
  if (!late || state.held) return unchanged(state)
  const wait = stepWait({ judgement, minRequests: plan.minRequests, sinceMs: state.stepSinceMs, atMs })
  const reason = wait === null ? waiting : `${waiting}; ${waitText(wait, leftMs(plan, state, atMs))}`
  return { state: { ...state, held: true }, commands: [{ type: 'hold', cause: 'ceiling', reason }] }
}

function stepAt({ steps }: CanaryPlan, index: number): CanaryStep {
  const step = steps[index]
  if (step === undefined) throw new Error(`canary step ${index} does not exist`)
  return step
}

/** What the step still lacks, as a sentence; null when it may end. */
function whatIsMissing(
  plan: CanaryPlan,
  step: CanaryStep,
  seen: { ageMs: number; judgement: Judgement },
  { fleets, stable }: StageContext,
): string | null {
  const { judgement } = seen
  if (judgement.verdict !== 'pass') return judgement.reason
  if (plan.control !== undefined && fleets[controlOf(stable)] !== 'ready')
    return `the control, a fresh fleet of ${stable}, is not running`
  if (judgement.stepRequests < plan.minRequests) {
    return `the candidate has answered ${judgement.stepRequests} of ${plan.minRequests} requests in this step`
  }
  if (seen.ageMs < step.floorMs) return `the step lasts ${step.floorMs - seen.ageMs} ms more`
  return null
}

type Cause = { atMs: number; reason: string }

/** The evidence of the step is in: on to the next one, unless a person is to say so first. */
function endStep(plan: CanaryPlan, state: CanaryState, cause: Cause, context: StageContext): StageResult<CanaryState> {
  const isLast = state.stepIndex === plan.steps.length - 1
  const asks = stepAt(plan, state.stepIndex).approve === true || (isLast && plan.approval)
  return asks
    ? waitForApproval(plan, { ...state, awaitsApproval: true, held: true })
    : goOn(plan, state, cause, context)
}

function waitForApproval({ steps }: CanaryPlan, state: CanaryState): StageResult<CanaryState> {
  const isLast = state.stepIndex === steps.length - 1
  const what = isLast ? 'all steps passed' : `step ${state.stepIndex + 1} of ${steps.length} passed`
  return { state, commands: [{ type: 'hold', cause: 'approval', reason: `${what}; waiting for approval` }] }
}

function goOn(plan: CanaryPlan, state: CanaryState, cause: Cause, context: StageContext): StageResult<CanaryState> {
  const stepIndex = state.stepIndex + 1
  if (stepIndex < plan.steps.length) return enterStep(plan, state, { stepIndex, ...cause }, context)
  const passed: StageCommand = { type: 'passed', reason: cause.reason }
  return { state, commands: state.awaitsApproval ? [passed] : [...endHold(state.held), passed] }
}

function enterStep(
  plan: CanaryPlan,
  state: CanaryState,
  into: { stepIndex: number } & Cause,
  context: StageContext,
): StageResult<CanaryState> {
  const step = stepAt(plan, into.stepIndex)
  return {
    state: { ...state, stepIndex: into.stepIndex, stepSinceMs: into.atMs, awaitsApproval: false, held: false },
    commands: [...endHold(state.held), weigh(plan, step.weightPpm, context)],
  }
}

/** A control gets what the candidate gets; the stable version has the rest. */
function weigh({ control }: CanaryPlan, candidatePpm: number, { stable, candidate }: StageContext): StageCommand {
  if (control === undefined) return { type: 'set-weight', candidatePpm }
  const weights = {
    [stable]: limits.ppmTotal - 2 * candidatePpm,
    [controlOf(stable)]: candidatePpm,
    [candidate]: candidatePpm,
  }
  return { type: 'set-weights', weights }
}
