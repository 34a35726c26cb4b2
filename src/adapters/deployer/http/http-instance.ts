import { publicName } from '../../../core/control-fleet.ts'
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../ports/backend.ts'
import { InFlight } from '../in-flight.ts'
import type { Reach } from '../reach.ts'
import type { CallsTold, FleetInstance } from '../replica.ts'
import type { CallObserver } from './client/call.ts'
import { ConnectionPool, type PoolOptions } from './client/pool.ts'
import type { ServerPlan } from './open-server.ts'

export type Observer = {
  /** Whether the server did its part in a request. */
  judged(ok: boolean, detail: string): void
}

export type InstanceOptions = PoolOptions & {
  /** How others open the same server; by its address where it is left out. */
  plan?: ServerPlan
  /** Calls that wait for a connection, beyond which one more is refused. */
  queueMax?: number
}

/** Statuses by which a server, or a proxy before it, says that it cannot work (Envoy's "gateway failures"). */
const gatewayFailures: ReadonlySet<number> = new Set([502, 503, 504])

/** Failures that say nothing about the server. */
const callersFaults: ReadonlySet<string> = new Set(['client-closed', 'invalid-request', 'overloaded'])

/**
 * A model server at an address. Method, path and header fields go out as they came, except that Host names the address
 * and fields of the connection are ours; bodies stream both ways. Nothing is ever sent twice.
 */
export class HttpInstance implements FleetInstance {
  readonly id: string
  readonly wantsWholeBody = false
  readonly #pool: ConnectionPool
  readonly #load = new InFlight()
  readonly #observer: Observer
  readonly #inFlightMax: number
  readonly #plan: ServerPlan

  /** `address` is an http or https URL; its path, if any, comes before the path of each request. */
  constructor(id: string, address: string, observer: Observer, options: InstanceOptions = {}) {
    this.id = id
    this.#observer = observer
    this.#plan = options.plan ?? { id, address }
    this.#pool = new ConnectionPool({ address, name: callersName(id) }, judge(this.#load, observer), options)
    const { connectionsMax, pipeliningMax } = this.#pool
    this.#inFlightMax = connectionsMax * pipeliningMax + (options.queueMax ?? limits.instanceQueueMax)
  }

  get inFlight(): number {
    return this.#load.count
  }

  get waiting(): number {
    return this.#pool.waiting
  }

  get address(): string {
    return new URL(this.#plan.address).origin
  }

  /** A metadata question goes to the server. */
  metadata(): null {
    return null
  }

  idle(): Promise<void> {
    return this.#load.idle()
  }

  /** Fails as the port says, and with `invalid-request` where the caller is at fault. */
  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    const isFull = this.inFlight >= this.#inFlightMax
    this.#load.enter()
    return isFull ? this.#pool.refuse(call, sink, this.#overloaded()) : this.#pool.dispatch(call, sink)
  }

  reach(): Reach {
    return { kind: 'server', plan: this.#plan }
  }

  /** Failures in a row count as so many of ours would. */
  heard({ failures, detail }: CallsTold): void {
    if (failures === 0) this.#observer.judged(true, '')
    for (let count = 0; count < failures; count += 1) this.#observer.judged(false, detail)
  }

  /** Cuts what is in flight. */
  async close(): Promise<void> {
    this.#pool.close()
  }

  #overloaded(): CutoverError {
    const detail = `${this.inFlight - 1} requests are in flight to ${this.#pool.name}; the most is this many`
    return new CutoverError('overloaded', detail)
  }
}

/** Of `endpoint/version/number`. */
function callersName(id: string): string {
  const [, version = id, number = ''] = id.split('/')
  return `instance ${number} of version ${publicName(version)}`
}

function judge(load: InFlight, observer: Observer): CallObserver {
  return {
    answered: status => {
      if (gatewayFailures.has(status)) observer.judged(false, `status ${status}`)
      else observer.judged(true, '')
    },
    failed: error => {
      if (!callersFaults.has(error.code)) observer.judged(false, error.message)
    },
    finished: () => load.leave(),
  }
}
