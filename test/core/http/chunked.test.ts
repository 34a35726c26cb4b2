import { describe, expect, test } from 'vitest'
import { refused } from '../../../src/core/http/chars.ts'
import { ChunkedDecoder } from '../../../src/core/http/chunked.ts'
import { limits } from '../../../src/core/limits.ts'

/** Decodes in portions of so many bytes. */
function decode(text: string, portion: number) {
  const decoder = new ChunkedDecoder()
  const bytes = Buffer.from(text, 'latin1')
  let data = ''
  let at = 0
  while (at < bytes.length && at !== refused && !decoder.isDone) {
    const end = Math.min(bytes.length, at + portion)
    if (decoder.dataLeft > 0) {
      const count = Math.min(decoder.dataLeft, end - at)
      data += bytes.toString('latin1', at, at + count)
      decoder.took(count)
      at += count
    } else at = decoder.read(bytes, at, end)
  }
  return { data, at, isDone: decoder.isDone, fault: decoder.fault }
}

const portions = [1, 2, 3, 7, 1_000]

describe('a chunked body', () => {
  test.each([
    ['chunks', '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n', 'hello!'],
    ['nothing', '0\r\n\r\n', ''],
    [
      'hexadecimal sizes in both cases, with zeros',
      '00a\r\n0123456789\r\nB\r\n0123456789a\r\n000\r\n\r\n',
      '01234567890123456789a',
    ],
    ['data that looks like framing', '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'],
    ['extensions', '1;a\r\nx\r\n1;a=b;c="d;\\"e"\r\nx\r\n0;z\r\n\r\n', 'xx'],
    ['trailers', '1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Empty:\r\n\r\n', 'x'],
  ])('%s', (_, text, data) => {
    for (const portion of portions) {
      expect(decode(`${text}HTTP/1.1`, portion)).toEqual({ data, at: text.length, isDone: true, fault: '' })
    }
  })

  test.each([
    ['no size', '\r\nx', /no number/],
    ['a size that is no number', 'g\r\n', /no number/],
    ['a sign', '+1\r\nx', /no number/],
    ['a prefix', '0x1\r\nx', /no number/],
    ['a space after a size', '1 \r\nx', /no number/],
    ['a space before a size', ' 1\r\nx', /no number/],
    ['a size beyond what is counted exactly', `${'f'.repeat(14)}\r\n`, /no number/],
    ['a bare LF after a size', '1\nx', /no number/],
    ['a bare CR after a size', '1\rx', /ends improperly/],
    ['a chunk that is longer than its size', '1\r\nxy\r\n', /longer than its size/],
    ['a bare LF after a chunk', '1\r\nx\n', /longer than its size/],
    ['a bare CR after a chunk', '1\r\nx\rx', /ends improperly/],
    ['an empty extension', '1;\r\n', /empty chunk extension/],
    ['a space in an extension', '1; a\r\n', /empty chunk extension/],
    ['an extension without a value', '1;a=\r\n', /empty chunk extension/],
    ['a bare LF in an extension', '1;a\nx', /malformed chunk extension/],
    ['two values', '1;a=b=c\r\n', /malformed chunk extension/],
    ['something after a quoted value', '1;a="b"c\r\n', /malformed chunk extension/],
    ['a line end in quotes', '1;a="\r\n', /control character/],
    ['too long extensions', `1;${'a'.repeat(limits.chunkExtensionBytesMax)}\r\n`, /too long chunk extensions/],
    ['extensions that are too long together', '1;abcd\r\nx\r\n'.repeat(limits.chunkExtensionBytesMax / 4), /too long/],
    ['a trailer without a name', '0\r\n: 1\r\n', /malformed trailer/],
    ['a trailer that ends in LF', '0\r\nX: 1\n', /malformed trailer/],
    ['a folded trailer', '0\r\nX: 1\r\n 2\r\n', /malformed trailer/],
    ['a length in the trailers', '0\r\nContent-Length: 1\r\n', /among the trailers/],
    ['a coding in the trailers', '0\r\ntransfer-encoding: chunked\r\n', /among the trailers/],
    ['too long trailers', `0\r\nX: ${'x'.repeat(limits.headerBytesMax)}\r\n`, /too long trailers/],
  ])('%s is refused, wherever it is cut', (_, text, fault) => {
    for (const portion of portions) expect(decode(text, portion)).toMatchObject({ at: refused, fault })
  })

  test('a decoder that is used again knows nothing of the last body', () => {
    const decoder = new ChunkedDecoder()
    const broken = Buffer.from('0\r\nX')
    decoder.read(broken, 0, broken.length)
    decoder.reset()
    const bytes = Buffer.from('0\r\n\r\n')
    expect(decoder.read(bytes, 0, bytes.length)).toBe(5)
    expect(decoder.isDone).toBe(true)
  })
})
