import { limits } from '../../core/limits.ts'
import type { InstanceStatus } from '../../ports/deployer.ts'
import { after } from '../clock/after.ts'
import type { Driver, FleetInstance, Replica, ReplicaEvents, ReplicaPlan } from './replica.ts'

export interface SlotOwner {
  /** The slot's state or instance is another one now. */
  changed(slot: Slot): void
  /** The slot gave up. A fault that may pass is still tried again now and then. */
  failed(slot: Slot, reason: string): void
  failing(slot: Slot, detail: string): void
  /** It is let go, and cut off from its callers. */
  gone(instance: FleetInstance): void
}

type State = InstanceStatus['state']

/**
 * One place in a fleet: keeps one copy running. A copy that ends is started again with exponential backoff; more than
 * `restartsMax` ends within `restartWindowMs`, or `readyTimeoutMs` without being ready, fail the slot.
 */
export class Slot {
  readonly #plan: ReplicaPlan
  readonly #driver: Driver
  readonly #owner: SlotOwner
  #readyTimeoutMs: number
  #state: State = 'starting'
  #detail = 'starting'
  #replica: Replica | null = null
  #instance: FleetInstance | null = null
  #healthy = false
  /** When it ended by itself, in milliseconds of the clock. */
  #ends: number[] = []
  /** Events of replicas before the present one are stale. */
  #generation = 0
  #cancelStart: (() => void) | null = null
  #cancelDeadline: (() => void) | null = null
  #cancelAside: (() => void) | null = null

  constructor(plan: ReplicaPlan, driver: Driver, owner: SlotOwner, readyTimeoutMs: number) {
    this.#plan = plan
    this.#driver = driver
    this.#owner = owner
    this.#readyTimeoutMs = readyTimeoutMs
  }

  get status(): InstanceStatus {
    return { id: this.#plan.id, state: this.#state, detail: this.#detail }
  }

  get index(): number {
    return this.#plan.index
  }

  get ready(): boolean {
    return this.#state === 'ready'
  }

  get failed(): boolean {
    return this.#state === 'failed'
  }

  get detail(): string {
    return this.#detail
  }

  /** The running copy, ready or not. */
  get instance(): FleetInstance | null {
    return this.#instance
  }

  start(): void {
    this.#cancelStart = null
    this.#state = 'starting'
    this.#armDeadline()
    this.#replica = this.#driver.start(this.#plan, this.#events())
  }

  /** Forgets past failures and tries at once. */
  retry(readyTimeoutMs: number): void {
    this.#readyTimeoutMs = readyTimeoutMs
    if (!this.failed) return
    this.#cancelStart?.()
    this.#disarmDeadline()
    this.#ends = []
    this.#dropThen(() => this.#startAfter(0))
  }

  /** Takes a running copy out of use for `outlierEjectionMs`. */
  setAside(detail: string): void {
    this.#cancelAside ??= after(this.#plan.clock, limits.outlierEjectionMs, () => {
      this.#cancelAside = null
      this.#settle('back after being set aside')
    })
    this.#settle(`set aside for ${limits.outlierEjectionMs / 1000} s: ${detail}`)
  }

  drain(): void {
    this.#cancelTimers()
    this.#state = 'draining'
    this.#detail = 'draining'
  }

  async end(): Promise<void> {
    this.drain()
    await this.#drop()
  }

  #events(): ReplicaEvents {
    const generation = this.#generation
    const current = (run: () => void) => {
      if (generation === this.#generation && this.#state !== 'draining') run()
    }
    return {
      ready: instance => current(() => this.#becomeReady(instance)),
      waiting: detail => current(() => this.#noteWaiting(detail)),
      unhealthy: detail => current(() => this.#becomeUnhealthy(detail)),
      failing: detail => current(() => this.#owner.failing(this, detail)),
      ended: (detail, final) => current(() => this.#afterEnd(detail, final)),
    }
  }

  #becomeReady(instance: FleetInstance): void {
    this.#instance = instance
    this.#healthy = true
    this.#disarmDeadline()
    this.#settle('ready')
  }

  #noteWaiting(detail: string): void {
    if (this.#state === 'starting') this.#detail = detail
  }

  #becomeUnhealthy(detail: string): void {
    this.#healthy = false
    this.#armDeadline()
    this.#settle(detail)
  }

  #settle(detail: string): void {
    if (this.#instance === null || this.#state === 'draining') return
    this.#state = this.#healthy && this.#cancelAside === null ? 'ready' : 'unhealthy'
    this.#detail = detail
    this.#owner.changed(this)
  }

  #afterEnd(detail: string, final: boolean): void {
    this.#replica = null
    void this.#drop()
    if (final) this.#fail(detail)
    else this.#startAgain(detail)
  }

  #startAgain(detail: string): void {
    const { restartsMax, restartWindowMs, restartBackoffMinMs, restartBackoffMaxMs } = limits
    const now = this.#plan.clock.nowMs()
    this.#ends = [...this.#ends.filter(at => at > now - restartWindowMs), now]
    if (this.#ends.length > restartsMax) {
      this.#fail(`${detail} (ended ${this.#ends.length} times within ${restartWindowMs / 1000} s)`)
      this.#startAfter(restartBackoffMaxMs)
      return
    }
    this.#state = 'starting'
    this.#detail = `starting again: ${detail}`
    this.#armDeadline()
    this.#owner.changed(this)
    this.#startAfter(Math.min(restartBackoffMinMs * 2 ** (this.#ends.length - 1), restartBackoffMaxMs))
  }

  #deadlinePassed(): void {
    this.#cancelDeadline = null
    const seconds = this.#readyTimeoutMs / 1000
    const wasUp = this.#state === 'unhealthy'
    const detail = `${wasUp ? 'not healthy for' : 'not ready within'} ${seconds} s: ${this.#detail}`
    if (wasUp) {
      // A copy that hangs gets another start before anyone gives up on the fleet.
      this.#dropThen(() => this.#startAgain(detail))
      return
    }
    this.#cancelStart?.()
    this.#fail(detail)
    this.#dropThen(() => this.#startAfter(limits.restartBackoffMaxMs))
  }

  #fail(reason: string): void {
    this.#disarmDeadline()
    this.#state = 'failed'
    this.#detail = reason
    this.#owner.changed(this)
    this.#owner.failed(this, reason)
  }

  #startAfter(delayMs: number): void {
    if (this.#state === 'draining') return
    this.#cancelStart?.()
    this.#cancelStart = after(this.#plan.clock, delayMs, () => this.start())
  }

  /** Ends the present copy and makes its events stale. */
  async #drop(): Promise<void> {
    this.#generation += 1
    if (this.#instance !== null) this.#owner.gone(this.#instance)
    this.#instance = null
    this.#healthy = false
    this.#cancelAside?.()
    this.#cancelAside = null
    const replica = this.#replica
    this.#replica = null
    await replica?.end()
  }

  /** Does the rest once the copy is gone, unless something else came in between. */
  #dropThen(run: () => void): void {
    const dropped = this.#drop()
    const generation = this.#generation
    void dropped.then(() => {
      if (generation === this.#generation && this.#state !== 'draining') run()
    })
  }

  #armDeadline(): void {
    if (this.#driver.readyNeeds === 'any') return
    this.#cancelDeadline ??= after(this.#plan.clock, this.#readyTimeoutMs, () => this.#deadlinePassed())
  }

  #disarmDeadline(): void {
    this.#cancelDeadline?.()
    this.#cancelDeadline = null
  }

  #cancelTimers(): void {
    this.#cancelStart?.()
    this.#cancelStart = null
    this.#cancelAside?.()
    this.#cancelAside = null
    this.#disarmDeadline()
  }
}
