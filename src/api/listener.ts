/** The socket of the control API. */
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { hostAndPort } from '../core/host-and-port.ts'
import { limits } from '../core/limits.ts'
import { listenFailure } from '../core/listen-failure.ts'
import { type Certificates, serverOptions } from '../ports/certificates.ts'

export type Listening = { host: string; port: number; url: string }

type Fetch = (request: Request) => Response | Promise<Response>

const options: ServerOptions = {
  headersTimeout: limits.clientHeaderTimeoutMs,
  requestTimeout: limits.clientBodyTimeoutMs,
  keepAliveTimeout: limits.keepAliveMs,
  maxHeaderSize: limits.headerBytesMax,
}

/** Plain HTTP without certificates. */
export function createListener(fetch: Fetch, certificates: Certificates | undefined) {
  const handle = getRequestListener(fetch, { overrideGlobalObjects: false })
  const server = certificates === undefined ? createServer(options, handle) : secureServer(handle, certificates)
  const scheme = certificates === undefined ? 'http' : 'https'
  return {
    listen: (address: { host: string; port: number }) => listen(server, { ...address, scheme }),
    close: () => close(server),
  }
}

/** Connections that are open stay on the certificate that they began with. */
function secureServer(handle: ReturnType<typeof getRequestListener>, certificates: Certificates): Server {
  const server = createSecureServer({ ...options, ...serverOptions(certificates.current()) }, handle)
  const stop = certificates.subscribe(material => server.setSecureContext(serverOptions(material)))
  server.on('close', stop)
  return server
}

type Place = { host: string; port: number; scheme: 'http' | 'https' }

function listen(server: Server, { host, port, scheme }: Place): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(
        listenFailure(
          error,
          { host, port },
          {
            what: 'the control listener cannot listen',
            remedy: 'stop the server that holds it, or choose another one with --control-port, or 0 for a free one',
          },
        ),
      )
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      const taken = (server.address() as AddressInfo).port
      resolve({ host, port: taken, url: `${scheme}://${hostAndPort({ host, port: taken })}` })
    })
  })
}

/** Connections whose answer ends after `close` would wait for another request; they are closed as they fall idle. */
const idleCheckMs = 20

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  const sweep = setInterval(() => server.closeIdleConnections(), idleCheckMs)
  const grace = setTimeout(() => server.closeAllConnections(), limits.shutdownTimeoutMs)
  await closed
  clearInterval(sweep)
  clearTimeout(grace)
}
