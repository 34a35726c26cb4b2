import { isDeepStrictEqual } from 'node:util'
import type { VersionSpec } from '../../core/endpoint.ts'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Instance } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetReport, FleetRequest, InstanceStatus } from '../../ports/deployer.ts'
import { after } from '../clock/after.ts'
import type { Logger } from './logger.ts'
import { ReadyInstances } from './ready-instances.ts'
import type { Driver, FleetFollower, FleetInstance } from './replica.ts'
import { Slot, type SlotOwner } from './slot.ts'

export type FleetContext = {
  endpoint: string
  version: VersionSpec
  readyTimeoutMs: number
  driver: Driver
  clock: Clock
  logger: Logger
  report(report: FleetReport): void
  follower?: FleetFollower
}

/** All instances of a version: which are ready, whom a request goes to, and when the fleet as a whole is ready or has failed. */
export class Fleet implements SlotOwner {
  readonly #context: FleetContext
  /** Oldest first. */
  readonly #slots: Slot[] = []
  /** Too many: they finish what is in flight and hold their resources until then. */
  readonly #leaving = new Map<Slot, Promise<void>>()
  readonly #ready = new ReadyInstances()
  #version: VersionSpec
  #wanted = 0
  #reported: FleetReport | null = null
  #readyTimeoutMs: number
  #cancelDeadline: (() => void) | null = null
  #ended: Promise<void> | null = null
  #cutDrain: () => void = () => {}
  readonly #drainCut: Promise<void>

  constructor(context: FleetContext) {
    this.#context = context
    this.#version = context.version
    this.#readyTimeoutMs = context.readyTimeoutMs
    this.#drainCut = new Promise(resolve => {
      this.#cutDrain = resolve
    })
  }

  get readyCount(): number {
    return this.#ready.count
  }

  get waiting(): number {
    return this.#ready.waiting
  }

  get statuses(): readonly InstanceStatus[] {
    return [...this.#slots, ...this.#leaving.keys()].map(slot => slot.status)
  }

  pick(): Instance | null {
    return this.#ready.pick()
  }

  /** Starts what is missing, ends what is too much, tries again what failed, and reports the state that already holds. */
  ensure({ version, readyTimeoutMs, instances, drainMs = limits.drainTimeoutMs }: FleetRequest): void {
    const { driver } = this.#context
    this.#refuseOtherBackend(version)
    this.#version = version
    this.#readyTimeoutMs = readyTimeoutMs
    const wanted = driver.readyNeeds === 'any' ? driver.size(version) : (instances ?? driver.size(version))
    const isNews = wanted !== this.#wanted || this.#reported?.state === 'failed'
    if (isNews) this.#reported = null
    else if (this.#reported !== null) this.#tell(this.#reported)
    this.#wanted = wanted
    this.#shrink(drainMs)
    for (const slot of this.#slots) slot.retry(readyTimeoutMs)
    this.#grow()
    if (driver.readyNeeds === 'any' && this.#ready.count === 0) this.#armDeadline()
    this.#judge()
  }

  /** Leaves the view at once and ends when nothing is in flight, at the latest after the shortest `drainMs` asked for. */
  drain(drainMs: number): Promise<void> {
    const cancel = after(this.#context.clock, drainMs, this.#cutDrain)
    this.#ended ??= this.#drainAll()
    return this.#ended.finally(cancel)
  }

  changed(slot: Slot): void {
    const { logger, endpoint, version } = this.#context
    const { id, state, detail } = slot.status
    const address = slot.instance?.address
    const fields = { endpoint, version: version.name, instance: id, state, ...(address !== undefined && { address }) }
    if (slot.ready) logger.info(fields, 'instance is ready')
    else logger.warn(fields, detail)
    this.#refreshView()
    this.#judge()
  }

  failed(_slot: Slot, reason: string): void {
    this.#fail(reason)
  }

  /** The last ready instance is never set aside: a poor answer is better than none. */
  failing(slot: Slot, detail: string): void {
    if (slot.ready && this.#ready.count > 1) slot.setAside(detail)
  }

  gone(instance: FleetInstance): void {
    this.#context.follower?.gone(instance)
  }

  async #drainAll(): Promise<void> {
    this.#disarmDeadline()
    for (const slot of this.#slots) slot.drain()
    this.#show()
    await Promise.all([...this.#leaving.values(), ...this.#slots.map(slot => this.#endDrained(slot, this.#drainCut))])
  }

  /** Who gets requests from now on. */
  #show(): void {
    const instances = this.#slots.flatMap(slot => (slot.ready && slot.instance !== null ? [slot.instance] : []))
    this.#ready.take(instances)
    this.#context.follower?.changed(this.#name(), instances)
  }

  /** Lets what is in flight finish until the drain is cut, then ends the copy. */
  async #endDrained(slot: Slot, cut: Promise<void>): Promise<void> {
    const { instance } = slot
    if (instance !== null) await Promise.race([this.#idle(instance), cut])
    await slot.end()
  }

  async #idle(instance: FleetInstance): Promise<void> {
    await Promise.all([instance.idle(), this.#context.follower?.idle(instance)])
  }

  #shrink(drainMs: number): void {
    const surplus = this.#slots.length - this.#wanted
    if (surplus <= 0) return
    const youngestFirst = this.#slots.toReversed().sort((a, b) => worth(a) - worth(b))
    for (const slot of youngestFirst.slice(0, surplus)) this.#dismiss(slot, drainMs)
    this.#show()
  }

  #dismiss(slot: Slot, drainMs: number): void {
    const { clock, logger } = this.#context
    const { promise: cut, resolve } = Promise.withResolvers<void>()
    const cancel = after(clock, drainMs, resolve)
    this.#slots.splice(this.#slots.indexOf(slot), 1)
    slot.drain()
    const gone = this.#endDrained(slot, Promise.race([cut, this.#drainCut])).finally(() => {
      cancel()
      this.#leaving.delete(slot)
      logger.info({ ...this.#name(), instance: slot.status.id }, 'instance is not needed any more and has ended')
      if (this.#ended !== null) return
      this.#grow()
      this.#judge()
    })
    this.#leaving.set(slot, gone)
  }

  /** What is leaving still holds its memory and its port, or its GPU: what comes in its place waits for that. */
  #grow(): void {
    const room = this.#wanted - this.#slots.length - this.#leaving.size
    for (let count = 0; count < room; count += 1) this.#addSlot()
  }

  #addSlot(): void {
    const { endpoint, driver, clock, logger } = this.#context
    const version = this.#version
    const index = this.#freeIndex()
    const plan = { id: `${endpoint}/${version.name}/${index}`, endpoint, version, index, clock, logger }
    const slot = new Slot(plan, driver, this, this.#readyTimeoutMs)
    this.#slots.push(slot)
    slot.start()
  }

  /** The least one that no instance has, so that names stay few however often the size changes. */
  #freeIndex(): number {
    const taken = new Set([...this.#slots, ...this.#leaving.keys()].map(slot => slot.index))
    let index = 0
    while (taken.has(index)) index += 1
    return index
  }

  #refuseOtherBackend(version: VersionSpec): void {
    const { endpoint, version: running } = this.#context
    if (isDeepStrictEqual(running.backend, version.backend)) return
    const detail = `version "${version.name}" of "${endpoint}" already runs from another backend; stop it first`
    throw new CutoverError('version-immutable', detail)
  }

  #refreshView(): void {
    if (this.#ended === null) this.#show()
  }

  /** Reports a change between ready and failed; a fleet with some instances missing keeps its last report. */
  #judge(): void {
    const any = this.#context.driver.readyNeeds === 'any'
    if (any && this.#ready.count === 0) this.#armDeadline()
    if (any && this.#ready.count > 0) this.#disarmDeadline()
    const isWhole = this.#ready.count === this.#wanted && this.#leaving.size === 0
    const isReady = any ? this.#ready.count > 0 : isWhole
    if (isReady && this.#reported?.state !== 'ready')
      this.#report({ ...this.#name(), state: 'ready', ...(!any && { instances: this.#wanted }) })
  }

  #fail(reason: string): void {
    if (this.#reported?.state === 'failed') return
    this.#context.logger.error(this.#name(), reason)
    this.#report({ ...this.#name(), state: 'failed', reason })
  }

  #name(): { endpoint: string; version: string } {
    return { endpoint: this.#context.endpoint, version: this.#context.version.name }
  }

  #report(report: FleetReport): void {
    this.#reported = report
    this.#tell(report)
  }

  /** In a later turn, so that a report never arrives from within the call that caused it. */
  #tell(report: FleetReport): void {
    queueMicrotask(() => {
      if (this.#ended === null) this.#context.report(report)
    })
  }

  #armDeadline(): void {
    if (this.#ended !== null) return
    this.#cancelDeadline ??= after(this.#context.clock, this.#readyTimeoutMs, () => {
      this.#cancelDeadline = null
      const details = this.#slots.map(slot => slot.detail).join('; ')
      this.#fail(
        `none of ${this.#slots.length} addresses was ready within ${this.#readyTimeoutMs / 1000} s: ${details}`,
      )
    })
  }

  #disarmDeadline(): void {
    this.#cancelDeadline?.()
    this.#cancelDeadline = null
  }
}

/** What is worth least goes first. */
function worth(slot: Slot): number {
  if (slot.failed) return 0
  return slot.ready ? 2 : 1
}

/** How long a fleet may drain when everything ends, so that killing what is left still fits into the shutdown. */
export const lastDrainMs = limits.shutdownTimeoutMs / 2
