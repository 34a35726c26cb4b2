/** What the control plane can be asked and told: the one door of the API into the controller. */
import type { EndpointSpec } from '../core/endpoint.ts'
import type { Problem } from '../core/errors.ts'
import type { LoggedEvent, OperatorVerb } from '../core/event.ts'
import type { FlagSpec, SegmentSpec } from '../core/flags/flag.ts'
import type { Forecast } from '../core/forecast.ts'
import type { BaselineAnswer } from '../core/hypothesis.ts'
import type { Judgement } from '../core/judge/judgement.ts'
import type { SignalReport } from '../core/label-delays.ts'
import type { GoalCheck } from '../core/metric-check.ts'
import type { Look } from '../core/monitor/report.ts'
import type { ReleasePlan } from '../core/plan.ts'
import type { ControlState, ReleaseState } from '../core/state.ts'
import type { TimelineEntry } from '../core/timeline.ts'
import type { InstanceStatus } from '../ports/deployer.ts'
import type { KeyDesk } from './keys.ts'

/** What applying a document did, or would do. */
export type Change = {
  action: 'created' | 'updated' | 'unchanged' | 'started' | 'queued'
  /** Such as `Endpoint/digits` or `Release/digits-1`. */
  resource: string
  /** Paths that differ, with both values as they are in the compiled resource. */
  differences: readonly { path: string; before: unknown; after: unknown }[]
  note: string | null
  /** Of a release: what it will take. */
  forecast?: Forecast
}

/** A release as of now: the folded state, the newest look at the evidence (not in the log unless it decided something). */
export type ReleaseView = { release: ReleaseState; latest: { atMs: number; judgement: Judgement } | null }

export type ReleaseRequest = Omit<ReleasePlan, 'from' | 'planVersion'>

/** What comes with the same request: what is applied may name flags and segments already, and a release is held against its endpoint as it will be. */
export type Beside = {
  flags?: readonly FlagSpec[]
  segments?: readonly SegmentSpec[]
  endpoints?: readonly EndpointSpec[]
}

/** A release that nobody has asked for: how it would be planned, and what it would be refused for. */
export type Considered = { plan: ReleasePlan; problems: readonly Problem[] }

export interface ControlPlane {
  state(): ControlState
  /** API keys. */
  readonly keys: KeyDesk
  instances(endpoint: string, version: string): readonly InstanceStatus[]
  /** Throws not-found, version-immutable, in-use, model-invalid …; then nothing has changed. */
  applyEndpoint(request: { spec: EndpointSpec; actor: string; dryRun: boolean; beside?: Beside }): Promise<Change>
  /** `note` says how, where no document did. Throws invalid-resource for what it names and is not there. */
  applyFlag(request: { spec: FlagSpec; actor: string; note: string | null; dryRun: boolean; beside?: Beside }): Change
  applySegment(request: { spec: SegmentSpec; actor: string; note: string | null; dryRun: boolean }): Change
  /** Takes back the last change, or the deletion. Throws flag-not-found, invalid-request where there is nothing to take back. */
  undoFlag(request: { flag: string; actor: string; dryRun: boolean }): Change
  /** Like a flag's. Throws segment-not-found, invalid-request. */
  undoSegment(request: { segment: string; actor: string; dryRun: boolean }): Change
  /** Throws flag-not-found, segment-not-found, in-use. */
  deleteFlag(request: { flag: string; actor: string }): void
  deleteSegment(request: { segment: string; actor: string }): void
  deleteEndpoint(request: { endpoint: string; actor: string }): void
  /** Starts the release unless the document asks for what already is or runs; throws preflight-refused, release-conflict. */
  applyRelease(request: {
    plan: ReleaseRequest
    actor: string
    dryRun: boolean
    again: boolean
    beside?: Beside
  }): Promise<{ change: Change; release: string | null }>
  /** Changes nothing, and asks no model server. Throws endpoint-not-found. */
  consider(plan: ReleaseRequest): Considered
  /** Requests a second of the last minutes; null before it has been watched for long enough to tell. */
  rate(endpoint: string): number | null
  /** Of a metric on the stable version, from the newest recorded traffic. */
  baseline(query: { endpoint: string; version: string; goal: GoalCheck }): Promise<BaselineAnswer>
  /** `step`: promote past the present step alone. Throws release-state where the verb means nothing now. */
  operate(request: {
    release: string
    verb: OperatorVerb
    actor: string
    note: string | null
    step?: boolean
  }): ReleaseView
  release(id: string): ReleaseView
  /** The stable version as it is now; null where the endpoint asks for no watching. */
  look(endpoint: string): Look | null
  /** How late labels, rewards and reported values of an endpoint come. */
  delays(endpoint: string): readonly SignalReport[]
  /** Every decision of a release in order, with its numbers. */
  timeline(release: string): readonly TimelineEntry[]
  events(query: { afterSeq: number; limit: number }): readonly LoggedEvent[]
  /** Calls back for every appended event; returns the way to stop. */
  subscribe(listener: (event: LoggedEvent) => void): () => void
}
