/** What callers send over one connection: several requests of all kinds, one behind the other, and what is none. */
import type { Draw } from './answer-bytes.ts'
import { drawChunks } from './chunk-bytes.ts'
import { requestBytes } from './request-bytes.ts'

const paths = [
  '/v2/models/digits/infer',
  '/endpoints/digits/a?b=%20c',
  '/endpoints/digits//x/..;/%2e%2e/%00',
  '/v2/health/live',
  '/v1/models/digits:predict',
  '/nowhere',
  '/v1/feedback',
]
const bodyMethods = ['POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'GET']
const bareMethods = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST']
const fields = [
  'X-A: 1',
  'x-a: 2',
  'Connection: keep-alive',
  'Connection: x-hop, keep-alive',
  'X-Hop: gone',
  'Keep-Alive: timeout=5',
  'TE: trailers',
  'Upgrade: h2c',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA',
  'Connection: upgrade\r\nUpgrade: h2c',
  'Proxy-Authorization: x',
  'Via: 1.0 before',
  'x-cutover-unit: u1',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'X-High: \xe9\xff',
  'X-Tab:\ta\tb\t',
  'X-Empty:',
  'Cookie: a=1; b=2',
  'Content-Type: application/json',
]
const bodies = [
  'x',
  '{"inputs":[]}',
  'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n',
  '0\r\n\r\n',
  '\r\n\r\n',
  '\x00\xff',
  'x'.repeat(5_000),
]
const garbage = [
  '\x00',
  'garbage\r\n\r\n',
  '\r\n',
  '\r\n\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /\r\n\r\n',
  '\x16\x03\x01',
]

export function drawRequests(draw: Draw): Buffer {
  const oddity = draw.of([0, 0, 0.05, 0.3])
  const parts = Array.from({ length: 1 + draw.below(6) }, () => drawRequest(draw, oddity))
  if (draw.chance(0.1)) parts.push(Buffer.from(draw.of(garbage), 'latin1'))
  return Buffer.concat(parts)
}

function drawRequest(draw: Draw, oddity: number): Buffer {
  if (draw.chance(oddity)) return requestBytes(draw.below, 1 + draw.below(3))
  const lines = Array.from({ length: draw.below(4) }, () => draw.of(fields))
  const path = draw.of(paths)
  const start = (method: string, version = 'HTTP/1.1') =>
    `${method} ${path} ${version}\r\nHost: a\r\n${lines.map(line => `${line}\r\n`).join('')}`
  const body = draw.chance(0.02) ? 'y'.repeat(70_000) : draw.of(bodies)
  const text = () => {
    switch (draw.below(6)) {
      case 0:
      case 1:
        return `${start(draw.of(bareMethods))}\r\n`
      case 2:
        return `${start(draw.of(bodyMethods))}Content-Length: ${body.length}\r\n\r\n${body}`
      case 3:
        return `${start('POST')}Transfer-Encoding: chunked\r\n\r\n${drawChunks(draw, oddity / 2)}`
      case 4:
        return `${start('POST')}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      default:
        return draw.chance(0.2)
          ? `${start('GET')}Connection: close\r\n\r\n`
          : `${start('GET', draw.chance(0.2) ? 'HTTP/1.0' : 'HTTP/1.1')}\r\n`
    }
  }
  return Buffer.from(text(), 'latin1')
}
