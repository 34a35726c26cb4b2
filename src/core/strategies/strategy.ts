/**
 * What a strategy is: a pure reducer over its own stage. It never sees the other stages, the fleet or the clock;
 * it answers with its next state and what it wants, and the release carries that out.
 */
import type { Judgement } from '../judge/judgement.ts'

export type StageEvent =
  | { type: 'entered'; atMs: number }
  /** `notBeforeMs`: no candidate is promoted earlier. */
  | { type: 'judged'; atMs: number; judgement: Judgement; notBeforeMs?: number }
  | { type: 'approved'; atMs: number }

/** What a stage wants of the release. */
export type StageCommand =
  /** Give the candidate this share of the traffic from now on. */
  | { type: 'set-weight'; candidatePpm: number }
  | { type: 'hold'; cause: 'ceiling' | 'approval'; reason: string }
  | { type: 'release-hold' }
  /** The stage's question is answered: the candidate may go on. */
  | { type: 'passed'; reason: string }

/** The same state object means: nothing happened, nothing needs to be written down. */
export type StageResult<State> = { state: State; commands: readonly StageCommand[] }

export interface Strategy<Plan, State> {
  /** The state before `entered`. */
  initial(plan: Plan): State
  step(plan: Plan, state: State, event: StageEvent): StageResult<State>
}
