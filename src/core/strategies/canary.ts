/**
 * Canary: ordered steps of weight. A step ends when it is old enough, the candidate has answered enough requests in it
 * and every check passes. Without that it waits, and past its ceiling it holds; a step never ends on time alone.
 */
import { assertNever } from '../errors.ts'
import type { Judgement } from '../judge/judgement.ts'
import type { CanaryPlan, CanaryStep } from '../stage-plans.ts'
import { type StageCommand, type StageEvent, type StageResult, type Strategy, unchanged } from './strategy.ts'

export type CanaryState = {
  kind: 'canary'
  stepIndex: number
  stepSinceMs: number
  /** All steps passed; an approval is awaited. */
  awaitsApproval: boolean
  held: boolean
}

export const canary: Strategy<CanaryPlan, CanaryState> = {
  initial: () => ({ kind: 'canary', stepIndex: -1, stepSinceMs: 0, awaitsApproval: false, held: false }),

  // Past the last step the index stands on the last one still: an approval is awaited there.
  progress: ({ steps }, { stepIndex }) => ({
    step: stepIndex < 0 ? null : Math.min(stepIndex, steps.length - 1),
    steps: steps.length,
    says: null,
  }),

  step(plan, state, event): StageResult<CanaryState> {
    switch (event.type) {
      case 'entered':
        return enterStep(plan, state, { stepIndex: 0, atMs: event.atMs, reason: '' })
      case 'judged':
        return state.awaitsApproval ? unchanged(state) : judged(plan, state, event)
      case 'approved':
        return state.awaitsApproval ? { state, commands: [{ type: 'passed', reason: 'approved' }] } : unchanged(state)
      case 'applied':
      case 'fleet':
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

function judged(
  plan: CanaryPlan,
  state: CanaryState,
  event: Extract<StageEvent, { type: 'judged' }>,
): StageResult<CanaryState> {
  const step = plan.steps[state.stepIndex]
  if (step === undefined) throw new Error(`canary step ${state.stepIndex} does not exist`)
  const ageMs = event.atMs - state.stepSinceMs
  const isLast = state.stepIndex === plan.steps.length - 1
  const waiting =
    whatIsMissing(plan, step, { ageMs, judgement: event.judgement }) ?? (isLast ? whatPromotionNeeds(event) : null)
  if (waiting === null) return nextStep(plan, state, { atMs: event.atMs, reason: event.judgement.reason })
  const late = step.ceilingMs !== null && ageMs >= step.ceilingMs
  if (!late || state.held) return unchanged(state)
  return { state: { ...state, held: true }, commands: [{ type: 'hold', cause: 'ceiling', reason: waiting }] }
}

/** What the step still lacks, as a sentence; null when it may end. */
function whatIsMissing(
  plan: CanaryPlan,
  step: CanaryStep,
  seen: { ageMs: number; judgement: Judgement },
): string | null {
  const { judgement } = seen
  if (judgement.verdict !== 'pass') return judgement.reason
  if (judgement.stepRequests < plan.minRequests) {
    return `the candidate has answered ${judgement.stepRequests} of ${plan.minRequests} requests in this step`
  }
  if (seen.ageMs < step.floorMs) return `the step lasts ${step.floorMs - seen.ageMs} ms more`
  return null
}

/** What must be shown before the candidate gets everything; null when it has been. */
function whatPromotionNeeds({ atMs, judgement, notBeforeMs }: Extract<StageEvent, { type: 'judged' }>): string | null {
  if (judgement.goal !== undefined && judgement.goal.verdict !== 'pass') return judgement.goal.reason
  if (notBeforeMs !== undefined && atMs < notBeforeMs)
    return `the release is to be ${notBeforeMs - atMs} ms older before it is promoted`
  return null
}

function nextStep(
  plan: CanaryPlan,
  state: CanaryState,
  cause: { atMs: number; reason: string },
): StageResult<CanaryState> {
  const stepIndex = state.stepIndex + 1
  if (stepIndex < plan.steps.length) return enterStep(plan, state, { stepIndex, ...cause })
  if (!plan.approval) {
    return { state, commands: [...endHold(state), { type: 'passed', reason: cause.reason }] }
  }
  return {
    state: { ...state, awaitsApproval: true, held: true },
    commands: [{ type: 'hold', cause: 'approval', reason: 'all steps passed; waiting for approval' }],
  }
}

function enterStep(
  plan: CanaryPlan,
  state: CanaryState,
  into: { stepIndex: number; atMs: number; reason: string },
): StageResult<CanaryState> {
  const step = plan.steps[into.stepIndex]
  if (step === undefined) throw new Error('a canary has at least one step')
  return {
    state: { ...state, stepIndex: into.stepIndex, stepSinceMs: into.atMs, awaitsApproval: false, held: false },
    commands: [...endHold(state), { type: 'set-weight', candidatePpm: step.weightPpm }],
  }
}

function endHold(state: CanaryState): StageCommand[] {
  return state.held ? [{ type: 'release-hold' }] : []
}
