import type { BackendKind, VersionSpec } from '../../core/endpoint.ts'
import type { FleetView, ModelMetadata } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Deployer, FleetReport, FleetRequest, InstanceStatus } from '../../ports/deployer.ts'
import { Fleet, lastDrainMs } from './fleet.ts'
import type { Logger } from './logger.ts'
import type { Driver, FleetFollower } from './replica.ts'

export type FleetDeployerContext = {
  clock: Clock
  logger: Logger
  report(report: FleetReport): void
  drivers: Readonly<Record<BackendKind, Driver>>
  /** Left out where no other thread calls instances. */
  follower?: FleetFollower
}

/** Keeps the fleets of all versions, whatever they run on. */
export class FleetDeployer implements Deployer {
  readonly #context: FleetDeployerContext
  /** By endpoint, then version: two look-ups and no joined key on the path of a request. */
  readonly #fleets = new Map<string, Map<string, Fleet>>()
  readonly #draining = new Set<{ fleet: Fleet; endpoint: string; version: string; ended: Promise<void> }>()
  #closed = false

  constructor(context: FleetDeployerContext) {
    this.#context = context
  }

  readonly fleets: FleetView = {
    pick: (endpoint, version) => this.#find(endpoint, version)?.pick() ?? null,
    waiting: (endpoint, version) => this.#find(endpoint, version)?.waiting ?? 0,
    readyCount: (endpoint, version) => this.#find(endpoint, version)?.readyCount ?? 0,
  }

  /** Throws `version-immutable` if the version runs from another backend. After `close` it does nothing. */
  ensure(request: FleetRequest): void {
    if (this.#closed) return
    const fleet = this.#find(request.endpoint, request.version.name) ?? this.#add(request)
    fleet.ensure(request)
  }

  /** Stopping what is not there only reports so; stopping again while it drains can only shorten the drain. */
  async stop(request: { endpoint: string; version: string; drainMs: number }): Promise<void> {
    const { endpoint, version, drainMs } = request
    const fleet = this.#find(endpoint, version)
    if (fleet !== null) this.#startDraining(fleet, endpoint, version, drainMs)
    const same = [...this.#draining].filter(entry => entry.endpoint === endpoint && entry.version === version)
    await Promise.all(same.map(entry => entry.fleet.drain(drainMs)))
    this.#reportStopped(endpoint, version)
  }

  check(version: VersionSpec): Promise<ModelMetadata | null> {
    return this.#context.drivers[version.backend.kind].check(version)
  }

  status(endpoint: string, version: string): readonly InstanceStatus[] {
    const draining = [...this.#draining].filter(entry => entry.endpoint === endpoint && entry.version === version)
    const current = this.#find(endpoint, version)?.statuses ?? []
    return [...current, ...draining.flatMap(entry => entry.fleet.statuses)]
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const [endpoint, versions] of this.#fleets) {
      for (const [version, fleet] of versions) this.#startDraining(fleet, endpoint, version, lastDrainMs)
    }
    await Promise.all([...this.#draining].map(entry => entry.fleet.drain(lastDrainMs)))
  }

  #find(endpoint: string, version: string): Fleet | null {
    return this.#fleets.get(endpoint)?.get(version) ?? null
  }

  #reportStopped(endpoint: string, version: string): void {
    const isRunning = this.status(endpoint, version).length > 0 || this.#find(endpoint, version) !== null
    if (!this.#closed && !isRunning) this.#context.report({ state: 'stopped', endpoint, version })
  }

  #add(request: FleetRequest): Fleet {
    const { drivers, ...shared } = this.#context
    const fleet = new Fleet({ ...request, ...shared, driver: drivers[request.version.backend.kind] })
    const versions = this.#fleets.get(request.endpoint) ?? new Map<string, Fleet>()
    this.#fleets.set(request.endpoint, versions.set(request.version.name, fleet))
    return fleet
  }

  #startDraining(fleet: Fleet, endpoint: string, version: string, drainMs: number): void {
    const versions = this.#fleets.get(endpoint)
    versions?.delete(version)
    if (versions?.size === 0) this.#fleets.delete(endpoint)
    const entry = { fleet, endpoint, version, ended: fleet.drain(drainMs) }
    this.#draining.add(entry)
    void entry.ended.finally(() => this.#draining.delete(entry))
  }
}
