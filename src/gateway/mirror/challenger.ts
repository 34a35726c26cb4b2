/** One challenger of one endpoint: its copies on their way, what became of them, and whether it has come up yet. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { MirrorBudget } from '../../core/stage-plans.ts'
import type { CallTimeouts, FleetView, Instance } from '../../ports/backend.ts'
import type { Copy } from './copy.ts'
import { CopyCounters, type MirrorStats } from './counters.ts'
import { Lane } from './lane.ts'
import { processTime } from './time.ts'

export class Challenger {
  readonly endpoint: string
  readonly version: string
  readonly counters = new CopyCounters()
  readonly #fleets: FleetView
  readonly #lane: Lane<Copy>
  #budget: MirrorBudget
  #timeouts: CallTimeouts
  #isMirrored = true
  #hasBeenUp = false

  constructor(spec: EndpointSpec, version: string, budget: MirrorBudget, fleets: FleetView) {
    this.endpoint = spec.name
    this.version = version
    this.#fleets = fleets
    this.#budget = budget
    this.#timeouts = timeoutsOf(spec, budget)
    this.#lane = new Lane<Copy>(budget, {
      time: processTime,
      start: copy => copy.start(),
      drop: (copy, reason) => copy.drop(reason),
    })
  }

  /** What a copy may take, from its sending to the end of its answer. */
  get timeoutMs(): number {
    return this.#budget.timeoutMs
  }

  /** Those of the endpoint, but none longer than a copy may take. */
  get timeouts(): CallTimeouts {
    return this.#timeouts
  }

  get queued(): number {
    return this.#lane.queued
  }

  /** Null where none is ready. */
  pick(): Instance | null {
    return this.#fleets.pick(this.endpoint, this.version)
  }

  /** A table has taken effect that mirrors it. */
  renew(spec: EndpointSpec, budget: MirrorBudget): void {
    this.#isMirrored = true
    this.#budget = budget
    this.#timeouts = timeoutsOf(spec, budget)
    this.#lane.setBudget(budget)
  }

  /** Drops what waits and takes nothing more; what is on its way comes to its own end. */
  stop(): void {
    this.#isMirrored = false
    this.#hasBeenUp = false
    this.#lane.stop()
  }

  /** Takes a copy or drops it. */
  offer(copy: Copy): void {
    if (!this.#isMirrored) copy.drop('stopped')
    else if (!this.#isKnown()) copy.drop('starting')
    else if (copy.bodyBytes > this.#budget.bodyBytesMax) copy.drop('body-too-large')
    else if (!this.#lane.offer(copy)) copy.drop('queue-full')
  }

  /** A copy that was begun is over. */
  ended(): void {
    this.#lane.ended()
  }

  stats(): MirrorStats {
    const { endpoint, version } = this
    return { endpoint, version, ...this.counters.read(), queued: this.#lane.queued, inFlight: this.#lane.inFlight }
  }

  /** Its absence is a challenger's failure only once it has been there: a server that comes up takes all fleets with it. */
  #isKnown(): boolean {
    this.#hasBeenUp ||= this.#fleets.readyCount(this.endpoint, this.version) > 0
    return this.#hasBeenUp
  }
}

function timeoutsOf({ timeouts }: EndpointSpec, { timeoutMs }: MirrorBudget): CallTimeouts {
  return {
    connectMs: Math.min(timeouts.connectMs, timeoutMs),
    firstByteMs: Math.min(timeouts.firstByteMs, timeoutMs),
    idleMs: Math.min(timeouts.idleMs, timeoutMs),
  }
}
