/** How the server comes to listen, and how it ends. */
import type { Server, ServerCredentials } from '@grpc/grpc-js'
import { CutoverError } from '../../core/errors.ts'
import type { Address } from '../listener.ts'
import type { OpenCalls } from './open-calls.ts'

export function bind(server: Server, { host, port }: Address, credentials: ServerCredentials): Promise<Address> {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return new Promise((resolve, reject) => {
    server.bindAsync(`${name}:${port}`, credentials, (error, bound) => {
      if (error === null) resolve({ host, port: bound })
      else reject(bindError(error, { host, port }))
    })
  })
}

function bindError(error: Error, { host, port }: Address): CutoverError {
  if (error.message.includes('EADDRINUSE')) {
    const remedy = 'stop the server that holds it, or give the gRPC listener another port'
    return new CutoverError('port-in-use', `port ${port} on ${host} is in use; ${remedy}`, [], error)
  }
  const what = `the gRPC listener cannot listen on ${host} port ${port}: ${error.message}`
  return new CutoverError('invalid-resource', what, [], error)
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
