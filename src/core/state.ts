/** The state of the control plane: a fold of the event log, nothing else. Plain data. */
import type { Keys } from './access/api-key.ts'
import type { EndpointSpec } from './endpoint.ts'
import type { FlagsState } from './flags/flags-state.ts'
import type { MonitoringState } from './monitor/report.ts'
import type { Period } from './period.ts'
import type { ReleasePlan } from './plan.ts'
import type { Origin } from './registry/registry.ts'
import type { FleetState, ReturnCause } from './state-words.ts'
import type { StageState } from './strategies/table.ts'
import type { TrafficTable, Weights } from './traffic.ts'
import type { GatePlace } from './webhook.ts'

export type EndpointState = {
  spec: EndpointSpec
  /** The version that serves by right: the one promoted last, or the declared one before any release. */
  stable: string
  table: TrafficTable
  /** The greatest epoch that the gateway confirmed. */
  appliedEpoch: number
  fleets: Readonly<Record<string, FleetState>>
  /** Wanted instances of the fleets that a stage resized; the others have as many as their version declares. */
  sizes?: Readonly<Record<string, number>>
  /** The release under way; null if none. */
  activeRelease: string | null
  /** Those that wait for its end, in order; one that `replaces` has told it to end. Left out where none waits. */
  queue?: readonly { release: string; replaces?: true }[]
  releaseCount: number
  /** How its stable version is watched; left out where the endpoint asks for nothing of the kind. */
  monitoring?: MonitoringState
  /** What its registry was told to serve everybody; left out where nothing was. */
  champion?: Origin
}

/** Why a release waits. A hold ends by itself when its reason goes, or by an operator's word. */
export type Hold = {
  sinceMs: number
  reason: string
  cause: 'ceiling' | 'invalid' | 'signal' | 'guardrail' | 'approval' | 'gate' | 'freeze' | 'flag' | 'group'
  /** The stage is past its ceiling and said so before: that holds again when this ends by itself. */
  before?: Hold
}

/** The stage has passed; a gate, a freeze window, a flag or the others of a group are waited for. */
export type Passed = { winner?: string; keepMs?: number }

export type Phase =
  /** Another release of the endpoint runs; this one begins when that has ended. */
  | { kind: 'queued'; sinceMs: number }
  /** The fleets that the stage to come needs are being made ready; the first stage's where `stageIndex` is left out. */
  | { kind: 'starting'; sinceMs: number; stageIndex?: number; awaitsGate?: true; hold?: Hold }
  | { kind: 'running'; stageIndex: number; stage: StageState; paused: boolean; hold: Hold | null; passed?: Passed }
  /** The candidate gets all traffic; waits for the gateway to say so. `awaitsFleet`: it gets it once it is ready, as after a restart. */
  | { kind: 'promoting'; epoch: number; keepMs?: number; awaitsFleet?: true }
  /** Promoted; the old version is kept warm and late labels may still roll back. */
  | { kind: 'probation'; untilMs: number }
  /** Capacity of the stable version first, then its traffic. */
  | {
      kind: 'returning'
      cause: ReturnCause
      reason: string
      /** `stage`: the strategy goes back in its own way first. */
      awaiting: 'stage' | 'fleet' | 'traffic'
      epoch: number
      /** While `awaiting` is `stage`. */
      stageIndex?: number
      stage?: StageState
    }
  | { kind: 'promoted'; atMs: number }
  | { kind: 'rolled-back'; atMs: number; cause: ReturnCause; reason: string }

/** One period of constant weights within a release. */
export type ReleaseEpoch = {
  epoch: number
  candidatePpm: number
  sinceMs: number
  /** The stage it belongs to; the first where it is left out. */
  stageIndex?: number
  /** All weights, where another version than the plan's own candidate and the stable one had any. */
  weights?: Weights
}

export type ReleaseState = {
  id: string
  plan: ReleasePlan
  actor: string
  startedAtMs: number
  phase: Phase
  /** The releases of its group, itself among them, since they began together. */
  members?: readonly string[]
  /** The version that a comparison chose; the plan's own candidate where it is left out. */
  candidate?: string
  /** Which of the plan's flags are off, by their place in it; left out where none is. */
  shut?: readonly number[]
  /** Gates that said yes, or that an operator passed over. */
  confirmed?: readonly GatePlace[]
  /** The periods in which both versions served, oldest first: the evidence of this release. */
  epochs: readonly ReleaseEpoch[]
  /** When nobody served, from the gateway's word to its word; the last one is open while it lasts. Left out where there was none. */
  gaps?: readonly Period[]
  /** From a start of the server until all that has traffic was ready again: that says nothing of a version. The last one is open while it lasts. */
  restarts?: readonly Period[]
  /** When the candidate first and last could be met by a user. */
  exposedFromMs: number | null
  exposedToMs: number | null
  /** The registry that the candidate came from knows how it ended. */
  registryTold?: true
}

export type ControlState = {
  endpoints: Readonly<Record<string, EndpointState>>
  /** Where deleted endpoints left off: one of the same name goes on counting, so that old records are not taken for new ones. */
  retired: Readonly<Record<string, Pick<EndpointState, 'releaseCount'> & { epoch: number }>>
  releases: Readonly<Record<string, ReleaseState>>
  /** By id; left out where there never was one. */
  keys?: Keys
  /** Left out before the first flag or segment. */
  flags?: FlagsState
}

export const emptyState: ControlState = { endpoints: {}, retired: {}, releases: {} }

/** The version that the release would make stable. */
export function candidateOf(release: Pick<ReleaseState, 'candidate' | 'plan'>): string {
  return release.candidate ?? release.plan.to
}

/** How long nobody served, as of a moment. */
export function downtimeMs({ gaps = [] }: Pick<ReleaseState, 'gaps'>, atMs: number): number {
  return gaps.reduce((sum, { fromMs, toMs }) => sum + (toMs ?? atMs) - fromMs, 0)
}

/** Whether evidence of it grows: the candidate has traffic, or had it up to now. */
export function meetsUsers({ phase }: ReleaseState): boolean {
  return phase.kind === 'running' || phase.kind === 'probation' || isBetweenStages(phase)
}

/** A later stage is made ready, and the traffic of the one before stays. */
export function isBetweenStages(phase: Phase): boolean {
  return phase.kind === 'starting' && phase.stageIndex !== undefined
}

/** The epoch in which the evidence of the endpoint's running release begins; null where none runs, or before its first. */
export function releaseFromEpoch({ activeRelease }: EndpointState, { releases }: ControlState): number | null {
  const release = activeRelease === null ? undefined : releases[activeRelease]
  return release?.epochs[0]?.epoch ?? null
}

export function isTerminal(release: ReleaseState): boolean {
  return release.phase.kind === 'promoted' || release.phase.kind === 'rolled-back'
}
