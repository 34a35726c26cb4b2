/** Instances of this thread's fleets as other threads get to know them: who is ready, who leaves, and who is idle everywhere. */
import type { MessagePort } from 'node:worker_threads'
import { assertNever } from '../../../core/errors.ts'
import type { FleetFollower, FleetInstance } from '../replica.ts'
import type { FleetNews, FleetTold, SharedInstance } from './fleet-messages.ts'

/** A thread that calls instances. */
export interface FleetGuest {
  tell(news: FleetNews, ports: MessagePort[]): void
}

/** On another machine, which may reach what this one does not, and the other way round. */
export interface FleetVisitor {
  /** Too many of its calls in a row had no answer of the instance: that is told, and sets nothing aside here. */
  failing(at: FailingInstance, detail: string): void
}

export type FailingInstance = { endpoint: string; version: string; instance: string; address: string | undefined }

type Visiting = { visitor: FleetVisitor; failing: Set<number> }
type Fleet = { endpoint: string; version: string; ready: readonly FleetInstance[] }

export class SharedFleets implements FleetFollower {
  readonly #fleets = new Map<string, Fleet>()
  readonly #keys = new Map<FleetInstance, number>()
  #lastKey = 0
  /** Keys of the instances that a guest has been told how to call. */
  readonly #guests = new Map<FleetGuest, Set<number>>()
  readonly #visitors = new Map<FleetGuest, Visiting>()
  readonly #waiting = new Set<{ guest: FleetGuest; key: number; done: () => void }>()

  welcome(guest: FleetGuest, visitor: FleetVisitor | null = null): void {
    this.#guests.set(guest, new Set())
    if (visitor !== null) this.#visitors.set(guest, { visitor, failing: new Set() })
    for (const fleet of this.#fleets.values()) this.#show(guest, fleet)
  }

  /** It calls nobody any more. */
  farewell(guest: FleetGuest): void {
    this.#guests.delete(guest)
    this.#visitors.delete(guest)
    this.#settle(waiting => waiting.guest === guest)
  }

  /** Those that answer none of its calls, by the last word of it. */
  failingFor(guest: FleetGuest): FailingInstance[] {
    return [...(this.#visitors.get(guest)?.failing ?? [])].flatMap(key => this.#placeOf(key) ?? [])
  }

  hear(guest: FleetGuest, told: FleetTold): void {
    switch (told.kind) {
      case 'idle':
        this.#settle(waiting => waiting.guest === guest && waiting.key === told.key)
        return
      case 'heard':
        this.#heard(guest, told)
        return
      default:
        assertNever(told)
    }
  }

  changed({ endpoint, version }: { endpoint: string; version: string }, ready: readonly FleetInstance[]): void {
    const fleet = { endpoint, version, ready }
    if (ready.length > 0) this.#fleets.set(`${endpoint}/${version}`, fleet)
    else this.#fleets.delete(`${endpoint}/${version}`)
    for (const guest of this.#guests.keys()) this.#show(guest, fleet)
  }

  async idle(instance: FleetInstance): Promise<void> {
    const key = this.#keys.get(instance)
    if (key === undefined) return
    const asked = [...this.#guests].filter(([, known]) => known.has(key))
    await Promise.all(asked.map(([guest]) => this.#askIdle(guest, key)))
  }

  gone(instance: FleetInstance): void {
    const key = this.#keys.get(instance)
    this.#keys.delete(instance)
    if (key === undefined) return
    for (const [guest, known] of this.#guests) if (known.delete(key)) guest.tell({ kind: 'gone', key }, [])
    for (const { failing } of this.#visitors.values()) failing.delete(key)
    this.#settle(waiting => waiting.key === key)
  }

  #heard(guest: FleetGuest, told: Extract<FleetTold, { kind: 'heard' }>): void {
    const visiting = this.#visitors.get(guest)
    if (visiting !== undefined && told.failures > 0) {
      const at = this.#placeOf(told.key)
      if (at === null) return
      visiting.failing.add(told.key)
      visiting.visitor.failing(at, told.detail)
      return
    }
    visiting?.failing.delete(told.key)
    for (const [instance, key] of this.#keys) if (key === told.key) instance.heard(told)
  }

  /** Null of one that gets no calls by now. */
  #placeOf(key: number): FailingInstance | null {
    for (const { endpoint, version, ready } of this.#fleets.values()) {
      const instance = ready.find(one => this.#keys.get(one) === key)
      if (instance !== undefined) return { endpoint, version, instance: instance.id, address: instance.address }
    }
    return null
  }

  #show(guest: FleetGuest, { endpoint, version, ready }: Fleet): void {
    const instances = ready.flatMap(instance => this.#introduce(guest, instance))
    const ports = instances.flatMap(({ reach }) => (reach?.kind === 'model' ? [reach.port] : []))
    guest.tell({ kind: 'fleet', endpoint, version, instances }, ports)
  }

  #introduce(guest: FleetGuest, instance: FleetInstance): SharedInstance[] {
    const key = this.#keyOf(instance)
    const known = this.#guests.get(guest)
    if (known?.has(key) === true) return [{ key, reach: null }]
    const reach = instance.reach()
    if (reach === null) return []
    known?.add(key)
    return [{ key, reach }]
  }

  #keyOf(instance: FleetInstance): number {
    const known = this.#keys.get(instance)
    if (known !== undefined) return known
    this.#lastKey += 1
    this.#keys.set(instance, this.#lastKey)
    return this.#lastKey
  }

  #askIdle(guest: FleetGuest, key: number): Promise<void> {
    return new Promise(done => {
      this.#waiting.add({ guest, key, done })
      guest.tell({ kind: 'leaving', key }, [])
    })
  }

  #settle(isOver: (waiting: { guest: FleetGuest; key: number }) => boolean): void {
    for (const waiting of this.#waiting) {
      if (!isOver(waiting)) continue
      this.#waiting.delete(waiting)
      waiting.done()
    }
  }
}
