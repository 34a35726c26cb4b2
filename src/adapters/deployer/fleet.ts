import { isDeepStrictEqual } from 'node:util'
import type { VersionSpec } from '../../core/endpoint.ts'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Instance } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetReport, InstanceStatus } from '../../ports/deployer.ts'
import { after } from './after.ts'
import type { Logger } from './logger.ts'
import type { Driver } from './replica.ts'
import { Slot, type SlotOwner } from './slot.ts'

export type FleetContext = {
  endpoint: string
  version: VersionSpec
  readyTimeoutMs: number
  driver: Driver
  clock: Clock
  logger: Logger
  report(report: FleetReport): void
}

/** All instances of a version: which are ready, whom a request goes to, and when the fleet as a whole is ready or has failed. */
export class Fleet implements SlotOwner {
  readonly #context: FleetContext
  readonly #slots: Slot[] = []
  /** Replaced in place as slots come and go; read on every request. */
  readonly #ready: Instance[] = []
  #turn = 0
  #reported: FleetReport | null = null
  #readyTimeoutMs: number
  #cancelDeadline: (() => void) | null = null
  #ended: Promise<void> | null = null
  #cutDrain: () => void = () => {}
  readonly #drainCut: Promise<void>

  constructor(context: FleetContext) {
    this.#context = context
    this.#readyTimeoutMs = context.readyTimeoutMs
    this.#drainCut = new Promise(resolve => {
      this.#cutDrain = resolve
    })
  }

  get readyCount(): number {
    return this.#ready.length
  }

  get statuses(): readonly InstanceStatus[] {
    return this.#slots.map(slot => slot.status)
  }

  /** The least busy ready instance; among equals they take turns. */
  pick(): Instance | null {
    const count = this.#ready.length
    let best: Instance | null = null
    let bestAt = 0
    for (let step = 0; step < count; step += 1) {
      const at = (this.#turn + step) % count
      const instance = this.#ready[at]
      if (instance === undefined || (best !== null && instance.inFlight >= best.inFlight)) continue
      best = instance
      bestAt = at
      if (instance.inFlight === 0) break
    }
    this.#turn = bestAt + 1
    return best
  }

  /** Starts what is missing, tries again what failed, and reports the state that already holds. */
  ensure(version: VersionSpec, readyTimeoutMs: number): void {
    const { driver } = this.#context
    this.#refuseOtherBackend(version)
    this.#readyTimeoutMs = readyTimeoutMs
    const retries = this.#reported?.state === 'failed'
    if (retries) this.#reported = null
    else if (this.#reported !== null) this.#tell(this.#reported)
    if (retries) for (const slot of this.#slots) slot.retry(readyTimeoutMs)
    const missing = driver.size(version) - this.#slots.length
    if (missing > 0) this.#reported = null
    for (let count = 0; count < missing; count += 1) this.#addSlot(version)
    if (driver.readyNeeds === 'any' && this.#ready.length === 0) this.#armDeadline()
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
    const fields = { endpoint, version: version.name, instance: id, state }
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
    if (slot.ready && this.#ready.length > 1) slot.setAside(detail)
  }

  async #drainAll(): Promise<void> {
    this.#disarmDeadline()
    this.#ready.length = 0
    for (const slot of this.#slots) slot.drain()
    await Promise.all(
      this.#slots.map(async slot => {
        await Promise.race([slot.instance?.idle(), this.#drainCut])
        await slot.end()
      }),
    )
  }

  #addSlot(version: VersionSpec): void {
    const { endpoint, driver, clock, logger } = this.#context
    const index = this.#slots.length
    const plan = { id: `${endpoint}/${version.name}/${index}`, endpoint, version, index, clock, logger }
    const slot = new Slot(plan, driver, this, this.#readyTimeoutMs)
    this.#slots.push(slot)
    slot.start()
  }

  #refuseOtherBackend(version: VersionSpec): void {
    const { endpoint, version: running } = this.#context
    if (isDeepStrictEqual(running.backend, version.backend)) return
    const detail = `version "${version.name}" of "${endpoint}" already runs from another backend; stop it first`
    throw new CutoverError('version-immutable', detail)
  }

  #refreshView(): void {
    if (this.#ended !== null) return
    this.#ready.length = 0
    for (const slot of this.#slots) {
      if (slot.ready && slot.instance !== null) this.#ready.push(slot.instance)
    }
  }

  /** Reports a change between ready and failed; a fleet with some instances missing keeps its last report. */
  #judge(): void {
    const any = this.#context.driver.readyNeeds === 'any'
    if (any && this.#ready.length === 0) this.#armDeadline()
    if (any && this.#ready.length > 0) this.#disarmDeadline()
    const isReady = any ? this.#ready.length > 0 : this.#ready.length === this.#slots.length
    if (isReady && this.#reported?.state !== 'ready') this.#report({ ...this.#name(), state: 'ready' })
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

/** How long a fleet may drain when everything ends, so that killing what is left still fits into the shutdown. */
export const lastDrainMs = limits.shutdownTimeoutMs / 2
