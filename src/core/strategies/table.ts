/** From kind to strategy. A kind without one does not compile. */
import type { StageKind, StagePlan, StagePlans } from '../stage-plans.ts'
import { abTest } from './ab-test.ts'
import type { AbTestState } from './ab-test-state.ts'
import { bandit } from './bandit.ts'
import type { BanditState } from './bandit-state.ts'
import { type BlueGreenState, blueGreen } from './blue-green.ts'
import { type CanaryState, canary } from './canary.ts'
import { type RecreateState, recreate } from './recreate.ts'
import { type RollingState, rolling } from './rolling.ts'
import { shadow } from './shadow.ts'
import type { ShadowState } from './shadow-state.ts'
import type { Retreat, StageContext, StageEvent, StageProgress, StageResult, Strategy } from './strategy.ts'

/** The state of the running stage, by kind. */
export type StageStates = {
  recreate: RecreateState
  rolling: RollingState
  blueGreen: BlueGreenState
  canary: CanaryState
  shadow: ShadowState
  abTest: AbTestState
  bandit: BanditState
}

export type StageState = StageStates[keyof StageStates]

type Strategies = { [Kind in StageKind]: Strategy<StagePlans[Kind], StageStates[Kind]> }

const strategies: Strategies = {
  recreate,
  rolling,
  blueGreen,
  canary,
  shadow,
  abTest,
  bandit,
}

export function initialStage(plan: StagePlan): StageState {
  return strategyOf(plan).initial(plan)
}

export function stepStage(
  plan: StagePlan,
  state: StageState,
  event: StageEvent,
  context: StageContext,
): StageResult<StageState> {
  return strategyOf(plan).step(plan, state, event, context)
}

/** Versions whose fleets must be ready before the stage is entered. */
export function needsOf(plan: StagePlan, versions: { stable: string; candidate: string }): readonly string[] {
  return strategyOf(plan).needs?.(plan, versions) ?? [versions.candidate]
}

export function progressOf(plan: StagePlan, state: StageState): StageProgress {
  return strategyOf(plan).progress(plan, state)
}

export function mindsFleets(plan: StagePlan): boolean {
  return strategyOf(plan).mindsFleets === true
}

export function watchesWhilePaused(plan: StagePlan): boolean {
  return strategyOf(plan).watchesWhilePaused === true
}

export function endsWhileBlocked(plan: StagePlan): boolean {
  return strategyOf(plan).endsWhileBlocked === true
}

export function goesBack(plan: StagePlan, why: Retreat): boolean {
  const own = strategyOf(plan).goesBack ?? false
  return own === true || (own !== false && own(plan, why))
}

/** Past the step that the stage is in, on an operator's word; null where the strategy has no steps. */
export function advanceStage(
  plan: StagePlan,
  state: StageState,
  atMs: number,
  context: StageContext,
): StageResult<StageState> | null {
  return strategyOf(plan).advance?.(plan, state, atMs, context) ?? null
}

export function hasSteps(plan: StagePlan): boolean {
  return strategyOf(plan).advance !== undefined
}

/** How long stable stays warm after an operator's `promote`; 0 where the strategy says nothing. */
export function keepMsOf(plan: StagePlan): number {
  return strategyOf(plan).keepMs?.(plan) ?? 0
}

export function promotionRefusal(plan: StagePlan, state: StageState, candidate: string): string | null {
  return strategyOf(plan).refusesPromotion?.(state, candidate) ?? null
}

/** Plan and state of one kind belong together by construction, which the type of a union cannot say. */
function strategyOf(plan: StagePlan): Strategy<StagePlan, StageState> {
  return strategies[plan.kind] as Strategy<StagePlan, StageState>
}
