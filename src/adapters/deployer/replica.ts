/** What every kind of backend gives the fleets: how to start one running copy, and what that copy tells. */
import type { VersionSpec } from '../../core/endpoint.ts'
import type { Instance, ModelMetadata } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from './logger.ts'
import type { Reach } from './reach.ts'

export interface Driver {
  /** `all`: a fleet is ready when every copy is. `any`: one is enough, since nobody here can start the others. */
  readonly readyNeeds: 'all' | 'any'
  /** How many copies the version has. */
  size(version: VersionSpec): number
  /** Cheap checks before a version is accepted; throws a `CutoverError`. */
  check(version: VersionSpec): Promise<ModelMetadata | null>
  /** Never throws: what goes wrong comes as an event. */
  start(plan: ReplicaPlan, events: ReplicaEvents): Replica
}

export type ReplicaPlan = {
  id: string
  endpoint: string
  version: VersionSpec
  /** Counts from 0 within the fleet. */
  index: number
  clock: Clock
  logger: Logger
}

/** Called in any order and from any turn of the event loop, but never from within `start`. */
export interface ReplicaEvents {
  ready(instance: FleetInstance): void
  /** Not ready yet, and why: kept to explain a deadline that passes. */
  waiting(detail: string): void
  /** Runs, but must not be used until `ready` comes again. */
  unhealthy(detail: string): void
  /** Too many requests in a row went wrong: the fleet may set it aside for a while. */
  failing(detail: string): void
  /** Nothing of it runs any more. `final`: starting it again cannot help. */
  ended(detail: string, final: boolean): void
}

export interface Replica {
  /** Ends it, cutting what is in flight; resolves when nothing of it runs. No event comes afterwards. */
  end(): Promise<void>
}

export interface FleetInstance extends Instance {
  /** Of its server, for the server's own log; left out where it has none. Callers know it by its number. */
  readonly address?: string | undefined
  /** Resolves once nothing is in flight. */
  idle(): Promise<void>
  /** How another thread calls it, made anew for each; null if only this one can. */
  reach(): Reach | null
  /** What became of another thread's calls. */
  heard(told: CallsTold): void
}

/** `failures` in a row, or none: the last calls were answered. */
export type CallsTold = { failures: number; detail: string }

/** Whoever calls instances from other threads. */
export interface FleetFollower {
  /** These instances of a version get requests from now on. */
  changed(fleet: { endpoint: string; version: string }, ready: readonly FleetInstance[]): void
  /** It gets no more requests; resolves once none from other threads is in flight. */
  idle(instance: FleetInstance): Promise<void>
  /** It has ended. */
  gone(instance: FleetInstance): void
}
