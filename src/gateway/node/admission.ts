/** What a request must be before any surface sees it, beyond what Node's own parser insists on. */
import type { IncomingMessage } from 'node:http'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { excerpt } from '../errors.ts'

/** `status` is the number HTTP has for this refusal. */
export type Refusal = { status: number; error: CutoverError }

/** Null if the request may pass. Every refusal closes the connection: what follows on it cannot be trusted. */
export function refusalOf(req: IncomingMessage): Refusal | null {
  const { httpVersion } = req
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return refuse(505, `HTTP ${httpVersion} is not spoken here; use HTTP/1.1`)
  }
  const fields = req.rawHeaders.length / 2
  if (fields > limits.headerFieldsMax) {
    return refuse(431, `the request has ${fields} header fields; at most ${limits.headerFieldsMax}`)
  }
  return refusedHost(req) ?? refusedCoding(req) ?? refusedUpgrade(req)
}

function refuse(status: number, detail: string): Refusal {
  return { status, error: new CutoverError('invalid-request', detail) }
}

/** Node keeps the first of several Host fields and drops the others without a word. */
function refusedHost(req: IncomingMessage): Refusal | null {
  const { rawHeaders } = req
  let hosts = 0
  let host = ''
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    hosts += 1
    host = rawHeaders[i + 1] ?? ''
  }
  if (hosts > 1) return refuse(400, `the request has ${hosts} Host fields; it must have one`)
  if (hosts === 0 && req.httpVersion === '1.1') return refuse(400, 'the request has no Host field; HTTP/1.1 needs one')
  if (/^[\w\-.~!$&'()*+,;=:%[\]]*$/.test(host)) return null
  return refuse(400, `the Host field ${excerpt(host)} is not a host`)
}

function refusedCoding(req: IncomingMessage): Refusal | null {
  const coding = req.headers['transfer-encoding']
  if (coding === undefined) return null
  if (req.httpVersion === '1.0') return refuse(400, 'HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1')
  if (coding.trim().toLowerCase() === 'chunked') return null
  return refuse(501, `the transfer coding ${excerpt(coding)} is not known; chunked is`)
}

/**
 * `Upgrade: h2c` is an offer that a server may pass over (Java's client makes it with every first request); any other
 * protocol, such as websocket, is what the caller insists on and cannot have.
 */
function refusedUpgrade(req: IncomingMessage): Refusal | null {
  const { upgrade } = req.headers
  if (upgrade === undefined || !offersUpgrade(req)) return null
  if (upgrade.split(',').some(protocol => protocol.trim().toLowerCase() === 'h2c')) return null
  return refuse(501, `the connection cannot be upgraded to ${excerpt(upgrade)}; plain HTTP/1.1 is spoken here`)
}

/** The connection ends with the answer to such a request: Node's parser loses what was sent behind it. */
export function offersUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '')
}
