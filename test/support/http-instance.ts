/** An instance over HTTP, as small as can be: what the gateway hands over goes to a real server through undici. */

import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Pool } from 'undici'
import { type BackendRequest, type BackendResponse, dispatchBySend } from '../../src/adapters/deployer/by-promise.ts'
import { CutoverError } from '../../src/core/errors.ts'
import type { Instance } from '../../src/ports/backend.ts'

function httpInstance(origin: string): Instance & { close(): Promise<void> } {
  const pool = new Pool(origin, { pipelining: 1 })
  return {
    id: origin,
    inFlight: 0,
    wantsWholeBody: false,
    metadata: () => null,
    close: () => pool.destroy(),
    dispatch: (call, sink) => dispatchBySend(request => sendTo(pool, request), call, sink),
  }
}

async function sendTo(pool: Pool, request: BackendRequest): Promise<BackendResponse> {
  try {
    const { statusCode, headers, body } = await pool.request({
      method: request.method as 'POST',
      path: request.path,
      headers: [...request.headers],
      body: request.body,
      signal: request.signal,
      responseHeaders: 'raw',
    })
    return { status: statusCode, headers: headers as unknown as string[], body } satisfies BackendResponse
  } catch (cause) {
    throw new CutoverError('backend-failed', 'the test server failed', [], cause)
  }
}

export type Upstream = { server: Server; instance: Instance; close(): Promise<void> }

export async function startUpstream(handle: (req: IncomingMessage, res: ServerResponse) => void): Promise<Upstream> {
  const server = createServer(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const instance = httpInstance(`http://127.0.0.1:${port}`)
  const close = async () => {
    await instance.close()
    server.closeAllConnections()
    server.close()
  }
  return { server, instance, close }
}
