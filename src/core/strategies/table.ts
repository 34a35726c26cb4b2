/** From kind to strategy. A kind that is in the plan's union and not here does not compile. */
import type { StagePlan } from '../plan.ts'
import { availableStageKinds } from '../plan.ts'
import { type CanaryState, canary } from './canary.ts'
import type { StageEvent, StageResult } from './strategy.ts'

/** The state of the running stage, by kind. */
export type StageState = CanaryState

type AvailablePlan = Extract<StagePlan, { kind: (typeof availableStageKinds)[number] }>

const strategies = { canary } as const satisfies Record<AvailablePlan['kind'], unknown>

export function isAvailable(plan: StagePlan): plan is AvailablePlan {
  return (availableStageKinds as readonly string[]).includes(plan.kind)
}

export function initialStage(plan: StagePlan): StageState {
  return strategies[available(plan).kind].initial(available(plan))
}

export function stepStage(plan: StagePlan, state: StageState, event: StageEvent): StageResult<StageState> {
  return strategies[available(plan).kind].step(available(plan), state, event)
}

/** The config door refuses the other kinds by name; one that got here is a programmer's error. */
function available(plan: StagePlan): AvailablePlan {
  if (!isAvailable(plan)) throw new Error(`stage kind ${plan.kind} cannot run`)
  return plan
}
