/** How the server comes to listen, and how it ends. */
import type { Server, ServerCredentials } from '@grpc/grpc-js'
import type { CutoverError } from '../../core/errors.ts'
import { hostAndPort } from '../../core/host-and-port.ts'
import { listenFailure } from '../../core/listen-failure.ts'
import type { Address } from '../listener.ts'
import type { OpenCalls } from './open-calls.ts'

export function bind(server: Server, address: Address, credentials: ServerCredentials): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.bindAsync(hostAndPort(address), credentials, (error, bound) => {
      if (error === null) resolve({ host: address.host, port: bound })
      else reject(bindError(error, address))
    })
  })
}

/** grpc-js has the cause in its message alone. */
function bindError(error: Error, address: Address): CutoverError {
  const cause = error.message.includes('EADDRINUSE') ? Object.assign(error, { code: 'EADDRINUSE' }) : error
  return listenFailure(cause, address, {
    what: 'the gRPC listener cannot listen',
    remedy: 'stop the server that holds it, or give the gRPC listener another port',
  })
}

/** Calls under way may finish within the time; then they are told of the end, and those that do not hear it are cut. */
export async function shutDown(server: Server, calls: OpenCalls, drainMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let timer = setTimeout(() => {
    calls.endAll()
    timer = setTimeout(() => server.forceShutdown(), lastWordsMs)
  }, drainMs)
  calls.close()
  server.tryShutdown(() => resolve())
  await promise
  clearTimeout(timer)
}

/** For the last statuses to leave. */
const lastWordsMs = 200
