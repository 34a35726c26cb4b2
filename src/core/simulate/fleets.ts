/** Fleets of a simulation: they come up after their time, go down after a drain, and cost while they run. */
import type { Command } from '../command.ts'
import { publicName } from '../control-fleet.ts'
import type { ControlEvent } from '../event.ts'
import type { Scenario } from './scenario.ts'

type Ensure = Extract<Command, { type: 'ensure-fleet' }>
type Stop = Extract<Command, { type: 'stop-fleet' }>

/** Something that a fleet reports, at its time. */
export type Due = { atMs: number; event: ControlEvent }

/** `isWanted`: it was not told to end. */
type Fleet = { instances: number; ready: number; isWanted: boolean }

/** A stopped fleet has finished what was in flight after this. */
const drainMs = 1_000

export class Fleets {
  readonly #scenario: Scenario
  readonly #fleets = new Map<string, Fleet>()
  readonly #sources: Readonly<Record<string, boolean>>
  #instanceMs = 0
  #stableMs = 0

  /** `elsewhere`: versions whose servers Cutover does not run, which cost it nothing. */
  constructor(scenario: Scenario, elsewhere: Readonly<Record<string, boolean>>) {
    this.#scenario = scenario
    this.#sources = elsewhere
  }

  isUp = (version: string): boolean => (this.#fleets.get(version)?.ready ?? 0) > 0

  /** What will be reported of it. Surplus instances end at once; missing ones take their version's time. */
  ensure({ endpoint, version, readyTimeoutMs, instances = version.instances }: Ensure, atMs: number): Due[] {
    const known = this.#fleets.get(version.name)
    const behaviour = this.#scenario.versions[publicName(version.name)]
    const readyAfterMs = behaviour === undefined ? 0 : behaviour.readyAfterMs
    const isEnough = known !== undefined && known.ready >= instances
    this.#fleets.set(version.name, { instances, ready: Math.min(known?.ready ?? 0, instances), isWanted: true })
    const ready = { type: 'fleet-ready', endpoint, version: version.name, instances } as const
    if (isEnough) return [{ atMs, event: ready }]
    if (readyAfterMs !== null && readyAfterMs <= readyTimeoutMs) return [{ atMs: atMs + readyAfterMs, event: ready }]
    const reason = `it is not ready after ${readyTimeoutMs / 1_000} s`
    const event = { type: 'fleet-failed', endpoint, version: version.name, reason } as const
    return [{ atMs: atMs + readyTimeoutMs, event }]
  }

  stop({ endpoint, version }: Stop, atMs: number): Due[] {
    const fleet = this.#fleets.get(version)
    if (fleet !== undefined) Object.assign(fleet, { ready: 0, isWanted: false })
    return [{ atMs: atMs + drainMs, event: { type: 'fleet-stopped', endpoint, version } }]
  }

  /** A report takes effect; false for one that is out of date. */
  hear(event: ControlEvent): boolean {
    switch (event.type) {
      case 'fleet-ready':
        return this.#hearOf(event.version, fleet => fleet.isWanted && fleet.instances === event.instances, becomeReady)
      case 'fleet-failed':
        return this.#hearOf(event.version, fleet => fleet.isWanted && fleet.ready < fleet.instances, this.#end)
      case 'fleet-stopped':
        return this.#hearOf(event.version, fleet => !fleet.isWanted, this.#end)
      default:
        return true
    }
  }

  #hearOf(version: string, isNews: (fleet: Fleet) => boolean, then: (fleet: Fleet, version: string) => void): boolean {
    const fleet = this.#fleets.get(version)
    if (fleet === undefined || !isNews(fleet)) return false
    then(fleet, version)
    return true
  }

  readonly #end = (_fleet: Fleet, version: string): void => {
    this.#fleets.delete(version)
  }

  /** Time in which instances ran, of everything and of what the stable version alone would have run. */
  pass(ms: number, stableInstances: number): void {
    for (const [version, { instances }] of this.#fleets)
      if (this.#sources[publicName(version)] !== true) this.#instanceMs += instances * ms
    this.#stableMs += stableInstances * ms
  }

  cost(): { instanceHours: number; beyondStable: number } {
    const hour = 3_600_000
    return { instanceHours: this.#instanceMs / hour, beyondStable: (this.#instanceMs - this.#stableMs) / hour }
  }
}

function becomeReady(fleet: Fleet): void {
  fleet.ready = fleet.instances
}
