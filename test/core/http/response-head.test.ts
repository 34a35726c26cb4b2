import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { incomplete, refused } from '../../../src/core/http/chars.ts'
import { ResponseHead } from '../../../src/core/http/response-head.ts'
import { limits } from '../../../src/core/limits.ts'

function read(text: string, head = new ResponseHead()) {
  const bytes = Buffer.from(text, 'latin1')
  const after = head.read(bytes, 0, bytes.length)
  const { status, fields, length, isChunked, persists, keepAliveS, fault } = head
  return { after, status, fields, length, isChunked, persists, keepAliveS, fault }
}

const ok = 'HTTP/1.1 200 OK\r\n'

describe('a head of an answer', () => {
  test.each([
    ['a length', 'Content-Length: 5', { length: 5 }],
    ['a length of nothing, with zeros', 'content-length:000', { length: 0 }],
    ['equal lengths are one', 'Content-Length: 5\r\nContent-Length: 5', { length: 5 }],
    ['the chunked coding in any case', 'TRANSFER-ENCODING: Chunked', { isChunked: true }],
    ['an end of the connection', 'Connection: close', { persists: false }],
    ['close beside keep-alive', 'Connection: close\r\nConnection: keep-alive', { persists: false }],
    ['close in a list', 'Connection: keep-alive , CLOSE', { persists: false }],
    ['how long it is kept', 'Keep-Alive: max=3, timeout=7', { keepAliveS: 7 }],
    ['a time-out by another name', 'Keep-Alive: mytimeout=7', { keepAliveS: -1 }],
  ])('%s', (_, lines, expected) => {
    const text = `${ok}${lines}\r\n\r\n`
    expect(read(text)).toMatchObject({ after: text.length, status: 200, fields: '', fault: '', ...expected })
  })

  test('fields go on byte for byte and in order, without those of the connection and of framing', () => {
    const kept = ['X-B:  two \t', 'x-b:', 'X-Latin: caf\xe9']
    const dropped = [
      'Connection: X-Hop',
      'x-hop: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: X',
      'Upgrade: h2c',
      'X-Cutover-Version: v9',
    ]
    const proxy = ['Proxy-Connection: x', 'Proxy-Authenticate: x', 'Proxy-Authorization: x', 'Content-Length: 0']
    const lines = [kept[0], ...dropped, kept[1], ...proxy, kept[2]].map(line => `${line}\r\n`).join('')
    expect(read(`${ok}${lines}\r\n`).fields).toBe(kept.map(line => `${line}\r\n`).join(''))
  })

  test('an HTTP/1.0 connection ends unless it says otherwise', () => {
    expect(read('HTTP/1.0 200 OK\r\n\r\n').persists).toBe(false)
    expect(read('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n').persists).toBe(true)
  })

  test.each(['HTTP/1.1 200 \r\n\r\n', 'HTTP/1.1 200\r\n\r\n', 'HTTP/1.1 599 a\tb caf\xe9\r\n\r\n'])('%j', text => {
    expect(read(text).after).toBe(text.length)
  })

  test('every beginning of a head is incomplete', () => {
    const text = `${ok}X-A: 1\r\nContent-Length: 5\r\n\r\n`
    for (let end = 0; end < text.length; end += 1) expect(read(text.slice(0, end)).after).toBe(incomplete)
  })

  test.each([
    ['another protocol', 'ICY 200 OK\r\n\r\n', /status line/],
    ['another version', 'HTTP/2.0 200 OK\r\n\r\n', /status line/],
    ['lower case', 'http/1.1 200 OK\r\n\r\n', /status line/],
    ['a status below 100', 'HTTP/1.1 099 A\r\n\r\n', /status line/],
    ['a status above 599', 'HTTP/1.1 600 A\r\n\r\n', /status line/],
    ['four digits', 'HTTP/1.1 2000 A\r\n\r\n', /status line/],
    ['NUL in the reason', 'HTTP/1.1 200 \0\r\n\r\n', /status line/],
    ['a bare LF after the status line', 'HTTP/1.1 200 OK\n\r\n', /status line/],
    ['a bare CR after the status line', 'HTTP/1.1 200 OK\r\r\n\r\n', /status line/],
    ['a space before the colon', `${ok}X : 1\r\n\r\n`, /proper name/],
    ['no name', `${ok}: 1\r\n\r\n`, /proper name/],
    ['no colon', `${ok}X\r\n\r\n`, /proper name/],
    ['a folded line', `${ok}X: 1\r\n 2\r\n\r\n`, /proper name/],
    ['a name beyond ASCII', `${ok}X\xe9: 1\r\n\r\n`, /proper name/],
    ['NUL in a value', `${ok}X: \0\r\n\r\n`, /control character/],
    ['DEL in a value', `${ok}X: \x7f\r\n\r\n`, /control character/],
    ['a bare LF in a value', `${ok}X: 1\nY: 2\r\n\r\n`, /control character/],
    ['a bare CR in a value', `${ok}X: 1\rY: 2\r\n\r\n`, /control character/],
    ['a bare LF at the end', `${ok}X: 1\r\n\n`, /proper name/],
    ['a bare CR at the end', `${ok}X: 1\r\n\rX`, /ends improperly/],
    ['lengths that differ', `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, /several lengths/],
    ['a list of lengths', `${ok}Content-Length: 5, 5\r\n\r\n`, /no number/],
    ['a length with a sign', `${ok}Content-Length: +5\r\n\r\n`, /no number/],
    ['no length', `${ok}Content-Length:\r\n\r\n`, /no number/],
    ['a length beyond what is counted exactly', `${ok}Content-Length: 9999999999999999\r\n\r\n`, /no number/],
    ['a length, then a coding', `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, /both/],
    ['a coding, then a length', `${ok}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`, /both/],
    ['another coding', `${ok}Transfer-Encoding: gzip\r\n\r\n`, /not chunked/],
    ['another coding first', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`, /not chunked/],
    [
      'chunked twice',
      `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
      /several transfer codings/,
    ],
    ['a coding in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /HTTP\/1\.0/],
    ['too many fields', `${ok}${'X: 1\r\n'.repeat(limits.headerFieldsMax + 1)}\r\n`, /more than 1000 header fields/],
    ['too many bytes', `${ok}X: ${'x'.repeat(limits.headerBytesMax)}\r\n\r\n`, /more than 32768 bytes/],
  ])('%s is refused', (_, text, fault) => {
    expect(read(text)).toMatchObject({ after: refused, fault })
  })
})

describe('one object for many heads', () => {
  const line = fc.constantFrom(
    'Content-Length: 5',
    'Content-Length: 50',
    'Connection: close',
    'X: 1',
    'X: 2',
    'Keep-Alive: timeout=5',
  )
  const whole = fc.array(line, { maxLength: 3 }).map(lines => `${ok}${lines.map(one => `${one}\r\n`).join('')}\r\n`)
  const text = fc.oneof(
    whole,
    fc.tuple(whole, fc.nat(60)).map(([head, length]) => head.slice(0, length)),
    fc.constantFrom('HTTP/1.1 200 OK\n\n', `${ok}X : 1\r\n\r\n`, `${ok}X: ${'1'.repeat(1_100)}\r\n\r\n`),
  )

  test('says of each what one of its own would say, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 8 }), fc.string({ maxLength: 3 }), (texts, behind) => {
        const head = new ResponseHead()
        // Twice each, and with what belongs to the next message behind it.
        for (const one of texts.flatMap(each => [each, each]))
          expect(read(one + behind, head)).toEqual(read(one + behind))
      }),
    )
  })
})
