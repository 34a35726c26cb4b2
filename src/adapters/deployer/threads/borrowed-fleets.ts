/** The fleets of another thread, called from this one: servers by connections of its own, models by a port into their thread. */
import { assertNever } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import { type Share, someOf } from '../../../core/share.ts'
import type { FleetView, Instance } from '../../../ports/backend.ts'
import type { Clock } from '../../../ports/clock.ts'
import { after } from '../../clock/after.ts'
import { openServer, type ServerPlan } from '../http/open-server.ts'
import { ModelByPort } from '../onnx/model-by-port.ts'
import type { Reach } from '../reach.ts'
import { ReadyInstances } from '../ready-instances.ts'
import { CallTally } from './call-tally.ts'
import type { FleetNews, FleetTold, SharedInstance } from './fleet-messages.ts'

type Borrowed = { instance: Instance & { idle(): Promise<void> }; close(): void }
type Fleet = { shown: readonly Borrowed[]; readonly ready: ReadyInstances }

export type BorrowedFleetsContext = {
  clock: Clock
  /** What this thread may use of the connections and queues of an instance. */
  share: Share
  /** Their owner is on another machine, to which what fails from here may be well: it is set aside here alone. */
  isElsewhere: boolean
  tell(told: FleetTold): void
}

export class BorrowedFleets implements FleetView {
  readonly #context: BorrowedFleetsContext
  readonly #borrowed = new Map<number, Borrowed>()
  readonly #fleets = new Map<string, Map<string, Fleet>>()
  /** Until they get calls again. */
  readonly #aside = new Map<Borrowed, () => void>()

  constructor(context: BorrowedFleetsContext) {
    this.#context = context
  }

  pick(endpoint: string, version: string): Instance | null {
    return this.#fleets.get(endpoint)?.get(version)?.ready.pick() ?? null
  }

  readyCount(endpoint: string, version: string): number {
    return this.#fleets.get(endpoint)?.get(version)?.ready.count ?? 0
  }

  waiting(endpoint: string, version: string): number {
    return this.#fleets.get(endpoint)?.get(version)?.ready.waiting ?? 0
  }

  hear(news: FleetNews): void {
    switch (news.kind) {
      case 'fleet':
        this.#show(news)
        return
      case 'leaving':
        this.#leave(news.key)
        return
      case 'gone':
        this.#close(news.key)
        return
      default:
        assertNever(news)
    }
  }

  /** Cuts what is in flight. */
  close(): void {
    for (const key of this.#borrowed.keys()) this.#close(key)
    this.#fleets.clear()
  }

  #show({ endpoint, version, instances }: Extract<FleetNews, { kind: 'fleet' }>): void {
    const versions = this.#fleets.get(endpoint) ?? new Map<string, Fleet>()
    const fleet = versions.get(version) ?? { shown: [], ready: new ReadyInstances() }
    this.#offer(
      fleet,
      instances.flatMap(one => this.#known(one) ?? []),
    )
    if (fleet.shown.length > 0) versions.set(version, fleet)
    else versions.delete(version)
    if (versions.size > 0) this.#fleets.set(endpoint, versions)
    else this.#fleets.delete(endpoint)
  }

  /** The word that it leaves may come before that of the fleet without it. */
  #leave(key: number): void {
    const leaving = this.#borrowed.get(key)
    for (const fleet of this.#all())
      this.#offer(
        fleet,
        fleet.shown.filter(one => one !== leaving),
      )
    void Promise.resolve(leaving?.instance.idle()).then(() => this.#context.tell({ kind: 'idle', key }))
  }

  #known({ key, reach }: SharedInstance): Borrowed | null {
    const known = this.#borrowed.get(key)
    if (known !== undefined || reach === null) return known ?? null
    const borrowed = this.#borrow(key, reach)
    this.#borrowed.set(key, borrowed)
    return borrowed
  }

  #borrow(key: number, reach: Reach): Borrowed {
    switch (reach.kind) {
      case 'server':
        return this.#openServer(key, reach.plan)
      case 'model': {
        const instance = new ModelByPort(reach, someOf(limits.instanceQueueMax, this.#context.share))
        return { instance, close: () => instance.close() }
      }
      default:
        return assertNever(reach)
    }
  }

  /** Its owner tells what becomes of its files, and whether it has its secrets; here they are only read again. */
  #openServer(key: number, plan: ServerPlan): Borrowed {
    const { share, clock, tell, isElsewhere } = this.#context
    const observer = new CallTally(clock, told => {
      if (isElsewhere && told.failures > 0) this.#setAside(key)
      tell({ kind: 'heard', key, ...told })
    })
    const { instance, headers, close } = openServer(plan, { clock, observer, tell: () => {}, share })
    const stop = headers.isEmpty ? () => {} : clock.every(limits.healthIntervalMs, () => void headers.refresh())
    return {
      instance,
      close: () => {
        stop()
        void close()
      },
    }
  }

  #close(key: number): void {
    const borrowed = this.#borrowed.get(key)
    this.#borrowed.delete(key)
    if (borrowed === undefined) return
    this.#aside.get(borrowed)?.()
    this.#aside.delete(borrowed)
    borrowed.close()
  }

  /** For as long as their owner would, where it met the failures itself. */
  #setAside(key: number): void {
    const failing = this.#borrowed.get(key)
    if (failing === undefined || this.#aside.has(failing)) return
    const back = after(this.#context.clock, limits.outlierEjectionMs, () => {
      this.#aside.delete(failing)
      this.#offerAgain()
    })
    this.#aside.set(failing, back)
    this.#offerAgain()
  }

  #offerAgain(): void {
    for (const fleet of this.#all()) this.#offer(fleet, fleet.shown)
  }

  /** The last ones are never set aside: a poor answer is better than none. */
  #offer(fleet: Fleet, shown: readonly Borrowed[]): void {
    fleet.shown = shown
    const kept = shown.filter(one => !this.#aside.has(one))
    fleet.ready.take((kept.length > 0 ? kept : shown).map(({ instance }) => instance))
  }

  #all(): Fleet[] {
    return [...this.#fleets.values()].flatMap(versions => [...versions.values()])
  }
}
