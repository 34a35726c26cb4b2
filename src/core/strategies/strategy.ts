/**
 * What a strategy is: a pure reducer over its own stage. It never sees the other stages or the clock; it answers with its
 * next state and what it wants, and the release carries that out.
 */
import type { ContextPolicy } from '../bandit/context-policy.ts'
import type { Judgement } from '../judge/judgement.ts'
import type { FleetState, ReturnCause } from '../state-words.ts'
import type { RouteExtras, Weights } from '../traffic.ts'
import type { Trial, TrialReport } from '../trial.ts'

/** What a stage may know of the release and its endpoint, as of the event. */
export type StageContext = {
  release: string
  stable: string
  candidate: string
  /** By version: what is wanted and what was reported of it. */
  fleets: Readonly<Record<string, FleetState>>
  /** By version: how many instances it declares, and how many are wanted now. */
  declared: Readonly<Record<string, number>>
  wanted: Readonly<Record<string, number>>
  /** Of the table in force, and the epoch that the gateway confirmed. */
  weights: Weights
  epoch: number
  appliedEpoch: number
}

export type StageEvent =
  | { type: 'entered'; atMs: number }
  /**
   * `notBeforeMs`: no candidate is promoted earlier. `paused`: only for those that mind it (`watchesWhilePaused`).
   * `blocked`: why the release holds, only for those whose time goes on (`endsWhileBlocked`).
   */
  | { type: 'judged'; atMs: number; judgement: Judgement; notBeforeMs?: number; paused?: true; blocked?: string }
  | { type: 'approved'; atMs: number }
  /** The gateway routes by the newest table. */
  | { type: 'applied'; atMs: number; epoch: number }
  /** Of any version of the endpoint. */
  | { type: 'fleet'; atMs: number; version: string; state: 'ready'; instances: number }
  | { type: 'fleet'; atMs: number; version: string; state: 'failed'; reason: string }
  | { type: 'fleet'; atMs: number; version: string; state: 'stopped' }
  | { type: 'trial'; atMs: number; report: TrialReport }
  | { type: 'tick'; atMs: number }
  /** An operator changed who takes part: `add` is in the plan by now, `retire` still is. */
  | { type: 'arms'; atMs: number; add: readonly string[]; retire: readonly string[]; actor: string }
  /** A server came up: fleets that were wanted start anew, trials that ran are lost and must be asked for again. */
  | { type: 'restarted'; atMs: number }
  /** The release goes back, and this strategy does so in its own way (`goesBack`): it ends with `returned`. */
  | { type: 'return'; atMs: number; reason: string }

/** A look at the evidence. */
export type Judged = Extract<StageEvent, { type: 'judged' }>

/** What a stage wants of the release. */
export type StageCommand =
  /** Give the candidate this share of the traffic from now on, the stable version the rest. */
  | { type: 'set-weight'; candidatePpm: number }
  /** `policy` chooses by features from then on; left out, the one in force stays among the versions with traffic. */
  | { type: 'set-weights'; weights: Weights; policy?: ContextPolicy }
  /** A gap, mirrors, rules: in force until the stage ends or changes them. */
  | { type: 'set-route'; extras: RouteExtras }
  /** Answered by `fleet`: ready once exactly so many instances are; as many as the version declares if none are named. */
  | { type: 'ensure'; version: string; instances?: number }
  /** Answered by `fleet`: stopped. */
  | { type: 'stop'; version: string }
  /** Answered by `trial`. */
  | { type: 'run-trial'; trial: Trial }
  | { type: 'hold'; cause: 'ceiling' | 'approval'; reason: string }
  | { type: 'release-hold' }
  /** The stage's question is answered: the candidate, or the winner among several, may go on. `keepMs`: stable stays warm so long at least. */
  | { type: 'passed'; reason: string; winner?: string; keepMs?: number }
  /** The release goes back. */
  | { type: 'failed'; cause: ReturnCause; reason: string }
  /** After `return`: nothing is left but to give stable the traffic and end the candidate. */
  | { type: 'returned' }

/**
 * `step` of `steps` counts from 0; null before the first. `says` is a sentence that becomes an entry of the timeline
 * whenever it is another one; null where the weights tell it already.
 */
export type StageProgress = { step: number | null; steps: number; says: string | null }

/** Why a release goes back; `stableShrunk` where the stable version has fewer instances than it declares. */
export type Retreat = { cause: ReturnCause; stableShrunk: boolean }

/** The same state object means: nothing happened, nothing needs to be written down. */
export type StageResult<State> = { state: State; commands: readonly StageCommand[] }

export interface Strategy<Plan, State> {
  /** The state before `entered`. */
  initial(plan: Plan): State
  step(plan: Plan, state: State, event: StageEvent, context: StageContext): StageResult<State>
  /** Where the stage stands, for people. */
  progress(plan: Plan, state: State): StageProgress
  /** Versions whose whole fleets must be ready before `entered`; the candidate's if it is left out. */
  needs?(plan: Plan, versions: { stable: string; candidate: string }): readonly string[]
  /** A lost fleet is the stage's own matter; otherwise the loss of the candidate's takes the release back. */
  readonly mindsFleets?: true
  /** It hears of looks while the release is paused too, to take traffic from a version that breaks a guardrail and no more. */
  readonly watchesWhilePaused?: true
  /** Its time is over also while what was seen is invalid or a signal is breached: it hears of such looks, to end and no more. */
  readonly endsWhileBlocked?: true
  /** It gets `return` and goes back in its own way, also after the stage has passed; always, or if the plan says so. */
  readonly goesBack?: true | ((plan: Plan, why: Retreat) => boolean)
  /** How long stable stays warm after an operator's `promote` too. */
  keepMs?(plan: Plan): number
  /** An operator's word takes it past the step it is in, or to the end of its way back; left out where there are no steps. */
  advance?(plan: Plan, state: State, atMs: number, context: StageContext): StageResult<State>
  /** Why an operator's `promote` of the release's candidate cannot be done in this state; null if it can. */
  refusesPromotion?(state: State, candidate: string): string | null
}

/** A stage that had the release hold lets it go on; one that had not says nothing. */
export function endHold(isHeld: boolean): StageCommand[] {
  return isHeld ? [{ type: 'release-hold' }] : []
}

export function unchanged<State>(state: State): StageResult<State> {
  return { state, commands: [] }
}
