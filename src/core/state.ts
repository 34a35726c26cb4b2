/** The state of the control plane: a fold of the event log, nothing else. Plain data. */
import type { EndpointSpec } from './endpoint.ts'
import type { ReleasePlan } from './plan.ts'
import type { StageState } from './strategies/table.ts'
import type { TrafficTable } from './traffic.ts'

/** `absent` fleets are not wanted; `starting` ones were asked for and have not reported. */
export type FleetState = 'absent' | 'starting' | 'ready' | 'failed'

export type EndpointState = {
  spec: EndpointSpec
  /** The version that serves by right: the one promoted last, or the declared one before any release. */
  stable: string
  table: TrafficTable
  /** The greatest epoch that the gateway confirmed. */
  appliedEpoch: number
  fleets: Readonly<Record<string, FleetState>>
  /** The release under way; null if none. */
  activeRelease: string | null
  releaseCount: number
}

/** Why a release waits. A hold ends by itself when its reason goes, or by an operator's word. */
export type Hold = {
  sinceMs: number
  reason: string
  cause: 'ceiling' | 'invalid' | 'signal' | 'guardrail' | 'approval'
}

/** Why a candidate goes back. */
export type ReturnCause = 'guardrail' | 'never-ready' | 'fleet-lost' | 'operator'

export type Phase =
  /** The candidate's fleet is being made ready; nothing is routed to it. */
  | { kind: 'starting'; sinceMs: number }
  | { kind: 'running'; stageIndex: number; stage: StageState; paused: boolean; hold: Hold | null }
  /** The candidate gets all traffic; waits for the gateway to say so. */
  | { kind: 'promoting'; epoch: number }
  /** Promoted; the old version is kept warm and late labels may still roll back. */
  | { kind: 'probation'; untilMs: number }
  /** Capacity of the stable version first, then its traffic. */
  | { kind: 'returning'; cause: ReturnCause; reason: string; awaiting: 'fleet' | 'traffic'; epoch: number }
  | { kind: 'promoted'; atMs: number }
  | { kind: 'rolled-back'; atMs: number; cause: ReturnCause; reason: string }

/** One period of constant weights within a release. */
export type ReleaseEpoch = { epoch: number; candidatePpm: number; sinceMs: number }

export type ReleaseState = {
  id: string
  plan: ReleasePlan
  actor: string
  startedAtMs: number
  phase: Phase
  /** The periods in which both versions served, oldest first: the evidence of this release. */
  epochs: readonly ReleaseEpoch[]
  /** When the candidate first and last could be met by a user. */
  exposedFromMs: number | null
  exposedToMs: number | null
}

export type ControlState = {
  endpoints: Readonly<Record<string, EndpointState>>
  /** Where deleted endpoints left off: one of the same name goes on counting, so that old records are not taken for new ones. */
  retired: Readonly<Record<string, Pick<EndpointState, 'releaseCount'> & { epoch: number }>>
  releases: Readonly<Record<string, ReleaseState>>
}

export const emptyState: ControlState = { endpoints: {}, retired: {}, releases: {} }

export function isTerminal(release: ReleaseState): boolean {
  return release.phase.kind === 'promoted' || release.phase.kind === 'rolled-back'
}
