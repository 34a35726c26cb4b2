/** Requests to the control listener of a server that stands by, asked of the one that serves. */
import { Readable } from 'node:stream'
import { request as ask } from 'undici'
import { hostAndPort } from '../../core/host-and-port.ts'
import type { Address } from './relay.ts'

/** Of one connection alone, RFC 9110 7.6.1. Whoever asks with `expect` has been told to go on by then. */
const hopByHop = new Set([
  ...['expect', 'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
])

/** Says that a server that stands by has sent it: one that gets it is asked by itself, and would be again. */
export const passedOn = 'x-cutover-passed-on'

/** Rejects where the server cannot be reached. Streams go on as they come, and end where the caller leaves or it is `cut`. */
export async function passOn(request: Request, server: Address, cut: AbortSignal): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const answer = await ask(`http://${hostAndPort(server)}${pathname}${search}`, {
    method: request.method as 'GET',
    headers: {
      ...Object.fromEntries([...request.headers].filter(([name]) => !hopByHop.has(name))),
      [passedOn]: 'yes',
    },
    body: request.body === null ? null : Readable.fromWeb(request.body as Parameters<typeof Readable.fromWeb>[0]),
    signal: AbortSignal.any([request.signal, cut]),
    // Timelines are streams that may say nothing for long.
    bodyTimeout: 0,
  })
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers))
    if (!hopByHop.has(name)) for (const one of [value ?? []].flat()) headers.append(name, one)
  const isEmpty = request.method === 'HEAD' || answer.statusCode === 204 || answer.statusCode === 304
  if (isEmpty) await answer.body.dump()
  return new Response(isEmpty ? null : (Readable.toWeb(answer.body) as ReadableStream), {
    status: answer.statusCode,
    headers,
  })
}
