/** Requests for a parser to err on: well-formed ones, then bent in the ways that parsers disagree about. */

/** Draws a whole number from 0 up to, but without, `below`. */
export type Draw = (below: number) => number

const methods = [
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PATCH',
  'CONNECT',
  'TRACE',
  'get',
  'PO ST',
  'PRI',
  'M-SEARCH',
  '',
]
const targets = [
  '/',
  '/v2/models/digits/infer',
  '/a?b=c',
  '/%00',
  '/a b',
  '*',
  'http://a/b',
  '//x',
  '/\xff',
  '/#f',
  '',
  '/a\tb',
]
const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', '']
const fields = [
  'Host: a',
  'host: a.b:80',
  'Host: ',
  'Host: a/b',
  'Content-Length: 4',
  'Content-Length: 0',
  'content-length: 04',
  'Content-Length: +4',
  'Content-Length: 4,4',
  'Content-Length : 4',
  'Content-Length:\t4 ',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding : chunked',
  'transfer-encoding: xchunked',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: upgrade, close',
  'Upgrade: websocket',
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMA',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA',
  'Expect: 100-continue',
  'TE: trailers',
  'X-A: 1',
  'x-empty:',
  'X-Odd: a\x00b',
  'X-High: \xe9\xff',
  ' folded: 1',
  '\tfolded',
  'no colon',
  ': no name',
  'X(a): 1',
  'x-cutover-unit: u1',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'Cookie: a=1; b=2',
]
const ends = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\n\r\n', '']
const bodies = ['', 'body', 'bodyGET / HTTP/1.1\r\nHost: a\r\n\r\n', '0\r\n\r\n', '4\r\nbody\r\n0\r\n\r\n']
const odd = [0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x20, 0x23, 0x2c, 0x3a, 0x7f, 0x80, 0xff]

/** A request, mostly plain at first; `bends` faults are worked into it. */
export function requestBytes(draw: Draw, bends: number): Buffer {
  const pick = <T>(from: readonly T[], plain: T): T =>
    bends > 0 && draw(4) === 0 ? (from[draw(from.length)] as T) : plain
  const end = () => pick(ends, '\r\n')
  const lines = ['Host: a', ...Array.from({ length: draw(5) }, () => fields[draw(bends > 0 ? fields.length : 1)] ?? '')]
  const body = bodies[draw(bodies.length)] ?? ''
  if (draw(2) === 0 && body.length >= 4) lines.push(draw(2) === 0 ? 'Content-Length: 4' : 'Transfer-Encoding: chunked')
  const method = pick(methods, 'POST')
  const start = `${method} ${pick(targets, '/v2/models/digits/infer')} ${pick(versions, 'HTTP/1.1')}${end()}`
  const text = `${start}${lines.map(line => `${line}${end()}`).join('')}${end()}${body}`
  const bytes = Buffer.from(text, 'latin1')
  for (let bend = 1; bend < bends; bend += 1) bendOne(bytes, draw)
  return bytes
}

function bendOne(bytes: Buffer, draw: Draw): void {
  if (bytes.length === 0) return
  bytes[draw(bytes.length)] = draw(2) === 0 ? (odd[draw(odd.length)] as number) : draw(256)
}
