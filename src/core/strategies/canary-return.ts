/** The way back of a canary in steps: capacity of the stable version first, then traffic, step by step. */
import type { CanaryPlan } from '../stage-plans.ts'
import type { CanaryState } from './canary.ts'
import { type Retreat, type StageContext, type StageEvent, type StageResult, unchanged } from './strategy.ts'

/** `sinceMs` is null while the stable version's capacity is awaited. */
export type CanaryReturn = { sinceMs: number | null }

/** A candidate that cannot be kept running serves nobody on the way; a breach ends at once unless the plan says otherwise. */
export function goesBackInSteps({ return: paced }: CanaryPlan, { cause, stableShrunk }: Retreat): boolean {
  if (paced === undefined || cause === 'fleet-lost' || cause === 'never-ready') return false
  return cause !== 'guardrail' || stableShrunk || paced.onBreach === true
}

export function turnBack(
  plan: CanaryPlan,
  state: CanaryState,
  atMs: number,
  context: StageContext,
): StageResult<CanaryState> {
  const { stable, fleets, declared, wanted } = context
  const isWhole = fleets[stable] === 'ready' && (wanted[stable] ?? 0) >= (declared[stable] ?? 0)
  if (isWhole) return stepBack(plan, state, atMs, context)
  return { state: { ...state, back: { sinceMs: null } }, commands: [{ type: 'ensure', version: stable }] }
}

export function heardOnTheWayBack(
  plan: CanaryPlan,
  state: CanaryState,
  event: Extract<StageEvent, { type: 'fleet' | 'tick' }>,
  context: StageContext,
): StageResult<CanaryState> {
  const { back } = state
  if (back === undefined) return unchanged(state)
  const isReady = context.fleets[context.stable] === 'ready'
  if (event.type === 'fleet') {
    const isLost = event.version === context.candidate && event.state === 'failed'
    if (isLost) return { state, commands: [{ type: 'returned' }] }
    return back.sinceMs === null && isReady ? stepBack(plan, state, event.atMs, context) : unchanged(state)
  }
  const isDue = back.sinceMs !== null && event.atMs - back.sinceMs >= (plan.return?.everyMs ?? 0)
  return isDue && isReady ? stepBack(plan, state, event.atMs, context) : unchanged(state)
}

/** To the next step below what the candidate has; past the last one the rest is left to the release. */
function stepBack(
  plan: CanaryPlan,
  state: CanaryState,
  atMs: number,
  { weights, candidate }: StageContext,
): StageResult<CanaryState> {
  const presentPpm = weights[candidate] ?? 0
  const candidatePpm = plan.return?.stepsPpm.find(ppm => ppm < presentPpm)
  const next = { ...state, back: { sinceMs: atMs } }
  if (candidatePpm === undefined) return { state: next, commands: [{ type: 'returned' }] }
  return { state: next, commands: [{ type: 'set-weight', candidatePpm }] }
}
