/**
 * What callers may send, over real sockets, to a gateway before a real server. Each case is the first of its connection, then
 * comes behind a plain request, then behind one that only node:http reads; and each of these byte by byte; and all of it
 * again where no body is held and each passes by piece by piece.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { type Conversed, createWorld, type World } from '../../fuzz/stream-world.ts'

let world: World
let passing: World
beforeAll(async () => {
  ;[world, passing] = await Promise.all([createWorld(), createWorld({ heldBodyBytes: 0 })])
})
afterAll(() => Promise.all([world.close(), passing.close()]))

const plain = 'GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n'
const befores: Readonly<Record<string, string>> = {
  first: '',
  'behind a plain one': plain,
  'behind one of all of HTTP': plain.replace('\r\n\r\n', '\r\nTE: x\r\n\r\n'),
}

const portionsOf = (text: string, size = Number.POSITIVE_INFINITY): Buffer[] => {
  const bytes = Buffer.from(text, 'latin1')
  const count = Math.ceil(bytes.length / Math.min(size, bytes.length))
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * size || 0, (at + 1) * size))
}

const ways = Object.entries(befores).flatMap(([how, before]) => [
  { how, before, size: Number.POSITIVE_INFINITY, there: () => world },
  { how: `${how}, byte by byte`, before, size: 1, there: () => world },
  { how: `${how}, byte by byte, passing by`, before, size: 1, there: () => passing },
])

/** Every way in which the bytes may come. */
async function everyWay(bytes: string, hold: (conversed: Conversed, how: string) => void): Promise<void> {
  for (const { how, before, size, there } of ways) {
    if (size === 1 && bytes.length > 2_000) continue
    const conversed = await there().converse(portionsOf(before + bytes, size), 40)
    expect([how, conversed.fault]).toEqual([how, null])
    const answers = before === '' ? conversed.answers : conversed.answers.slice(1)
    hold({ ...conversed, answers }, how)
  }
}

const statuses = ({ answers }: Conversed) => answers.map(({ status }) => status)

const start = (method: string, path = 'x') => `${method} /endpoints/digits/${path} HTTP/1.1\r\nHost: a\r\n`
const follower = `${start('GET', 'after')}\r\n`
const after = '["GET","/after",[],""]'

describe('what is served, and leaves the connection fit for the next request', () => {
  const cases: readonly [string, string, string][] = [
    ['a body of a stated length', `${start('POST')}Content-Length: 4\r\n\r\nbody`, '["POST","/x",[],"body"]'],
    [
      'a body that looks like a request',
      `${start('PUT')}Content-Length: 11\r\n\r\nGET / HTTP/`,
      '["PUT","/x",[],"GET / HTTP/"]',
    ],
    ['a GET with a body', `${start('GET')}Content-Length: 4\r\n\r\nbody`, '["GET","/x",[],"body"]'],
    [
      'a body in chunks',
      `${start('POST')}Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n`,
      '["POST","/x",[],"body"]',
    ],
    [
      'chunk extensions, and trailers, which are dropped',
      `${start('POST')}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4;a="b"\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n`,
      '["POST","/x",[],"body"]',
    ],
    [
      'fields of the connection, and those that it names, which stay behind',
      `${start('GET')}Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: x\r\nX-Kept: 1\r\n\r\n`,
      '["GET","/x",["X-Kept: 1"],""]',
    ],
    [
      'a body that waits to be asked for',
      `${start('POST')}Expect: 100-continue\r\nContent-Length: 4\r\n\r\nbody`,
      '["POST","/x",[],"body"]',
    ],
    ['the absolute form', 'GET http://a/endpoints/digits/x?y HTTP/1.1\r\nHost: a\r\n\r\n', '["GET","/x?y",[],""]'],
    [
      'an odd path',
      `${start('GET', '/a/../..;/%2e%2e/%00%ff?a=b&&=%20?/')}\r\n`,
      '["GET","//a/../..;/%2e%2e/%00%ff?a=b&&=%20?/",[],""]',
    ],
    ['high bytes in a field', `${start('GET')}X-High: \xe9\xff\r\n\r\n`, '["GET","/x",["X-High: éÿ"],""]'],
    ['an empty line before the request', `\r\n${start('GET')}\r\n`, '["GET","/x",[],""]'],
  ]

  test.each(cases)('%s', async (_, bytes, seen) => {
    await everyWay(bytes + follower, (conversed, how) => {
      expect([how, statuses(conversed), conversed.isClosed]).toEqual([how, [200, 200], false])
      expect(conversed.seen).toEqual([seen, after])
      expect(conversed.answers.map(({ body }) => body)).toEqual([seen, after])
    })
  })

  test('HEAD: what follows is not taken for its body', async () => {
    await everyWay(`${start('HEAD')}\r\n${follower}`, conversed => {
      expect(conversed.answers.map(({ status, body }) => [status, body])).toEqual([
        [200, ''],
        [200, after],
      ])
    })
  })
})

describe('what is refused, closes the connection, and nothing behind it is taken for a request', () => {
  const post = start('POST')
  const cases: readonly [string, string, number][] = [
    ['two lengths', `${post}Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody`, 400],
    ['a length that is a list', `${post}Content-Length: 4, 4\r\n\r\nbody`, 400],
    ['a length and a coding', `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a coding that is not the last', `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
    ['a coding hidden by a vertical tab', `${post}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`, 400],
    ['a chunk size beyond all counting', `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`, 400],
    ['a chunk size with a prefix', `${post}Transfer-Encoding: chunked\r\n\r\n0x4\r\nbody\r\n0\r\n\r\n`, 400],
    ['a chunk that is longer than it says', `${post}Transfer-Encoding: chunked\r\n\r\n2\r\nbody\r\n0\r\n\r\n`, 400],
    ['a bare line feed behind a chunk size', `${post}Transfer-Encoding: chunked\r\n\r\n4\nbody\r\n0\r\n\r\n`, 400],
    ['a folded field', `${start('GET')}X-A: 1\r\n 2\r\n\r\n`, 400],
    ['a bare line feed', `${start('GET')}X-A: 1\nX-B: 2\r\n\r\n`, 400],
    ['a bare carriage return', `${start('GET')}X-A: 1\r2\r\n\r\n`, 400],
    ['a zero byte', `${start('GET')}X-A: \x00\r\n\r\n`, 400],
    ['a space before the colon', `${start('GET')}X-A : 1\r\n\r\n`, 400],
    ['no Host', 'GET /x HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', `${start('GET')}Host: b\r\n\r\n`, 400],
    ['a Host that is none', 'GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['HTTP/0.9', 'GET /x\r\n\r\n', 505],
    ['HTTP/2.0', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['high bytes in the target', `${start('GET', '\xff')}\r\n`, 400],
    ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
    ['another protocol', `${start('GET')}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`, 501],
    ['another expectation', `${post}Expect: x\r\nContent-Length: 4\r\n\r\nbody`, 417],
    ['too many fields', `${start('GET')}${'X: 1\r\n'.repeat(limits.headerFieldsMax)}\r\n`, 431],
    ['a head that is too long', `${start('GET')}X: ${'x'.repeat(limits.headerBytesMax)}\r\n\r\n`, 431],
    ['a body that is too long', `${post}Content-Length: ${limits.inferenceBodyBytesMax}\r\n\r\n`, 413],
    [
      'a body that was not asked for',
      `POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody`,
      404,
    ],
    ['garbage', '\x16\x03\x01\x02\x00\x01\x00', 400],
  ]

  test.each(cases)('%s', async (_, bytes, status) => {
    await everyWay(bytes + follower, (conversed, how) => {
      expect([how, statuses(conversed), conversed.answers[0]?.closes]).toEqual([how, [status], true])
      expect(conversed.seen.filter(told => told === after)).toEqual([])
    })
  })
})

test.each(['', plain])('the offer of HTTP/2 that clients make is passed over (behind %j)', async before => {
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n'
  const { seen, isClosed } = await world.converse(portionsOf(`${before}${start('GET')}${offer}\r\n${follower}`), 40)
  expect([seen, isClosed]).toEqual([['["GET","/x",[],""]', after], false])
})

test('any other offer to upgrade is passed over too, and ends the connection', async () => {
  await everyWay(`${start('GET')}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n${follower}`, conversed => {
    expect([statuses(conversed), conversed.answers[0]?.closes, conversed.seen.length]).toEqual([[200], true, 1])
  })
})

test('an unknown coding is refused as such, or as what cannot be read where more was sent ahead', async () => {
  await everyWay(`${start('POST')}Transfer-Encoding: xchunked\r\n\r\n${follower}`, conversed => {
    expect([[501], [400]]).toContainEqual(statuses(conversed))
    expect(conversed.seen).toEqual([])
  })
})

test('an HTTP/1.0 caller without a length to expect gets its answer and the end of the connection', async () => {
  await everyWay(`${start('GET').replace('1.1', '1.0')}\r\n`, conversed => {
    expect([statuses(conversed), conversed.isClosed]).toEqual([[200], true])
  })
})

test('a hundred requests of all kinds in one segment, and byte by byte: each gets its answer, in order, once', async () => {
  const kinds = [
    (at: number) => `${start('GET', `${at}`)}\r\n`,
    (at: number) => `${start('POST', `${at}`)}Content-Length: 2\r\n\r\n\r\n`,
    (at: number) => `${start('POST', `${at}`)}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    (at: number) => `${start('HEAD', `${at}`)}\r\n`,
    (at: number) => `${start('POST', `${at}`)}Expect: 100-continue\r\nContent-Length: 1\r\n\r\na`,
    (at: number) => `GET /nowhere/${at} HTTP/1.1\r\nHost: a\r\n\r\n`,
  ]
  const bytes = Array.from({ length: 100 }, (_, at) => kinds[at % kinds.length]?.(at) ?? '').join('')
  for (const size of [undefined, 1]) {
    const conversed = await world.converse(portionsOf(bytes, size), 80)
    expect(conversed.fault).toBeNull()
    expect(statuses(conversed)).toEqual(Array.from({ length: 100 }, (_, at) => (at % kinds.length === 5 ? 404 : 200)))
    const expected = Array.from({ length: 100 }, (_, at) => at).filter(at => at % kinds.length !== 5)
    expect(conversed.seen.map(told => Number(/"\/(\d+)"/.exec(told)?.[1]))).toEqual(expected)
    const told = conversed.answers.flatMap(({ status, body }, at) =>
      status === 200 && at % kinds.length !== 3 ? [body] : [],
    )
    expect(told).toEqual(
      conversed.seen.filter((_, at) => expected[at] !== undefined && (expected[at] as number) % kinds.length !== 3),
    )
  }
})

test('path, query and fields that the grammar allows arrive with every byte', async () => {
  const text = (codes: readonly number[], maxLength: number) =>
    fc.array(fc.constantFrom(...codes), { maxLength }).map(chosen => Buffer.from(chosen).toString('latin1'))
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
  const target = text(
    range(0x21, 0x7e).filter(code => code !== 0x23),
    30,
  )
  const value = text([0x09, ...range(0x20, 0x7e), ...range(0x80, 0xff)], 30).map(one =>
    one.replace(/^[ \t]+|[ \t]+$/g, ''),
  )
  const name = fc.stringMatching(/^[!$%&'*+.^_`|~A-Za-z0-9-]{1,12}$/).map(one => `z${one}`)
  const drawn = fc.tuple(
    target,
    fc.array(fc.tuple(name, value), { maxLength: 4 }),
    fc.constantFrom(...Object.values(befores)),
  )
  await fc.assert(
    fc.asyncProperty(drawn, async ([path, fields, before]) => {
      const lines = fields.map(([field, content]) => `${field}: ${content}\r\n`).join('')
      const { seen, fault } = await world.converse(portionsOf(`${before}${start('GET', path)}${lines}\r\n`), 30)
      expect(fault).toBeNull()
      expect(seen).toEqual([
        JSON.stringify(['GET', `/${path}`, fields.map(([field, content]) => `${field}: ${content}`), '']),
      ])
    }),
    { numRuns: 150 },
  )
})
