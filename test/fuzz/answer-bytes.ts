/** Answers as servers send them and as they should not: drawn from a seed, then damaged. */

export type Draw = { below(count: number): number; of<T>(values: readonly T[]): T; chance(share: number): boolean }

/** Mulberry32: small, and the same everywhere. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(next() * count)
  return {
    below,
    of: values => values[below(values.length)] as (typeof values)[number],
    chance: share => next() < share,
  }
}

const starts = [
  'HTTP/1.1 200 OK',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 500 ',
  'HTTP/1.1 404',
]
const oddStarts = [
  'HTTP/1.1  200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/1.1 099 A',
  'HTTP/1.1 600 A',
  'HTTP/1.1 20 OK',
  'HTTP/1.1 2000 OK',
  'http/1.1 200 OK',
  'HTTP/1.1 200OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200\tOK',
  'HTTP/1.1 200 O\x00K',
  'HTTP/1.1 200 caf\xe9',
  ' HTTP/1.1 200 OK',
  '\r\nHTTP/1.1 200 OK',
  'HTTP/1.1 101 Switching',
  'ICY 200 OK',
  'HTTP/1.10 200 OK',
  'HTTP/01.1 200 OK',
]
const fields = [
  'Content-Type: application/json',
  'Date: Sat, 28 Nov 2026 01:00:00 GMT',
  'Server: x',
  'Connection: keep-alive',
  'connection: close',
  'Keep-Alive: timeout=5',
  'Set-Cookie: a=b',
  'X-Empty:',
  'X-Tab:\tv\t',
  'X-Latin: caf\xe9',
  'ETag: "a:b"',
  'Trailer: X-Sum',
  'Connection: X-Hop',
  'X-Cutover-Id: 1',
  'X-Hop: 1',
  "!#$%&'*+-.^_`|~: odd",
]
const oddFields = [
  'X Space: v',
  'X-Space : v',
  ' X-Fold: v',
  '\tfolded',
  ': v',
  'X',
  'X-Nul: a\x00b',
  'X-Cr: a\rb',
  'X-Lf: a\nb',
  'X-Del: a\x7fb',
  'X-Bell: \x07',
  'X\xe9: v',
  'Content-Length',
  'Content-Length : 5',
  'Upgrade: h2c',
  'Connection: upgrade',
  'Transfer-Encoding',
  'X-Us\x1fer: v',
  '(x): v',
  'X-Esc: \x1b[0m',
]
const framings = [
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'content-length: 5',
  'TRANSFER-ENCODING: Chunked',
  'Content-Length: 0',
  'Content-Length:5 ',
  'Content-Length: 005',
]
const oddFramings = [
  'Content-Length: +5',
  'Content-Length: -5',
  'Content-Length: 5, 5',
  'Content-Length: 5 5',
  'Content-Length: 0x5',
  'Content-Length:',
  'Content-Length: 5;',
  'Content-Length: 5.0',
  'Content-Length: 99999999999999999999',
  'Content-Length: 18446744073709551621',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: ',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chun ked',
]
const sizes = ['5', '05', '0005', '5;a', '5;a=b', '5;a="b;c"', '5;a="\\""', '5;a;b=c']
const oddSizes = [
  '5 ',
  ' 5',
  '5;',
  '5; a',
  '5;a =b',
  '5;a= b',
  '5;=b',
  '0x5',
  '+5',
  '-5',
  'g',
  '',
  '5\t',
  '5;a="b',
  '5;\xe9',
  '5;a="\x01"',
  '5,',
  '5;a=b=c',
  '5;a="b"c',
  'FFFFFFFFFFFFFFFFF5',
  '10000000000000005',
]
const datas = ['hello', 'HTTP/', '\r\n\r\n0', '0\r\n\r\n']
const trailers = ['', '', '', 'X-Sum: 1\r\n', 'X-A: 1\r\nX-B: 2\r\n']
const oddTrailers = [
  'X-Sum : 1\r\n',
  'X-Sum: 1\n',
  ' folded\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'X\r\n',
  'X: \x00\r\n',
]
const interims = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  'HTTP/1.1 102 P\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.0 100 \r\n\r\n',
  'HTTP/1.1 199 ?\r\nTransfer-Encoding: chunked\r\n\r\n',
]
const lineEnds = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\r\n ']

/** One answer; `oddity` is the share of its parts that are not as they should be. */
export function drawAnswer(draw: Draw, oddity: number): Buffer {
  const pick = (good: readonly string[], odd: readonly string[]) => draw.of(draw.chance(oddity) ? odd : good)
  const line = () => (draw.chance(oddity / 3) ? draw.of(lineEnds) : '\r\n')
  let text = ''
  while (draw.chance(0.15)) text += draw.of(interims)
  text += pick(starts, oddStarts) + line()
  const parts = Array.from({ length: draw.below(5) }, () => pick(fields, oddFields))
  const isFramed = draw.chance(0.9)
  if (isFramed) parts.splice(draw.below(parts.length + 1), 0, pick(framings, oddFramings))
  if (draw.chance(oddity / 2)) parts.push(draw.of([...framings, ...oddFramings]))
  for (const part of parts) text += part + line()
  text += line()
  text += drawBody(draw, oddity, pick, /transfer-encoding/i.test(text))
  if (draw.chance(0.2)) text += draw.of(['HTTP/1.1 200 OK\r\n\r\n', 'x', '\r\n', '\0'])
  return damage(Buffer.from(text, 'latin1'), draw, oddity)
}

function drawBody(
  draw: Draw,
  oddity: number,
  pick: (good: readonly string[], odd: readonly string[]) => string,
  isChunked: boolean,
): string {
  if (!isChunked) return draw.of(datas).slice(0, draw.chance(0.8) ? 5 : draw.below(5))
  let text = ''
  for (let left = draw.below(4); left > 0; left -= 1) {
    text += `${pick(sizes, oddSizes)}\r\n${draw.of(datas).slice(0, 5)}${draw.chance(oddity / 3) ? draw.of(lineEnds) : '\r\n'}`
  }
  text += `${pick(['0', '000', '0;a=b'], ['', '0 ', '-0', '00000000000000000000'])}\r\n`
  return `${text}${pick(trailers, oddTrailers)}\r\n`
}

/** A few bytes are changed, left out or doubled. */
function damage(bytes: Buffer, draw: Draw, oddity: number): Buffer {
  let damaged = bytes
  while (draw.chance(oddity)) {
    const at = draw.below(damaged.length)
    const kind = draw.below(3)
    const byte = draw.of([0, 9, 10, 11, 13, 32, 44, 48, 53, 58, 59, 127, 128, 255, draw.below(256)])
    const after = damaged.subarray(kind === 0 ? at : at + 1)
    damaged = Buffer.concat([damaged.subarray(0, at), kind === 2 ? Buffer.alloc(0) : Buffer.from([byte]), after])
  }
  return damaged
}
