import { Buffer } from 'node:buffer'
import { Blocks } from '../../../../core/blocks.ts'
import { hasDotSegment } from '../../../../core/http/dot-segments.ts'
import type { BackendCall } from '../../../../ports/backend.ts'
import { areLines } from './own-lines.ts'
import type { Target } from './target.ts'

/** Bodies up to this go out with the head as one text: one write of one string is the cheapest that a socket has. */
const textBytesMax = 16 * 1024

/** Methods whose requests have a body as a rule: without one they say so. */
const bodyMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

const tokenOnly = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const targetOnly = /^[\x21-\x7e\x80-\xff]+$/
/**
 * What keeps a call from being written as one request to this server; null for nothing. Where the address has a path of its own
 * no request may leave it: beside it is what whoever wrote the address did not mean.
 */
export function faultOf({ method, path, fields, isVetted }: BackendCall, { prefix }: Target): string | null {
  if (prefix !== '' && hasDotSegment(path))
    return `the path ${JSON.stringify(path)} has a segment . or .., which could leave the path of the model server’s address; send it without`
  if (isVetted === true) return null
  if (!tokenOnly.test(method)) return `the method ${JSON.stringify(method)} is no token`
  if (!targetOnly.test(path)) return `the path ${JSON.stringify(path)} has characters that no request line can have`
  return areLines(fields) ? null : 'its header fields are not lines of Latin-1 characters'
}

/** `lines`: the fields of the request without those that are ours. */
type Sent = { request: BackendCall; lines: string }

/** Head and body in one text, or the head alone where the body follows. */
export function requestText({ request, lines }: Sent, target: Target): string {
  const { method, path, body } = request
  const head = firstLines(method, path, target) + lines
  if (body === null) return bodyMethods.has(method) ? `${head}content-length: 0\r\n\r\n` : `${head}\r\n`
  if (!(body instanceof Uint8Array)) return `${head}${framing(body.bytes)}`
  const start = `${head}content-length: ${body.length}\r\n\r\n`
  return body.length > textBytesMax ? start : start + latin1(body)
}

/** Of the request before: most of them are for one path of one server. */
let last = { method: '', path: '', target: null as Target | null, text: '' }

function firstLines(method: string, path: string, target: Target): string {
  if (path === last.path && target === last.target && method === last.method) return last.text
  last = { method, path, target, text: `${method} ${target.prefix}${path} HTTP/1.1\r\n${target.lines}` }
  return last.text
}

/** A body that `requestText` left to a write of its own. */
export function bodyApart(request: BackendCall): Uint8Array | null {
  return request.body instanceof Uint8Array && !isOneText(request) ? request.body : null
}

/** Whether `requestText` is all of it. Such calls alone share a connection: behind a head that waits for its body nothing else may go out. */
export function isOneText({ body }: BackendCall): boolean {
  return body === null || (body instanceof Uint8Array && body.length <= textBytesMax)
}

/** Pieces of bodies, until they are written. */
const blocks = new Blocks({ blockBytes: 64 * 1024 + 16, freeMax: 64 })

/** A copy of one piece of a body as it goes over the wire: what is no text is to be given back with `pieceWritten`. */
export function piece(chunk: Uint8Array, isChunked: boolean): string | Buffer {
  const size = isChunked ? `${chunk.length.toString(16)}\r\n` : ''
  if (chunk.length <= textBytesMax) return isChunked ? `${size}${latin1(chunk)}\r\n` : latin1(chunk)
  const end = isChunked ? 2 : 0
  const bytes = blocks.take(size.length + chunk.length + end)
  bytes.write(size, 0, 'latin1')
  bytes.set(chunk, size.length)
  if (isChunked) bytes.write('\r\n', bytes.length - end, 'latin1')
  return bytes
}

export function pieceWritten(bytes: Buffer): void {
  blocks.release(bytes)
}

function framing(bytes: number | null): string {
  return bytes === null ? 'transfer-encoding: chunked\r\n\r\n' : `content-length: ${bytes}\r\n\r\n`
}

function latin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return buffer.toString('latin1')
}
