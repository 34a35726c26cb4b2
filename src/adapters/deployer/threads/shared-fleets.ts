/** Instances of this thread's fleets as other threads get to know them: who is ready, who leaves, and who is idle everywhere. */
import type { MessagePort } from 'node:worker_threads'
import { assertNever } from '../../../core/errors.ts'
import type { FleetFollower, FleetInstance } from '../replica.ts'
import type { FleetNews, FleetTold, SharedInstance } from './fleet-messages.ts'

/** A thread that calls instances. */
export interface FleetGuest {
  tell(news: FleetNews, ports: MessagePort[]): void
}

type Fleet = { endpoint: string; version: string; ready: readonly FleetInstance[] }

export class SharedFleets implements FleetFollower {
  readonly #fleets = new Map<string, Fleet>()
  readonly #keys = new Map<FleetInstance, number>()
  #lastKey = 0
  /** Keys of the instances that a guest has been told how to call. */
  readonly #guests = new Map<FleetGuest, Set<number>>()
  readonly #waiting = new Set<{ guest: FleetGuest; key: number; done: () => void }>()

  welcome(guest: FleetGuest): void {
    this.#guests.set(guest, new Set())
    for (const fleet of this.#fleets.values()) this.#show(guest, fleet)
  }

  /** It calls nobody any more. */
  farewell(guest: FleetGuest): void {
    this.#guests.delete(guest)
    this.#settle(waiting => waiting.guest === guest)
  }

  hear(guest: FleetGuest, told: FleetTold): void {
    switch (told.kind) {
      case 'idle':
        this.#settle(waiting => waiting.guest === guest && waiting.key === told.key)
        return
      case 'heard':
        for (const [instance, key] of this.#keys) if (key === told.key) instance.heard(told)
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
    this.#settle(waiting => waiting.key === key)
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
