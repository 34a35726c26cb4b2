/** The listeners of callers of a server that stands by: what comes there goes on to the one that serves. */
import { canSharePorts } from '../adapters/port-sharing.ts'
import type { ServedAt } from '../adapters/postgres/shared-database.ts'
import { type Address, Relay, type RelayBounds } from '../adapters/standby/relay.ts'
import type { ServerSettings } from '../config/load.ts'
import { limits } from '../core/limits.ts'
import { assertPortFree } from '../workers/port-probe.ts'
import { fromHere } from './reached-at.ts'

export type CallerListener = 'inference' | 'grpc'

export class CallerRelays {
  readonly #relays: Readonly<Record<CallerListener, Relay>>
  readonly #grpc: Address | null
  #inference: Address

  /** `leadsBack`: the address of the one that serves is this server's own, seen from here. */
  constructor(
    { inference: { host, port, connectionsMax }, grpc }: Pick<ServerSettings, 'inference' | 'grpc'>,
    leadsBack: RelayBounds['leadsBack'],
  ) {
    const bounds = { holdMs: limits.standbyHoldMs, connectionsMax, leadsBack }
    this.#relays = { inference: new Relay(bounds), grpc: new Relay(bounds) }
    this.#inference = { host, port }
    this.#grpc = grpc
  }

  /** Rejects with `port-in-use`, or `invalid-resource` where it cannot listen there. */
  async listen(): Promise<void> {
    await assertPortFree(this.#inference)
    await this.listenForInference()
    if (this.#grpc !== null) await this.#relays.grpc.listen(this.#grpc)
  }

  /** Where the port is that was bound, if 0 was asked for. */
  get inferenceAddress(): Address {
    return this.#inference
  }

  /** A gateway of this server may listen on the same port meanwhile, so that one follows the other. */
  async listenForInference(): Promise<void> {
    this.#inference = await this.#relays.inference.listen({ ...this.#inference, reusePort: canSharePorts })
  }

  stopListeningForInference(): void {
    this.#relays.inference.stopListening()
  }

  /** Null while nobody serves: callers are held. */
  forwardTo(served: Pick<ServedAt, CallerListener> | null): void {
    this.#relays.inference.forwardTo(served?.inference ?? null)
    this.#relays.grpc.forwardTo(served?.grpc ?? null)
  }

  /** `listen` takes the port over, and whoever was held here goes there. */
  async handOver<A extends Address>(name: CallerListener, listen: () => Promise<A>): Promise<A> {
    const relay = this.#relays[name]
    relay.stopListening()
    const bound = await listen()
    relay.forwardTo(fromHere({ host: bound.host, port: bound.port }))
    return bound
  }

  close(): void {
    for (const relay of Object.values(this.#relays)) relay.close()
  }
}
