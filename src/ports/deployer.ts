/** Brings fleets up and down and changes their size. Idempotent: asking twice for the same does it once. */
import type { VersionSpec } from '../core/endpoint.ts'
import type { FleetView, ModelMetadata } from './backend.ts'

export type FleetReport =
  /** Exactly `instances` are ready and none above them runs any more. Left out for a `url` version, of whose addresses one answers at least. */
  | { state: 'ready'; endpoint: string; version: string; instances?: number }
  /** Also comes later, when a fleet that was ready cannot be kept up. */
  | { state: 'failed'; endpoint: string; version: string; reason: string }
  /** Nothing of a fleet that was told to end runs any more, nor was it asked for again. */
  | { state: 'stopped'; endpoint: string; version: string }

export type FleetRequest = {
  endpoint: string
  version: VersionSpec
  readyTimeoutMs: number
  /** As many as the version declares where it is left out. A `url` version has as many as it has addresses. */
  instances?: number
  /** How long requests in flight on surplus instances may take to finish; `limits.drainTimeoutMs` where it is left out. */
  drainMs?: number
}

export type InstanceStatus = {
  id: string
  state: 'starting' | 'ready' | 'unhealthy' | 'draining' | 'failed'
  detail: string
}

export interface Deployer {
  /**
   * Starts what is missing and ends what is too much: that leaves the view at once, finishes what is in flight and is
   * then ended; failed instances go first, then those that are not ready, then the youngest. At no time do more run than
   * were wanted before or are wanted now. Reports once the size is reached, or that it failed, and again on every change
   * between the two.
   */
  ensure(request: FleetRequest): void
  /** Takes the fleet out of the view at once, lets requests in flight finish for `drainMs`, then ends it and reports that. */
  stop(request: { endpoint: string; version: string; drainMs: number }): Promise<void>
  /** Cheap checks before a version is accepted (file exists, model readable, words executable); throws a `CutoverError`. Answers what the model takes and gives, where that can be known before it runs. */
  check(version: VersionSpec): Promise<ModelMetadata | null>
  status(endpoint: string, version: string): readonly InstanceStatus[]
  readonly fleets: FleetView
  /** Ends everything. */
  close(): Promise<void>
}
