import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { incomplete } from '../../../src/core/http/chars.ts'
import { parseRequestHead, RequestHead, unusual } from '../../../src/core/http/request-head.ts'
import { limits } from '../../../src/core/limits.ts'
import { disagreement, prefixFault } from '../../fuzz/compare-requests.ts'
import { requestBytes } from '../../fuzz/request-bytes.ts'

function parse(text: string): { end: number; head: RequestHead } {
  const head = new RequestHead()
  const bytes = Buffer.from(text, 'latin1')
  return { end: parseRequestHead(bytes, 0, bytes.length, head), head }
}

const plain = (lines = '', start = 'POST /v2/models/m/infer HTTP/1.1') => `${start}\r\nHost: a\r\n${lines}\r\n`

test('a plain head is read whole, and what may not be passed on is left out', () => {
  const text = plain(
    'X-A: 1\r\nContent-Length: 7\r\nConnection: keep-alive\r\nx-cutover-unit: u\r\nTraceParent: t\r\nx-b:\t2 \r\n',
  )
  const { end, head } = parse(text)
  expect(end).toBe(text.length)
  expect(head).toMatchObject({
    method: 'POST',
    target: '/v2/models/m/infer',
    passedOn: 'X-A: 1\r\nTraceParent: t\r\nx-b:\t2 \r\n',
    bodyBytes: 7,
    closes: false,
    hasOwnFields: true,
    hasTrace: true,
  })
})

test('a body in chunks has no length, whichever was read before', () => {
  const head = new RequestHead()
  const read = (text: string) => {
    const bytes = Buffer.from(text, 'latin1')
    const end = parseRequestHead(bytes, 0, bytes.length, head)
    return [end === bytes.length, head.isChunked, head.bodyBytes, head.passedOn]
  }
  expect(read(plain('Content-Length: 7\r\n'))).toEqual([true, false, 7, ''])
  expect(read(plain('transfer-encoding:\tChunked\r\nX-A: 1\r\n'))).toEqual([true, true, 0, 'X-A: 1\r\n'])
  expect(read(plain('Content-Length: 7\r\n'))).toEqual([true, false, 7, ''])
})

test('an offer of HTTP/2 is passed over', () => {
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n'
  const text = plain(`X-A: 1\r\n${offer}`)
  const { end, head } = parse(text)
  expect([end, head.passedOn, head.closes]).toEqual([text.length, 'X-A: 1\r\n', false])
})

describe('what is not plain is left to the other parser', () => {
  const cases: readonly [string, string][] = [
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', plain('Host: b\r\n')],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['HTTP/1.0', plain('', 'GET / HTTP/1.0')],
    ['a method that changes what follows', plain('', 'CONNECT /a HTTP/1.1')],
    ['a target that is no path', plain('', 'GET http://a/ HTTP/1.1')],
    ['a fragment', plain('', 'GET /a#b HTTP/1.1')],
    ['two lengths, equal ones too', plain('Content-Length: 1\r\nContent-Length: 1\r\n')],
    ['a length and chunks', plain('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['chunks and a length', plain('Transfer-Encoding: chunked\r\nContent-Length: 1\r\n')],
    ['chunks twice', plain('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')],
    ['chunks in chunks', plain('Transfer-Encoding: chunked, chunked\r\n')],
    ['another coding', plain('Transfer-Encoding: gzip, chunked\r\n')],
    ['chunks with a blank behind', plain('Transfer-Encoding: chunked\t\r\n')],
    ['no coding', plain('Transfer-Encoding: \r\n')],
    ['a length that is no number', plain('Content-Length: +1\r\n')],
    ['an expectation', plain('Expect: 100-continue\r\n')],
    ['an upgrade', plain('Upgrade: h2c\r\n')],
    ['half an offer to upgrade', plain('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n')],
    ['a connection option', plain('Connection: x-hop\r\n')],
    ['a space before the colon', plain('X-A : 1\r\n')],
    ['a folded line', plain('X-A: 1\r\n 2\r\n')],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['a bare carriage return in a value', plain('X-A: 1\r2\r\n')],
    ['a zero byte', plain('X-A: \x00\r\n')],
    ['too many fields', plain('a: 1\r\n'.repeat(limits.plainFieldsMax))],
    ['a head over its limit', plain(`a: ${'1'.repeat(limits.headerBytesMax)}\r\n`)],
  ]
  test.each(cases)('%s', (_what, text) => {
    expect(parse(text).end).toBe(unusual)
  })
})

test('every part of a plain head is incomplete', () => {
  expect(prefixFault(Buffer.from(plain('X-A: 1\r\nContent-Length: 3\r\n')))).toBeNull()
  expect(parse('').end).toBe(incomplete)
})

test('what is plain here means the same to llhttp', async () => {
  const bytes = fc.tuple(fc.infiniteStream(fc.nat()), fc.nat(4)).map(([numbers, bends]) => {
    return requestBytes(below => (numbers.next().value as number) % below, bends)
  })
  await fc.assert(
    fc.asyncProperty(bytes, async request => {
      expect(prefixFault(request)).toBeNull()
      expect(await disagreement(request)).toBeNull()
    }),
    { numRuns: 1_500 },
  )
})

const corpus = join(import.meta.dirname, '../../fuzz/corpus/requests')

test.each(readdirSync(corpus))('%s, once found, is still understood as llhttp does', async file => {
  const request = readFileSync(join(corpus, file))
  expect(prefixFault(request)).toBeNull()
  expect(await disagreement(request)).toBeNull()
})
