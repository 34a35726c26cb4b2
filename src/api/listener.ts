/** The socket of the control API. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

export type Listening = { host: string; port: number; url: string }

type Fetch = (request: Request) => Response | Promise<Response>

export function createListener(fetch: Fetch) {
  const server = createServer(
    {
      headersTimeout: limits.clientHeaderTimeoutMs,
      requestTimeout: limits.clientBodyTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytesMax,
    },
    getRequestListener(fetch, { overrideGlobalObjects: false }),
  )
  return {
    listen: (address: { host: string; port: number }) => listen(server, address),
    close: () => close(server),
  }
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, { host, port }))
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      const taken = (server.address() as AddressInfo).port
      resolve({ host, port: taken, url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}` })
    })
  })
}

function listenError(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error {
  if (error.code !== 'EADDRINUSE') return error
  const detail = `the control port ${host}:${port} is in use; choose another one with --control-port, or 0 for a free one`
  return new CutoverError('port-in-use', detail, [], error)
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
