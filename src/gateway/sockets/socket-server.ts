/** Accepts connections, watches over their times, and lets them end in order. */
import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextCheck } from 'node:timers/promises'
import { createServer as createSecureServer } from 'node:tls'
import { type Certificates, serverOptions } from '../../ports/certificates.ts'
import type { ListenerEvents, Taken } from '../node/node-listener.ts'
import { SocketConnection } from './socket-connection.ts'

export type SocketServerEvents = ListenerEvents & {
  /** The connection says what is not plain; its bytes so far are the first that it gives. */
  handOver(connection: Taken): void
  /** Longer bodies pass by piece by piece; `limits.wholeBodyBytesMax` where it is left out. */
  heldBodyBytes?: number | undefined
}

export type SocketServerOptions = {
  /** Plain HTTP without. */
  certificates: Certificates | undefined
  connectionsMax: number
  /** There are as many as may be: one more was closed at once, before anything was read of it. */
  onConnectionRefused(): void
}

/** Times are checked this often, so that no request needs a timer of its own. */
const sweepMs = 1_000

const connectionOptions = { allowHalfOpen: true, noDelay: true } as const

/** Paused, so that the first bytes are read in the way that the connection chooses. */
function plainServer(accept: (socket: Socket) => void): Server {
  return createServer({ ...connectionOptions, pauseOnConnect: true }, accept)
}

/** Connections that are open stay on the certificate that they began with. */
function secureServer(accept: (socket: Socket) => void, certificates: Certificates): Server {
  const server = createSecureServer(
    {
      ...connectionOptions,
      ...serverOptions(certificates.current()),
    },
    accept,
  )
  const stop = certificates.subscribe(material => server.setSecureContext(serverOptions(material)))
  server.on('close', stop)
  return server
}

export class SocketServer {
  readonly #server: Server
  readonly #events: SocketServerEvents
  readonly #options: SocketServerOptions
  readonly #connections = new Set<SocketConnection>()
  #sweep: NodeJS.Timeout | undefined
  #isClosing = false
  /** Connections that are taken while it closes. */
  #mayRest = false
  #onEmpty: (() => void) | null = null

  constructor(events: SocketServerEvents, options: SocketServerOptions) {
    const { certificates, connectionsMax, onConnectionRefused } = options
    this.#events = events
    const accept = (socket: Socket): void => this.#accept(socket)
    this.#options = options
    this.#server = certificates === undefined ? plainServer(accept) : secureServer(accept, certificates)
    // Those whose handshake is under way too. Node's count of plain ones never falls, since another socket reads their handle.
    if (certificates !== undefined) this.#server.maxConnections = connectionsMax
    this.#server.on('drop', onConnectionRefused)
  }

  listen(address: { host: string; port: number; reusePort?: boolean }): Promise<{ host: string; port: number }> {
    const { host, port, reusePort = false } = address
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, reusePort, backlog: 4_096 }, () => {
        this.#server.off('error', reject)
        this.#sweep = setInterval(() => this.#checkTimes(), sweepMs)
        const bound = this.#server.address()
        resolve({ host, port: bound !== null && typeof bound === 'object' ? bound.port : port })
      })
    })
  }

  /**
   * Takes no new connection; those with requests in flight get `drainMs`, then they are cut. Those that rest may have one more
   * answer within `restMs`, which says that it is the last: a request that is on its way when a connection is closed fails.
   */
  async close({ drainMs, restMs }: { drainMs: number; restMs: number }): Promise<void> {
    // Where another one listens on the port too, connections that the kernel holds for this one would be reset: at this place of
    // a turn they have just been taken.
    if (restMs > 0) await nextCheck()
    this.#isClosing = true
    this.#server.close()
    const end = (): void => {
      for (const connection of this.#connections) connection.drain()
    }
    for (const connection of this.#connections) connection.drain({ mayRest: restMs > 0 })
    const resting = restMs > 0 ? setTimeout(end, Math.min(restMs, drainMs)) : undefined
    this.#mayRest = restMs > 0
    if (this.#connections.size > 0) await this.#emptied(drainMs)
    clearTimeout(resting)
    clearInterval(this.#sweep)
  }

  /** Times are kept all the while: a caller that lingers is not waited for as long as one that is answered. */
  async #emptied(drainMs: number): Promise<void> {
    const deadline = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, drainMs)
    await new Promise<void>(resolve => {
      this.#onEmpty = resolve
    })
    clearTimeout(deadline)
  }

  #accept(socket: Socket): void {
    const { connectionsMax, onConnectionRefused } = this.#options
    if (this.#connections.size >= connectionsMax) {
      socket.destroy()
      onConnectionRefused()
      return
    }
    const connection = new SocketConnection(socket, this.#events, () => {
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#onEmpty?.()
    })
    this.#connections.add(connection)
    if (this.#isClosing) connection.drain({ mayRest: this.#mayRest })
  }

  #checkTimes(): void {
    const nowMs = performance.now()
    for (const connection of this.#connections) connection.checkTimes(nowMs)
  }
}
