/** Brings fleets up and down. Idempotent: asking twice for the same does it once. */
import type { VersionSpec } from '../core/endpoint.ts'
import type { FleetView, ModelMetadata } from './backend.ts'

/** `failed` also comes later, when a fleet that was ready cannot be kept up. */
export type FleetReport =
  | { state: 'ready'; endpoint: string; version: string; instances?: number }
  | { state: 'failed'; endpoint: string; version: string; reason: string }
  /** It was told to end, and nothing of it runs any more. */
  | { state: 'stopped'; endpoint: string; version: string }

export type InstanceStatus = {
  id: string
  state: 'starting' | 'ready' | 'unhealthy' | 'draining' | 'failed'
  detail: string
}

/** `instances`: as many as the version declares where it is left out; surplus ones may finish what is in flight for `drainMs`. */
export type FleetRequest = {
  endpoint: string
  version: VersionSpec
  readyTimeoutMs: number
  instances?: number
  drainMs?: number
}

export interface Deployer {
  /** Starts what is missing; reports once all instances are ready, or that they failed, and again on every change between the two. */
  ensure(request: FleetRequest): void
  /** Takes the fleet out of the view at once, lets requests in flight finish for `drainMs`, then ends it. */
  stop(request: { endpoint: string; version: string; drainMs: number }): Promise<void>
  /** Cheap checks before a version is accepted (file exists, model readable, words executable); throws a `CutoverError`. Answers what the model takes and gives, where that can be known before it runs. */
  check(version: VersionSpec): Promise<ModelMetadata | null>
  status(endpoint: string, version: string): readonly InstanceStatus[]
  readonly fleets: FleetView
  /** Ends everything. */
  close(): Promise<void>
}
