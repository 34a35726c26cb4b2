/** The client of model servers over real sockets: what goes over the wire, and what becomes of it whatever a server does. */
import type { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { soonMs } from '../../../src/adapters/deployer/http/client/connection.ts'
import type { PoolOptions } from '../../../src/adapters/deployer/http/client/pool.ts'
import { HttpInstance, type InstanceOptions } from '../../../src/adapters/deployer/http/http-instance.ts'
import { limits } from '../../../src/core/limits.ts'
import { call, hearCall, rawServer, tlsServer } from './raw-server.ts'
import { closing, until } from './support.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

type Judged = { ok: boolean; detail: string }

function instanceOf(address: string, options: InstanceOptions = {}) {
  const judged: Judged[] = []
  const instance = new HttpInstance(
    'digits/v1~control/3',
    address,
    { judged: (ok, detail) => judged.push({ ok, detail }) },
    options,
  )
  return { instance: closing(instance), judged }
}

/** A server whose answers are these, one for each request on a connection; the last one for all that follow. */
async function answering(answers: readonly (string | ((socket: Socket) => void))[], options: InstanceOptions = {}) {
  const server = await rawServer(onTestFinished, (socket, _, nth) => {
    const answer = answers[Math.min(nth, answers.length - 1)] ?? ''
    if (typeof answer === 'string') socket.write(answer, 'latin1')
    else answer(socket)
  })
  return { server, ...instanceOf(server.address, options) }
}

async function finished(heard: ReturnType<typeof hearCall>) {
  await heard.done
  return heard
}

/** Asks until the connection is known to be kept: once, and once more on the same one. */
async function keeping(instance: HttpInstance): Promise<void> {
  await hearCall(instance, call()).done
  await hearCall(instance, call()).done
}

const cut = (text: string) => (socket: Socket) => socket.end(text, 'latin1')
const closes = cut('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
const reset = (socket: Socket) => void socket.resetAndDestroy()
/** The second part comes when the first has been read. */
const inParts = (first: string, second: string) => (socket: Socket) =>
  void socket.write(first, 'latin1', () => setTimeout(() => socket.write(second, 'latin1'), 20))

describe('a request goes over the wire as one', () => {
  const lines = (server: { address: string }) => `host: ${new URL(server.address).host}\r\nconnection: keep-alive\r\n`

  test.each([
    ['no body', 'GET', null, '\r\n'],
    ['no body where there is one as a rule', 'POST', null, 'content-length: 0\r\n\r\n'],
    ['an empty body', 'GET', Buffer.alloc(0), 'content-length: 0\r\n\r\n'],
    ['a small body', 'PUT', Uint8Array.of(0x00, 0xff, 0x0d, 0x0a), 'content-length: 4\r\n\r\n\x00\xff\r\n'],
    ['a large body', 'POST', Buffer.alloc(300_000, 'x'), `content-length: 300000\r\n\r\n${'x'.repeat(300_000)}`],
  ])('%s', async (_, method, body, rest) => {
    const { server, instance } = await answering([ok])
    await hearCall(instance, call({ method, path: '/a?b=%20', fields: 'X-Latin: caf\xe9\r\n', body })).done
    const text = `${method} /a?b=%20 HTTP/1.1\r\n${lines(server)}X-Latin: caf\xe9\r\n${rest}`
    expect(server.requests).toEqual([text])
  })

  test('fields that are ours to write are taken out', async () => {
    const { server, instance } = await answering([ok])
    const theirs =
      'HOST: evil\r\nX-A: 1\r\ncontent-Length: 9\r\nTransfer-Encoding: chunked\r\nConnection: x\r\nTE: x\r\nX-B: 2\r\n'
    await hearCall(instance, call({ method: 'GET', fields: `${theirs}Expect: 100-continue\r\n` })).done
    expect(server.requests).toEqual([`GET /predict HTTP/1.1\r\n${lines(server)}X-A: 1\r\nX-B: 2\r\n\r\n`])
  })

  test('a path of the address comes first', async () => {
    const { server } = await answering([ok])
    const { instance } = instanceOf(`${server.address}/models/`)
    await hearCall(instance, call()).done
    expect(server.requests[0]).toMatch(/^POST \/models\/predict HTTP/)
  })

  test.each([
    '/../secret',
    '/a/../../secret',
    '/a/./b',
    '/..',
    '/%2e%2E/secret',
    '/.%2e?x=1',
    '/..%2fsecret',
    '/..\\secret',
    '/..;a=1/secret',
  ])('a path of the address is not left, by %s: the caller is told, and no server is asked', async path => {
    const { server } = await answering([ok])
    const { instance, judged } = instanceOf(`${server.address}/team-a`)
    const heard = await finished(hearCall(instance, call({ path, isVetted: true })))
    expect(heard.error?.code).toBe('invalid-request')
    expect(heard.error?.message).toContain('segment . or ..')
    expect([server.requests, judged]).toEqual([[], []])
  })

  test.each([
    ['/team-a', '/a/...', '/team-a/a/...'],
    ['/team-a', '/a..b/.well-known/%2e%2e%2e', '/team-a/a..b/.well-known/%2e%2e%2e'],
    ['/team-a', '/a?b=/../c', '/team-a/a?b=/../c'],
    ['', '/a/../b', '/a/../b'],
  ])('and other paths go on as they came: behind %j that of %s', async (own, path, sent) => {
    const { server } = await answering([ok])
    const { instance } = instanceOf(server.address + own)
    await hearCall(instance, call({ path })).done
    expect(server.requests[0]?.split(' ')[1]).toBe(sent)
  })

  test.each([
    ['of a known length', 200_000, (text: string) => text],
    ['of an unknown length', null, unchunked],
  ])('a body that comes piece by piece, %s', async (_, bytes, decode) => {
    let received = ''
    const { server, instance } = await answering([])
    server.server.removeAllListeners('connection')
    server.server.on('connection', socket => {
      server.sockets.push(socket)
      socket.on('data', chunk => {
        received += chunk.toString('latin1')
      })
    })
    const heard = hearCall(instance, call({ body: { bytes } }))
    const pieces = ['a'.repeat(10), 'b'.repeat(99_990), '', 'c'.repeat(100_000)]
    for (const piece of pieces) {
      const chunk = Buffer.from(piece)
      const drains = heard.drains
      const goesOn = heard.sending.write(chunk)
      // The chunk is the caller's again at once.
      chunk.fill('!')
      if (!goesOn) await until(() => heard.drains > drains)
    }
    heard.sending.end()
    await until(() => decode(bodyOf(received)) === pieces.join(''))
    server.sockets[0]?.write(ok)
    expect((await finished(heard)).events).toEqual(['head', 'last', 'end'])
  })

  test.each([
    ['a path with a space', { path: '/a b' }],
    ['a path with a line end', { path: '/a\r\nX: 1' }],
    ['a path beyond Latin-1, which would become a line end', { path: '/a\u010d\u010a' }],
    ['a method that is none', { method: 'GE T' }],
    ['fields beyond Latin-1', { fields: 'X: \u010d\u010aY: 1\r\n' }],
    ['fields that end the head', { fields: 'X: 1\r\n\r\nGET / HTTP/1.1\r\n' }],
    ['fields without an end', { fields: 'X: 1' }],
    ['a space before the colon', { fields: 'Transfer-Encoding : chunked\r\n' }],
    ['a folded line', { fields: 'X: 1\r\n Y: 2\r\n' }],
    ['a field hidden in another one', { fields: 'X: 1\nTransfer-Encoding: chunked\r\n' }],
  ])('%s is refused before anything is sent', async (_, parts) => {
    const { server, instance, judged } = await answering([ok])
    const heard = await finished(hearCall(instance, call(parts)))
    expect(heard.events).toEqual(['invalid-request'])
    expect([server.sockets.length, judged.length, instance.inFlight]).toEqual([0, 0, 0])
  })

  test.each([
    ['longer', 'abcdef'],
    ['shorter', 'abc'],
  ])('a body that is %s than was said is the fault of the caller', async (_, text) => {
    const { instance, judged } = await answering([ok])
    const heard = hearCall(instance, call({ body: { bytes: 5 } }))
    heard.sending.write(Buffer.from(text))
    heard.sending.end()
    expect((await finished(heard)).events).toEqual(['invalid-request'])
    expect([judged.length, instance.inFlight]).toEqual([0, 0])
  })
})

describe('an answer comes back as it was', () => {
  test.each([
    ['of a stated length', ok, { bodyBytes: 2, body: 'ok', events: ['head', 'last', 'end'] }],
    ['in chunks', `${chunked}2\r\nok\r\n0\r\n\r\n`, { bodyBytes: null, body: 'ok', events: ['head', 'last', 'end'] }],
    ['without a body', 'HTTP/1.1 204 No\r\n\r\n', { status: 204, bodyBytes: null, body: '', events: ['head', 'end'] }],
    [
      'not modified',
      'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n',
      { status: 304, bodyBytes: 5, body: '', events: ['head', 'end'] },
    ],
    ['after an interim one', `HTTP/1.1 103 E\r\nLink: a\r\n\r\n${ok}`, { body: 'ok', fields: '' }],
  ])('%s, and the connection is used again', async (_, answer, expected) => {
    const { server, instance, judged } = await answering([answer])
    for (let nth = 0; nth < 3; nth += 1) {
      expect(await finished(hearCall(instance, call()))).toMatchObject({ status: 200, ...expected })
    }
    expect([server.sockets.length, judged.filter(one => one.ok).length, instance.inFlight]).toEqual([1, 3, 0])
  })

  test('to HEAD', async () => {
    const { server, instance } = await answering(['HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 5\r\n\r\n'])
    for (let nth = 0; nth < 2; nth += 1) {
      const heard = await finished(hearCall(instance, call({ method: 'HEAD' })))
      expect(heard).toMatchObject({ bodyBytes: 5, fields: 'X: 1\r\n', events: ['head', 'end'] })
    }
    expect(server.sockets.length).toBe(1)
  })

  test('one that ends with its connection', async () => {
    const { server, instance } = await answering([cut('HTTP/1.0 200 OK\r\n\r\nok')])
    for (let nth = 0; nth < 2; nth += 1) {
      expect(await finished(hearCall(instance, call()))).toMatchObject({ body: 'ok', bodyBytes: null, error: null })
    }
    expect(server.sockets.length).toBe(2)
  })

  test('byte by byte', async () => {
    const text = `HTTP/1.1 103 E\r\n\r\n${chunked}2;a="b"\r\nok\r\n0\r\nX: 1\r\n\r\n`
    const { instance } = await answering([
      socket => {
        const step = (at: number) => {
          if (at < text.length) socket.write(text.charAt(at), () => setImmediate(step, at + 1))
        }
        step(0)
      },
    ])
    expect(await finished(hearCall(instance, call()))).toMatchObject({ status: 200, body: 'ok', error: null })
  })

  test('a sink that has enough for now is given no more until it asks', async () => {
    const size = 8 * 1024 * 1024
    const { server, instance } = await answering([
      socket => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`),
    ])
    const heard = hearCall(instance, call(), { onHead: () => heard.sending.pause() })
    await heard.head
    await until(() => (server.sockets[0]?.writableLength ?? 0) > 0)
    const before = heard.body.length
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(heard.body.length).toBe(before)
    expect(before).toBeLessThan(128 * 1024)
    heard.sending.resume()
    await heard.done
    expect(heard.body.length).toBe(size)
  })
})

describe('a failure has a name, and a connection of doubtful order is not used again', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', /no HTTP\/1\.1 status line/],
    ['an upgrade', 'HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n', /an upgrade/],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', /several lengths/],
    ['a length and a coding', `HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, /both/],
    ['a folded line', 'HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n', /proper name/],
    ['bare line feeds', 'HTTP/1.1 200 OK\n\n', /status line/],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(limits.headerBytesMax)}`, /more than 32768 bytes/],
    ['nothing at all', cut(''), /broke off before it answered/],
    ['half a head', cut('HTTP/1.1 200 OK\r\nConte'), /broke off before it answered/],
    ['a reset', reset, /broke off before it answered: .*ECONNRESET/],
    ['a malformed chunk in the portion of the head', `${chunked}2\r\nok\r\nzz`, /did not answer as HTTP\/1\.1 is/],
    ['a chunk longer than its size there', `${chunked}2\r\nokay`, /did not answer as HTTP\/1\.1 is/],
  ])('%s before the head', async (_, answer, message) => {
    const { server, instance, judged } = await answering([answer])
    for (let nth = 1; nth <= 2; nth += 1) {
      const heard = await finished(hearCall(instance, call()))
      expect(heard.events).toEqual(['backend-failed'])
      expect(heard.error?.message).toMatch(message)
      expect(server.sockets.length).toBe(nth)
    }
    expect([judged.filter(one => !one.ok).length, instance.inFlight]).toEqual([2, 0])
  })

  test.each([
    ['an end', cut('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok')],
    ['an end between chunks', cut(`${chunked}2\r\nok\r\n`)],
    ['a malformed chunk', inParts(`${chunked}2\r\nok`, '\r\nzz')],
    ['a chunk longer than its size', inParts(`${chunked}2\r\nok`, 'ay')],
  ])('%s in mid-answer', async (_, answer) => {
    const { instance, judged } = await answering([answer])
    const heard = await finished(hearCall(instance, call()))
    expect(heard).toMatchObject({ status: 200, body: 'ok' })
    expect(heard.events).toEqual(['head', 'body', 'backend-failed'])
    // The server did answer: it is judged once, by its status.
    expect([judged, instance.inFlight]).toEqual([[{ ok: true, detail: '' }], 0])
  })

  test('a reset in mid-answer', async () => {
    const { server, instance } = await answering([`${chunked}2\r\nok\r\n`])
    const heard = hearCall(instance, call())
    await until(() => heard.body === 'ok')
    server.sockets[0]?.resetAndDestroy()
    await heard.done
    expect(heard.error).toMatchObject({ code: 'backend-failed', message: /in the middle of its answer: .*ECONNRESET/ })
    expect(instance.inFlight).toBe(0)
  })

  test('bytes after an answer are never taken for the next one', async () => {
    const { server, instance } = await answering([`${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`])
    expect(await finished(hearCall(instance, call()))).toMatchObject({ body: 'ok', error: null })
    expect(await finished(hearCall(instance, call()))).toMatchObject({ body: 'ok', error: null })
    expect(server.sockets.length).toBe(2)
  })

  test('nor are bytes that come while nobody asks', async () => {
    const { server, instance } = await answering([ok])
    await hearCall(instance, call()).done
    server.sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await until(() => server.sockets[0]?.destroyed === true)
    expect(await finished(hearCall(instance, call()))).toMatchObject({ body: 'ok' })
    expect(server.sockets.length).toBe(2)
  })

  test('a connection that the server closed while it was idle is not used', async () => {
    const { server, instance } = await answering([ok])
    await hearCall(instance, call()).done
    server.sockets[0]?.end()
    await until(() => server.sockets[0]?.destroyed === true)
    expect(await finished(hearCall(instance, call()))).toMatchObject({ body: 'ok', error: null })
  })

  test('one that it closes when it is used again says that it had been kept', async () => {
    const { instance } = await answering([ok, reset])
    await hearCall(instance, call()).done
    const { error } = await finished(hearCall(instance, call()))
    expect(error).toMatchObject({
      code: 'backend-failed',
      message: /before it answered on a connection that it had kept open/,
    })
  })

  describe('a 408 that ends it', () => {
    const late = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate'

    const keeps = (socket: Socket) => void socket.write(ok)

    test.each([
      ['short', Buffer.from('{}')],
      ['long', Buffer.alloc(300_000, 'x')],
    ])('and crosses the next request answers none: that goes out again, be its body %s', async (_, body) => {
      const { server, instance, judged } = await answering([ok, cut(late)])
      await hearCall(instance, call()).done
      const heard = await finished(hearCall(instance, call({ body })))
      expect(heard).toMatchObject({ status: 200, body: 'ok', error: null })
      expect([server.sockets.length, instance.inFlight]).toEqual([2, 0])
      expect(judged.every(({ ok }) => ok)).toBe(true)
    })

    test('takes those that went out with it to another one', async () => {
      const ends = [cut(late)]
      const { server, instance } = await answering([ok, ok, socket => (ends.pop() ?? keeps)(socket)], { pipelining: 8 })
      await keeping(instance)
      const all = Array.from({ length: 3 }, () => hearCall(instance, call()))
      await Promise.all(all.map(({ done }) => done))
      expect([all.map(({ body }) => body), server.sockets.length]).toEqual([['ok', 'ok', 'ok'], 4])
    })

    test('and crosses a request whose body has left already is a connection that was closed', async () => {
      const { instance } = await answering([ok, cut(late)])
      await hearCall(instance, call()).done
      const heard = hearCall(instance, call({ body: { bytes: 2 } }))
      heard.sending.write(Buffer.from('{}'))
      heard.sending.end()
      await heard.done
      expect(heard.error).toMatchObject({ message: /before it answered on a connection that it had kept open/ })
    })

    test('is an answer where it can be one: on a new connection, behind another answer, or after a while', async () => {
      const fresh = await answering([cut(late)])
      expect(await finished(hearCall(fresh.instance, call()))).toMatchObject({ status: 408, body: 'late' })
      const kept = late.replace('Connection: close\r\n', '')
      const staying = await answering([ok, kept])
      await hearCall(staying.instance, call()).done
      expect(await finished(hearCall(staying.instance, call()))).toMatchObject({ status: 408, body: 'late' })
      const clock = createManualClock()
      const slow = await answering([ok, ok, () => {}], { clock })
      await hearCall(slow.instance, call()).done
      clock.advance(1_000)
      await hearCall(slow.instance, call()).done
      const heard = hearCall(slow.instance, call())
      await until(() => slow.server.requests.length === 3)
      clock.advance(soonMs + 1)
      slow.server.sockets.at(-1)?.end(late)
      await heard.done
      expect(heard).toMatchObject({ status: 408, body: 'late' })
    })
  })

  describe('one on which the server answered 500, as uvicorn does before it closes it for what was thrown,', () => {
    const threw = 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno'

    test('gets no other call while the server may be closing it', async () => {
      const { server, instance } = await answering([ok, ok, threw, reset])
      const bodies: string[] = []
      for (let nth = 0; nth < 4; nth += 1) bodies.push((await finished(hearCall(instance, call()))).body)
      expect([bodies, server.sockets.length]).toEqual([['ok', 'ok', 'no', 'ok'], 2])
    })

    test('is closed where there may be no other', async () => {
      const { server, instance } = await answering([ok, threw, reset], { connectionsMax: 1 })
      const all = Array.from({ length: 4 }, () => hearCall(instance, call()))
      await Promise.all(all.map(({ done }) => done))
      expect([all.map(({ body }) => body), server.sockets.length]).toEqual([['ok', 'no', 'ok', 'no'], 2])
    })

    test('is used again when the server has kept it, and others at once, until it closes one of them', async () => {
      const clock = createManualClock()
      const { server, instance } = await answering([ok, ok, threw, ok, threw, ok, threw, reset], { clock })
      const first = hearCall(instance, call())
      await first.done
      const second = hearCall(instance, call())
      clock.advance(10)
      await second.done
      await hearCall(instance, call()).done
      clock.advance(110)
      await new Promise(setImmediate)
      const bodies = async (count: number) => {
        const heard: string[] = []
        for (let nth = 0; nth < count; nth += 1) heard.push((await finished(hearCall(instance, call()))).body)
        return heard
      }
      expect([await bodies(4), server.sockets.length]).toEqual([['ok', 'no', 'ok', 'no'], 1])
      // What is lost with it teaches that it may happen again: the next one rests.
      expect((await finished(hearCall(instance, call()))).error).not.toBeNull()
      expect([await bodies(4), server.sockets.length]).toEqual([['ok', 'ok', 'no', 'ok'], 3])
    })
  })

  test.each([
    ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['Keep-Alive: timeout=0', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s is heeded', async (_, answer) => {
    const { server, instance } = await answering([answer])
    for (let nth = 0; nth < 2; nth += 1) expect((await finished(hearCall(instance, call()))).body).toBe('ok')
    expect(server.sockets.length).toBe(2)
  })

  test.each([502, 503, 504])('status %s is judged as a failure and passed on', async status => {
    const { instance, judged } = await answering([`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`])
    expect((await finished(hearCall(instance, call()))).status).toBe(status)
    expect(judged).toEqual([{ ok: false, detail: `status ${status}` }])
  })

  test('nothing listens', async () => {
    const { server, instance, judged } = await answering([ok])
    server.server.close()
    const heard = await finished(hearCall(instance, call()))
    expect(heard.error).toMatchObject({ code: 'backend-unreachable', message: /cannot connect to .*: ECONNREFUSED/ })
    expect([judged.length, instance.inFlight]).toEqual([1, 0])
  })

  test('an answer before the body was sent is delivered, and the rest of the body is not sent', async () => {
    const { server, instance } = await answering([ok])
    server.server.removeAllListeners('connection')
    let received = 0
    server.server.on('connection', socket => {
      server.sockets.push(socket)
      socket.on('error', () => {})
      socket.once('data', () => socket.write('HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno'))
      socket.on('data', chunk => {
        received += chunk.length
      })
    })
    const heard = hearCall(instance, call({ body: { bytes: 1_000_000 } }))
    heard.sending.write(Buffer.alloc(10))
    await heard.done
    expect(heard.sending.write(Buffer.alloc(100_000))).toBe(true)
    heard.sending.end()
    expect(heard).toMatchObject({ status: 413, body: 'no', error: null })
    await until(() => server.sockets[0]?.destroyed === true)
    expect(received).toBeLessThan(1_000)
  })
})

describe('time runs while it is the turn of the server', () => {
  const timeouts = { connectMs: 1_000, firstByteMs: 2_000, idleMs: 3_000 }

  async function timed(answer: string | ((socket: Socket) => void), options: PoolOptions = {}) {
    const clock = createManualClock(1_000)
    return { clock, ...(await answering([answer], { clock, ...options })) }
  }

  test('no answer', async () => {
    const { clock, server, instance, judged } = await timed('HTTP/1.1 103 E\r\n\r\nHTTP')
    const heard = hearCall(instance, call({ timeouts }))
    await until(() => server.requests.length === 1)
    clock.advance(1_990)
    expect(heard.events).toEqual([])
    clock.advance(20)
    expect(heard.events).toEqual(['backend-timeout'])
    expect(heard.error?.message).toMatch(/did not begin to answer within 2000 ms/)
    await until(() => server.sockets[0]?.destroyed === true)
    expect([judged[0]?.ok, instance.inFlight]).toEqual([false, 0])
  })

  test('a stall in mid-answer; each byte begins it anew', async () => {
    const { clock, server, instance } = await timed(`${chunked}1\r\na`)
    const heard = hearCall(instance, call({ timeouts }))
    await until(() => heard.body === 'a')
    clock.advance(2_900)
    server.sockets[0]?.write('\r\n1\r\nb')
    await until(() => heard.body === 'ab')
    clock.advance(2_900)
    expect(heard.error).toBeNull()
    clock.advance(110)
    expect(heard.error).toMatchObject({ code: 'backend-timeout', message: /sent nothing for 3000 ms/ })
  })

  test('a sink that has enough is no stall of the server', async () => {
    const { clock, server, instance } = await timed(`${chunked}1\r\na`)
    const heard = hearCall(instance, call({ timeouts }), { onBody: () => heard.sending.pause() })
    await until(() => heard.body === 'a')
    clock.advance(60_000)
    expect(heard.error).toBeNull()
    server.sockets[0]?.write('\r\n0\r\n\r\n')
    heard.sending.resume()
    await heard.done
    expect(heard.error).toBeNull()
  })

  test('nor is a caller that takes its time with the body', async () => {
    const { clock, server, instance } = await timed(ok)
    const heard = hearCall(instance, call({ timeouts, body: { bytes: 5 } }))
    heard.sending.write(Buffer.from('abc'))
    await until(() => server.sockets.length === 1)
    await until(() => heard.drains === 1)
    clock.advance(60_000)
    heard.sending.write(Buffer.from('de'))
    heard.sending.end()
    expect((await finished(heard)).body).toBe('ok')
  })

  test('all of it', async () => {
    const { clock, server, instance } = await timed(`${chunked}1\r\na`)
    const heard = hearCall(instance, call({ timeouts: { ...timeouts, totalMs: 2_500 } }))
    await until(() => heard.body === 'a' && server.requests.length === 1)
    clock.advance(2_510)
    expect(heard.error).toMatchObject({ code: 'backend-timeout', message: /was not done within 2500 ms/ })
  })

  test('no connection free in time: nothing was sent, no server is to blame, and the one that was busy goes on', async () => {
    const { clock, server, instance, judged } = await timed(() => {}, { connectionsMax: 1 })
    const busy = hearCall(instance, call({ timeouts: { ...timeouts, firstByteMs: 60_000 } }))
    await until(() => server.requests.length === 1)
    const late = hearCall(instance, call({ path: '/late', timeouts }))
    expect(instance.waiting).toBe(1)
    clock.advance(1_010)
    expect(late.error).toMatchObject({ code: 'overloaded', message: /^all 1 connections to .* were busy for 1000 ms/ })
    expect([instance.waiting, judged]).toEqual([0, []])
    server.sockets[0]?.write(ok)
    await busy.done
    expect([busy.body, server.requests.length]).toEqual(['ok', 1])
  })

  test.each([
    ['as a rule', '', 1_500],
    ['or less, where the server keeps it for less', 'Keep-Alive: timeout=1\r\n', 500],
  ])('an idle connection is closed before the server does it, %s', async (_, line, ms) => {
    const { clock, server, instance } = await timed(`HTTP/1.1 204 No\r\n${line}\r\n`)
    await hearCall(instance, call()).done
    clock.advance(ms - 10)
    await hearCall(instance, call()).done
    expect(server.sockets.length).toBe(1)
    clock.advance(ms + 10)
    await until(() => server.sockets[0]?.destroyed === true)
  })
})

describe('a caller who leaves', () => {
  test('before there is a connection: nothing is sent', async () => {
    const { server, instance } = await answering([ok])
    const heard = hearCall(instance, call({ path: '/unsent' }))
    heard.sending.cancel()
    expect(instance.inFlight).toBe(0)
    await hearCall(instance, call()).done
    expect(server.requests.map(text => text.slice(0, 13))).toEqual(['POST /predict'])
    expect(heard.events).toEqual([])
  })

  test.each([
    ['before the head', () => {}],
    ['in mid-answer', `${chunked}1\r\na\r\n`],
  ])('%s: the connection is cut, and nothing more is told', async (_, answer) => {
    const { server, instance, judged } = await answering([answer])
    const heard = hearCall(instance, call())
    await until(() => server.requests.length === 1)
    if (typeof answer === 'string') await until(() => heard.body === 'a')
    const before = judged.length
    heard.sending.cancel()
    heard.sending.cancel()
    await until(() => server.sockets[0]?.destroyed === true)
    expect(heard.events).not.toContain('backend-failed')
    expect([instance.inFlight, judged.length]).toEqual([0, before])
  })

  test.each(['onHead', 'onBody'] as const)('within %s: it hears nothing more', async event => {
    const { instance } = await answering([`${chunked}1\r\na\r\n1\r\nb\r\n0\r\n\r\n`])
    const heard = hearCall(instance, call(), { [event]: () => heard.sending.cancel() })
    await heard.head
    await hearCall(instance, call()).done
    expect(heard.events).toEqual(event === 'onHead' ? ['head'] : ['head', 'body'])
    expect(instance.inFlight).toBe(0)
  })

  test('after the end it is too late', async () => {
    const { server, instance } = await answering([ok])
    const heard = hearCall(instance, call(), { onEnd: () => heard.sending.cancel() })
    await heard.done
    await hearCall(instance, call()).done
    expect(server.sockets.length).toBe(1)
  })
})

describe('connections', () => {
  test('a call within the end of another goes out on the same one', async () => {
    const { server, instance } = await answering([ok])
    const last = Promise.withResolvers<string>()
    hearCall(instance, call(), { onEnd: () => void hearCall(instance, call()).done.then(() => last.resolve('both')) })
    expect(await last.promise).toBe('both')
    expect(server.sockets.length).toBe(1)
  })

  test('no more than allowed, and what waits goes out in order', async () => {
    const { server, instance } = await answering([ok], { connectionsMax: 2 })
    const all = Array.from({ length: 20 }, (_, nth) => hearCall(instance, call({ path: `/${nth}` })))
    await Promise.all(all.map(({ done }) => done))
    expect(all.map(({ body }) => body)).toEqual(all.map(() => 'ok'))
    expect(server.sockets.length).toBe(2)
    const order = server.requests.map(text => Number(/^POST \/(\d+)/.exec(text)?.[1]))
    expect(order.toSorted((a, b) => a - b)).toEqual(all.map((_, nth) => nth))
  })

  test('those that wait are served although others break', async () => {
    const { instance } = await answering([ok, cut('')], { connectionsMax: 1 })
    const all = Array.from({ length: 6 }, () => hearCall(instance, call()))
    await Promise.all(all.map(({ done }) => done))
    expect(all.map(({ events }) => events.at(-1))).toEqual([
      'end',
      'backend-failed',
      'end',
      'backend-failed',
      'end',
      'backend-failed',
    ])
  })

  test('more than may wait are refused', async () => {
    const { instance, judged } = await answering([() => {}], { connectionsMax: 4, queueMax: 3 })
    const most = 4 + 3
    const all = Array.from({ length: most }, () => hearCall(instance, call()))
    const more = await finished(hearCall(instance, call()))
    expect(more.error).toMatchObject({ code: 'overloaded', message: /^7 requests are in flight/ })
    expect([instance.inFlight, judged.length]).toEqual([most, 0])
    for (const { sending } of all) sending.cancel()
    expect(instance.inFlight).toBe(0)
  })

  test('closing cuts what is in flight and sends nothing that waited', async () => {
    const { server, instance } = await answering([() => {}], { connectionsMax: 1 })
    const sent = hearCall(instance, call())
    await until(() => server.requests.length === 1)
    const waiting = hearCall(instance, call())
    await instance.close()
    const after = await finished(hearCall(instance, call()))
    expect([sent, waiting, after].map(({ events }) => events)).toEqual([
      ['backend-failed'],
      ['backend-unreachable'],
      ['backend-unreachable'],
    ])
    await instance.idle()
    await until(() => server.sockets[0]?.destroyed === true)
    expect(server.requests.length).toBe(1)
  })
})

describe('several requests on one connection, where that is asked for', () => {
  const bodies = (all: readonly { body: string }[]) => all.map(({ body }) => body)

  /** Answers each request with its path. */
  async function echoing(options: PoolOptions) {
    const server = await rawServer(onTestFinished, (socket, request) => {
      const path = /^[A-Z]+ (\S+)/.exec(request)?.[1] ?? ''
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${request.startsWith('HEAD') ? '' : path}`)
    })
    return { server, ...instanceOf(server.address, options) }
  }

  test('those of one turn go out in one write, and each gets its own answer', async () => {
    const { server, instance } = await echoing({ pipelining: 8, connectionsMax: 2 })
    await keeping(instance)
    const all = Array.from({ length: 8 }, (_, nth) =>
      hearCall(instance, call({ path: `/${nth}`, method: nth === 3 ? 'HEAD' : 'POST' })),
    )
    await Promise.all(all.map(({ done }) => done))
    expect(bodies(all)).toEqual(all.map((_, nth) => (nth === 3 ? '' : `/${nth}`)))
    expect(server.sockets.length).toBe(1)
  })

  test('many callers, bodies of all sizes and few connections', async () => {
    const { server, instance } = await echoing({ pipelining: 4, connectionsMax: 3 })
    const sizes = [null, 0, 10, 5_000, 40_000]
    const all = Array.from({ length: 100 }, (_, nth) => {
      const size = sizes[nth % sizes.length] ?? null
      return hearCall(instance, call({ path: `/${nth}`, body: size === null ? null : Buffer.alloc(size, 'x') }))
    })
    await Promise.all(all.map(({ done }) => done))
    expect(bodies(all)).toEqual(all.map((_, nth) => `/${nth}`))
    expect([server.sockets.length <= 3, instance.inFlight]).toEqual([true, 0])
  })

  test('a failure fails those that were written behind it, and no others', async () => {
    const { server, instance } = await answering([ok, ok, ok, reset], { pipelining: 8 })
    await keeping(instance)
    const all = Array.from({ length: 4 }, () => hearCall(instance, call()))
    await until(() => server.requests.length === 6)
    const next = hearCall(instance, call())
    await Promise.all([...all, next].map(({ done }) => done))
    expect(all.map(({ events }) => events.at(-1))).toEqual([
      'end',
      'backend-failed',
      'backend-failed',
      'backend-failed',
    ])
    expect([next.events.at(-1), server.sockets.length]).toEqual(['end', 2])
  })

  test('what was written behind an answer that announces the end of its connection goes out on another one', async () => {
    const { server, instance } = await answering([ok, ok, closes, () => {}], { pipelining: 8 })
    await keeping(instance)
    const all = Array.from({ length: 4 }, (_, nth) => hearCall(instance, call({ path: `/${nth}` })))
    await Promise.all(all.map(({ done }) => done))
    expect(all.map(({ events }) => events.at(-1))).toEqual(['end', 'end', 'end', 'end'])
    expect(server.requests.map(request => request.split(' ')[1])).toEqual(
      // The first connection answers three, and so do the others.
      ['/predict', '/predict', '/0', '/1', '/2', '/3', '/1', '/2', '/3'],
    )
    expect(instance.inFlight).toBe(0)
  })

  test('what was written behind an answer of a server that keeps no idle connection is answered on the same one', async () => {
    const brief = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok'
    const { server, instance } = await answering([brief], { pipelining: 8, connectionsMax: 1 })
    const all = Array.from({ length: 4 }, () => hearCall(instance, call()))
    await Promise.all(all.map(({ done }) => done))
    expect(all.map(({ events }) => events.at(-1))).toEqual(['end', 'end', 'end', 'end'])
    expect([server.requests.length, server.sockets.length]).toEqual([4, 1])
    await hearCall(instance, call()).done
    expect(server.sockets.length).toBe(2)
  })

  test('a server that closes unsaid, behind what it answered together, is sent nothing into its closing', async () => {
    const { server, instance } = await answering([ok, ok, cut(ok)], { pipelining: 8, connectionsMax: 1 })
    for (let nth = 0; nth < 4; nth += 1) {
      const all = Array.from({ length: 3 }, () => hearCall(instance, call()))
      await Promise.all(all.map(({ done }) => done))
      expect(all.map(({ events }) => events.at(-1))).toEqual(['end', 'end', 'end'])
    }
    expect([server.requests.length, server.sockets.length]).toEqual([12, 4])
  })

  test('a cancelled one among these is not sent again', async () => {
    const { server, instance } = await answering([ok, ok, () => {}], { pipelining: 8 })
    await keeping(instance)
    const all = Array.from({ length: 3 }, (_, nth) => hearCall(instance, call({ path: `/${nth}` })))
    await until(() => server.requests.length === 5)
    all[1]?.sending.cancel()
    closes(server.sockets[0] as Socket)
    await until(() => server.requests.length === 6)
    expect(server.requests.at(-1)?.split(' ')[1]).toBe('/2')
    await Promise.all([all[0]?.done, all[2]?.done])
    expect(instance.inFlight).toBe(0)
  })

  test('to a server that answers one request on a connection nothing is written in vain', async () => {
    const { server, instance } = await answering([closes], { pipelining: 8 })
    await hearCall(instance, call()).done
    const all = Array.from({ length: 4 }, () => hearCall(instance, call()))
    await Promise.all(all.map(({ done }) => done))
    expect([server.requests.length, server.sockets.length]).toEqual([5, 5])
  })

  test('an answer that ends with its connection announces nothing', async () => {
    const { server, instance } = await answering([ok, ok, cut('HTTP/1.1 200 OK\r\n\r\nok')], { pipelining: 8 })
    await keeping(instance)
    const all = Array.from({ length: 2 }, () => hearCall(instance, call()))
    await Promise.all(all.map(({ done }) => done))
    expect(all.map(({ events }) => events.at(-1))).toEqual(['end', 'backend-failed'])
    expect(server.requests.length).toBe(4)
  })

  test('what was gathered and not written when the connection was lost goes out on another one', async () => {
    const { server, instance } = await answering([ok], { pipelining: 8 })
    await hearCall(instance, call()).done
    // What is sent from here on goes out after the next look at the sockets, which finds the connection closed.
    await new Promise(resolve => setImmediate(resolve))
    server.sockets[0]?.destroy()
    const gathered = [hearCall(instance, call()), hearCall(instance, call())]
    await Promise.all(gathered.map(({ done }) => done))
    expect(gathered.map(({ events }) => events.at(-1))).toEqual(['end', 'end'])
    expect(server.requests.length).toBe(3)
  })

  test('one that is cancelled takes no answer from the others', async () => {
    const { server, instance } = await echoing({ pipelining: 8 })
    await keeping(instance)
    const all = Array.from({ length: 5 }, (_, nth) => hearCall(instance, call({ path: `/${nth}` })))
    all[1]?.sending.cancel()
    await until(() => server.requests.length === 6)
    all[0]?.sending.cancel()
    await Promise.all([2, 3, 4].map(nth => all[nth]?.done))
    expect(bodies(all.slice(2))).toEqual(['/2', '/3', '/4'])
    expect([server.sockets.length, instance.inFlight]).toEqual([1, 0])
  })

  test('a body that comes piece by piece has a connection of its own', async () => {
    const { server, instance } = await echoing({ pipelining: 8 })
    const all = [hearCall(instance, call({ path: '/a', body: { bytes: 1 } })), hearCall(instance, call({ path: '/b' }))]
    await until(() => server.sockets.length === 2)
    all[0]?.sending.write(Buffer.from('x'))
    all[0]?.sending.end()
    await Promise.all(all.map(({ done }) => done))
    expect(bodies(all)).toEqual(['/a', '/b'])
  })

  test.each([
    ['piece by piece', { bytes: 40_000 }],
    ['at once, and is long', Buffer.alloc(40_000, 'x')],
  ])('a body that comes %s goes out with no other request of its turn', async (_, body) => {
    const { server, instance } = await echoing({ pipelining: 8, connectionsMax: 2 })
    await hearCall(instance, call()).done
    const all = ['/a', '/b', '/long', '/c'].map(path =>
      hearCall(instance, call({ path, body: path === '/long' ? body : Buffer.from(path) })),
    )
    await until(() => server.sockets.length === 2)
    all[2]?.sending.write(Buffer.alloc(40_000, 'x'))
    all[2]?.sending.end()
    await Promise.all(all.map(({ done }) => done))
    expect(bodies(all)).toEqual(['/a', '/b', '/long', '/c'])
    expect(server.requests.find(request => request.includes(' /long '))).not.toContain(' /a ')
  })

  test('whole bodies that are long do not break each other off, however slowly they leave', async () => {
    const { instance } = await echoing({ pipelining: 8, connectionsMax: 1 })
    await hearCall(instance, call()).done
    const all = Array.from({ length: 6 }, (_, nth) =>
      hearCall(instance, call({ path: `/${nth}`, body: Buffer.alloc(nth % 2 === 0 ? 10 : 4_000_000, 'x') })),
    )
    await Promise.all(all.map(({ done }) => done))
    expect(bodies(all)).toEqual(all.map((_, nth) => `/${nth}`))
  })

  test('those that waited for a connection are not late for it once they were sent', async () => {
    const clock = createManualClock(1_000)
    const { server, instance } = await answering([ok, () => {}], { pipelining: 8, connectionsMax: 1, clock })
    const timeouts = { connectMs: 300, firstByteMs: 2_000, idleMs: 3_000 }
    const first = hearCall(instance, call({ timeouts }))
    const all = [
      hearCall(instance, call({ timeouts })),
      hearCall(instance, call({ timeouts: { ...timeouts, totalMs: 1_000 } })),
    ]
    await first.done
    await until(() => server.requests.length === 3)
    clock.advance(400)
    expect(all.map(({ events }) => events)).toEqual([[], []])
    clock.advance(700)
    expect(all.map(({ events }) => events)).toEqual([[], ['backend-timeout']])
  })

  test('time runs for the answer that is awaited, not for those behind it', async () => {
    const clock = createManualClock(1_000)
    const { server, instance } = await answering([ok, ok, () => {}], { pipelining: 8, clock })
    await hearCall(instance, call()).done
    const again = hearCall(instance, call())
    clock.advance(10)
    await again.done
    const timeouts = { connectMs: 1_000, firstByteMs: 2_000, idleMs: 3_000 }
    const all = [hearCall(instance, call({ timeouts })), hearCall(instance, call({ timeouts }))]
    await until(() => server.requests.length === 4)
    clock.advance(2_010)
    expect(all.map(({ events }) => events)).toEqual([['backend-timeout'], ['backend-failed']])
  })
})

describe('https', () => {
  test('a server whose certificate is trusted, and one whose is not', async () => {
    const { address, ca } = await tlsServer(onTestFinished, ok)
    const { instance } = instanceOf(address, { tls: () => ({ ca }) })
    for (let nth = 0; nth < 2; nth += 1)
      expect(await finished(hearCall(instance, call()))).toMatchObject({ body: 'ok', error: null })
    const { error } = await finished(hearCall(instanceOf(address).instance, call()))
    expect(error).toMatchObject({
      code: 'backend-unreachable',
      message: /cannot connect to instance 3 of version v1: .*(SELF_SIGNED|VERIFY)/,
    })
    const { instance: other } = instanceOf(address, { tls: () => ({ ca, servername: 'other.example' }) })
    expect((await finished(hearCall(other, call()))).error?.message).toMatch(/cannot connect to .*ALTNAME/)
    const { instance: careless } = instanceOf(address, { tls: () => ({ rejectUnauthorized: false }) })
    expect((await finished(hearCall(careless, call()))).body).toBe('ok')
  })

  test('large bodies both ways, and a pause', async () => {
    const size = 2_000_000
    const { address, ca } = await tlsServer(
      onTestFinished,
      `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`,
    )
    const { instance } = instanceOf(address, { tls: () => ({ ca }) })
    const heard = hearCall(instance, call({ body: Buffer.alloc(100_000, 'y') }), {
      onHead: () => heard.sending.pause(),
    })
    await heard.head
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(heard.body.length).toBeLessThan(128 * 1024)
    heard.sending.resume()
    await heard.done
    expect([heard.body.length, heard.error]).toEqual([size, null])
  })
})

/** The data of chunks that are whole so far. */
function unchunked(text: string): string {
  let data = ''
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, end), 16)
    if (end === -1 || !(size > 0)) break
    data += text.slice(end + 2, end + 2 + size)
    at = end + 2 + size + 2
  }
  return data
}

function bodyOf(request: string): string {
  return request.slice(request.indexOf('\r\n\r\n') + 4)
}
