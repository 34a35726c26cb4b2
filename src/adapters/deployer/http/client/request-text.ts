import type { BackendCall } from '../../../../ports/backend.ts'

/** Bodies up to this go out with the head as one text: one write of one string is the cheapest that a socket has. */
const textBytesMax = 16 * 1024

/** Methods whose requests have a body as a rule: without one they say so. */
const bodyMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

const tokenOnly = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const targetOnly = /^[\x21-\x7e\x80-\xff]+$/
/** Beyond Latin-1 a character would lose its upper half, and may turn into the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of one byte is meant
const beyondLatin1 = /[^\x00-\xff]/

/** What keeps a call from being written as one request; null for nothing. */
export function faultOf({ method, path, fields }: BackendCall): string | null {
  if (!tokenOnly.test(method)) return `the method ${JSON.stringify(method)} is no token`
  if (!targetOnly.test(path)) return `the path ${JSON.stringify(path)} has characters that no request line can have`
  if (beyondLatin1.test(fields)) return 'a header field has characters beyond Latin-1'
  if (fields !== '' && !fields.endsWith('\r\n')) return 'the header fields do not end with a line'
  return fields.includes('\r\n\r\n') || fields.startsWith('\r\n')
    ? 'there is an empty line among the header fields'
    : null
}

/** Head and body in one text, or the head alone where the body follows. `lines`: Host and what else every request has. */
export function requestText(call: BackendCall, prefix: string, lines: string): string {
  const { method, path, fields, body } = call
  const head = `${method} ${prefix}${path} HTTP/1.1\r\n${lines}${fields}`
  if (body === null) return bodyMethods.has(method) ? `${head}content-length: 0\r\n\r\n` : `${head}\r\n`
  if (!(body instanceof Uint8Array)) return `${head}${framing(body.bytes)}`
  const start = `${head}content-length: ${body.length}\r\n\r\n`
  return body.length > textBytesMax ? start : start + latin1(body)
}

/** A body that `requestText` left to a write of its own. */
export function bodyApart({ body }: BackendCall): Uint8Array | null {
  return body instanceof Uint8Array && body.length > textBytesMax ? body : null
}

/** A copy of one piece of a body as it goes over the wire. */
export function piece(chunk: Uint8Array, isChunked: boolean): string | Buffer {
  const size = isChunked ? `${chunk.length.toString(16)}\r\n` : ''
  if (chunk.length <= textBytesMax) return isChunked ? `${size}${latin1(chunk)}\r\n` : latin1(chunk)
  const end = isChunked ? 2 : 0
  const bytes = Buffer.allocUnsafe(size.length + chunk.length + end)
  bytes.write(size, 0, 'latin1')
  bytes.set(chunk, size.length)
  if (isChunked) bytes.write('\r\n', bytes.length - end, 'latin1')
  return bytes
}

function framing(bytes: number | null): string {
  return bytes === null ? 'transfer-encoding: chunked\r\n\r\n' : `content-length: ${bytes}\r\n\r\n`
}

function latin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return buffer.toString('latin1')
}
