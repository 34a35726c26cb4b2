/** Requests whose target names no path. */
import { CutoverError } from '../core/errors.ts'
import { excerpt } from './errors.ts'
import type { Visit } from './inbound.ts'

/** What the listener takes at one path or another; what a model server takes is for it to say. */
const allowLine = 'allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n'

/** `OPTIONS *` asks about the server as a whole (RFC 9110, 9.3.7), as some checks of health do; no endpoint is meant. */
export function serveNoPath({ inbound, outbound }: Visit): void {
  const { method, target } = inbound
  if (method !== 'OPTIONS' || target !== '*')
    throw new CutoverError('invalid-request', `${excerpt(target)} is not a path`)
  outbound.begin(204, allowLine, null)
  outbound.end()
}
