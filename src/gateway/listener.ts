/**
 * The inference listener. Connections are read on sockets; one that says anything but the plain is handed, with the bytes
 * read so far, to Node's own HTTP server, and stays there.
 */
import { CutoverError } from '../core/errors.ts'
import { listenFailure } from '../core/listen-failure.ts'
import type { Certificates } from '../ports/certificates.ts'
import { createNodeListener, type ListenerEvents } from './node/node-listener.ts'
import { SocketServer } from './sockets/socket-server.ts'

export type Address = { host: string; port: number }

/** `reusePort`: other threads listen on the same port, and the kernel shares connections out among them. */
export type ListenAddress = Address & { reusePort?: boolean }

export type Listener = {
  listen(address: ListenAddress): Promise<Address>
  close(options: Closing): Promise<void>
}

/** How long requests in flight may take, and connections that rest may have one more answer: none where it is left out. */
export type Closing = { drainMs: number; restMs?: number | undefined }

export type ListenerOptions = ListenerEvents & {
  certificates?: Certificates | undefined
  connectionsMax: number
  onConnectionRefused(): void
  heldBodyBytes?: number | undefined
}

/** Plain HTTP without certificates. */
export function createListener(options: ListenerOptions): Listener {
  const { certificates, heldBodyBytes, connectionsMax, onConnectionRefused, ...events } = options
  const node = createNodeListener(events)
  const sockets = new SocketServer(
    { ...events, heldBodyBytes, handOver: connection => node.take(connection) },
    { certificates, connectionsMax, onConnectionRefused },
  )
  return {
    listen: address => sockets.listen(address).catch((error: unknown) => Promise.reject(listenError(error, address))),
    close: async ({ drainMs, restMs = 0 }) => {
      node.drain({ restMs })
      await sockets.close({ drainMs, restMs })
      node.close()
    },
  }
}

/** What went wrong, for the person who started the server. */
export function listenError(error: unknown, address: ListenAddress): unknown {
  const failure = error as NodeJS.ErrnoException
  if (address.reusePort === true && ['EINVAL', 'ENOTSUP', 'ENOPROTOOPT'].includes(failure.code ?? '')) {
    const detail = 'this system does not let several workers listen on one port (SO_REUSEPORT); start without --workers'
    return new CutoverError('invalid-request', detail, [], failure)
  }
  const remedy = 'stop the server that holds it, or give the inference listener another port'
  return listenFailure(failure, address, { remedy, what: 'the inference listener cannot listen' })
}
