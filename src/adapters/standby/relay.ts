/**
 * The listener of a server that stands by: connections go on, byte by byte, to the one that serves. While nobody serves they
 * are held, so that callers meet a pause instead of a failure when one server follows another.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { listenFailure } from '../../core/listen-failure.ts'

export type Address = { host: string; port: number }

export type RelayBounds = {
  /** How long a connection waits for somebody who serves before it is closed. */
  holdMs: number
  /** Connections at a time; those beyond are closed at once. */
  connectionsMax: number
  /** The address of the one that serves is this listener's own, seen from here: told once for each. */
  leadsBack(target: Address): void
}

const retryMs = 100
/** A machine that is gone does not refuse. */
const connectTimeoutMs = 2_000

export class Relay {
  readonly #server: Server
  readonly #bounds: RelayBounds
  readonly #open = new Set<Socket>()
  /** Connections to servers, by where they go. */
  readonly #joined = new Map<Socket, Address>()
  #target: Address | null = null
  /** Itself, as that turned out: connections are held meanwhile. */
  #own: Address | null = null

  constructor(bounds: RelayBounds) {
    this.#bounds = bounds
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, caller =>
      this.#take(caller),
    )
  }

  /**
   * `reusePort`: a gateway of this server may listen there too, so that one follows the other without a moment between. Rejects
   * with `port-in-use`, or `invalid-resource` where it cannot listen there.
   */
  async listen(address: Address & { reusePort?: boolean }): Promise<Address> {
    this.#server.listen(address)
    await once(this.#server, 'listening').catch((error: NodeJS.ErrnoException) => {
      const remedy = 'stop the server that holds it, or give this listener another port'
      throw listenFailure(error, address, { remedy, what: 'cannot listen' })
    })
    return { host: address.host, port: (this.#server.address() as { port: number }).port }
  }

  /**
   * Where connections go from now on, those that are held too; null while nobody serves. What went elsewhere is cut: a server
   * that ended in order has answered by then, and one that hangs never would.
   */
  forwardTo(target: Address | null): void {
    this.#target = target
    for (const [server, address] of this.#joined) if (!isSame(address, target)) server.destroy()
  }

  /** Lets somebody else have the port. Connections stay. */
  stopListening(): void {
    this.#server.close()
  }

  close(): void {
    this.stopListening()
    for (const socket of this.#open) socket.destroy()
  }

  #take(caller: Socket): void {
    if (this.#open.size >= this.#bounds.connectionsMax) {
      caller.destroy()
      return
    }
    this.#open.add(caller)
    caller.on('close', () => this.#open.delete(caller))
    caller.on('error', () => caller.destroy())
    this.#reach(caller, performance.now() + this.#bounds.holdMs)
  }

  /** Nothing was read of it, so that it may be tried again and again. */
  #reach(caller: Socket, untilMs: number): void {
    const again = (): void => {
      if (performance.now() > untilMs) caller.destroy()
      else if (!caller.destroyed) setTimeout(() => this.#reach(caller, untilMs), retryMs)
    }
    const target = this.#target
    if (target === null || isSame(target, this.#own)) {
      again()
      return
    }
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true, timeout: connectTimeoutMs })
    server.once('timeout', () => server.destroy(new Error('no answer')))
    server.once('error', again)
    server.once('connect', () => {
      server.setTimeout(0)
      server.off('error', again)
      if (this.#isItself(server)) this.#foundItself(target)
      if (isSame(target, this.#own) || !isSame(target, this.#target)) {
        server.destroy()
        again()
        return
      }
      this.#joined.set(server, target)
      server.once('close', () => this.#joined.delete(server))
      join(caller, server)
    })
  }

  /** On loopback, or by an address that every machine has: each connection would bring about the next one. */
  #isItself({ localAddress, remoteAddress, remotePort }: Socket): boolean {
    const own = this.#server.listening ? (this.#server.address() as { port: number }).port : null
    return remotePort === own && localAddress === remoteAddress
  }

  #foundItself(target: Address): void {
    if (isSame(target, this.#own)) return
    this.#own = target
    this.#bounds.leadsBack(target)
  }
}

function isSame({ host, port }: Address, other: Address | null): boolean {
  return host === other?.host && port === other.port
}

/** What one side says the other hears, its end too; where one breaks off the other does. */
export function join(caller: Duplex, server: Duplex): void {
  for (const [one, other] of [
    [caller, server],
    [server, caller],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => {
      // After both ends the other side may still have to be told the last of it.
      if (!one.readableEnded || !one.writableFinished) other.destroy()
    })
    one.pipe(other)
  }
}
