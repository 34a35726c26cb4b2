/** Bodies in the chunked coding (RFC 9112, 7.1), and such as only look like it. */
import type { Draw } from './answer-bytes.ts'

const datas = ['a', 'hello', '\r\n', '0\r\n\r\n', '\x00\xff', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'x'.repeat(300)]
const extensions = [';a', ';a=b', ';a="b;c"', ';a="\\""', ';a;b=c', `;a=${'b'.repeat(40)}`]
const oddExtensions = ['; a', ';', ';a =b', ' ;a', ';a="b', ';a=\x01', ';a\n', '\t', ' ', ';a="b"c']
const trailers = ['X-Sum: 1\r\n', 'x-empty:\r\n', 'Expires: 0\r\n']
const oddTrailers = [
  'X : 1\r\n',
  ' fold\r\n',
  'Content-Length: 5\r\n',
  'transfer-encoding: chunked\r\n',
  'X: a\nb\r\n',
  'X\r\n',
]
const oddSizes = [
  '',
  'g',
  '-1',
  '+1',
  '0x1',
  ' 1',
  '1 ',
  'ffffffffffffffff',
  '10000000000000001',
  '1.0',
  '00000000000000000001',
]
const oddEnds = ['\n', '\r', '\r\r\n', '', '\n\r']

/** `oddity` is the share of parts that are not as they should be. */
export function drawChunks(draw: Draw, oddity: number): string {
  const isOdd = () => draw.chance(oddity)
  const end = () => (isOdd() ? draw.of(oddEnds) : '\r\n')
  const extension = () => (draw.chance(0.2) ? draw.of(isOdd() ? oddExtensions : extensions) : '')
  const size = (bytes: number) =>
    `${draw.chance(0.1) ? '00' : ''}${draw.chance(0.5) ? hex(bytes).toUpperCase() : hex(bytes)}`
  let text = ''
  for (let left = draw.below(5); left > 0; left -= 1) {
    const data = draw.of(datas)
    text += `${isOdd() ? draw.of(oddSizes) : size(data.length)}${extension()}${end()}${data}${end()}`
  }
  text += `${isOdd() ? draw.of(oddSizes) : '0'}${extension()}${end()}`
  while (draw.chance(0.25)) text += draw.of(isOdd() ? oddTrailers : trailers)
  return text + end()
}

function hex(bytes: number): string {
  return bytes.toString(16)
}
