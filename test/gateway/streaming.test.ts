import { type EventEmitter, once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { BackendRequest, BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import type { Instance } from '../../src/ports/backend.ts'
import { endpoint, fleetsOf, instance, type Rig, sole, startRig } from '../support/gateway-rig.ts'
import { ask, dial, inferPath, keepAlive, readUntil, sendRaw } from '../support/http-caller.ts'
import { startUpstream, type Upstream } from '../support/http-instance.ts'
import { pem } from '../support/tls.ts'

let rig: Rig
let upstream: Upstream | undefined
afterEach(async () => {
  await rig.close()
  await upstream?.close()
  upstream = undefined
})
afterAll(() => keepAlive.destroy())

async function startWith(
  one: Instance,
  spec: Partial<EndpointSpec> = {},
  options: Partial<GatewayOptions> = {},
): Promise<void> {
  rig = await startRig({ fleets: fleetsOf({ v1: one }), spec: endpoint(spec), options })
}

async function startBehind(handle: (req: IncomingMessage, res: ServerResponse) => void): Promise<void> {
  upstream = await startUpstream(handle)
  await startWith(upstream.instance)
}

/** A request whose body the test writes and whose answer it reads itself. */
function open(headers: Record<string, string> = {}, method = 'POST') {
  const req = request({ host: '127.0.0.1', port: rig.port, path: inferPath, method, headers, agent: false })
  const answered = once(req, 'response').then(([res]) => res as IncomingMessage)
  answered.catch(() => {})
  return { req, answered }
}

/** Resolves when it closes, with or without an error. */
function closing(emitter: EventEmitter): Promise<void> {
  emitter.on('error', () => {})
  return new Promise(resolve => emitter.once('close', () => resolve()))
}

const oneTurn = () => new Promise(resolve => setImmediate(resolve))
const fine: BackendResponse = { status: 200, headers: [], body: Buffer.from('fine') }

describe('back-pressure', () => {
  test('a slow model server slows the caller; the gateway holds little', async () => {
    const totalBytes = 8 * 1024 * 1024
    let heldBytesMax = 0
    let takenBytes = 0
    const slow = async ({ body }: BackendRequest) => {
      for await (const chunk of body as Readable) {
        takenBytes += (chunk as Buffer).length
        heldBytesMax = Math.max(heldBytesMax, (body as Readable).readableLength)
        for (let turn = 0; turn < 4; turn++) await oneTurn()
      }
      return fine
    }
    await startWith(instance(slow))
    expect((await ask(rig.port, { path: inferPath, body: Buffer.alloc(totalBytes) })).status).toBe(200)
    expect(takenBytes).toBe(totalBytes)
    expect(heldBytesMax).toBeLessThanOrEqual(256 * 1024)
  })

  test('a slow caller slows the model server and still gets every byte', async () => {
    const totalBytes = 48 * 1024 * 1024
    let madeBytes = 0
    const body = new Readable({
      read() {
        madeBytes += 65_536
        this.push(madeBytes <= totalBytes ? Buffer.alloc(65_536, 'x') : null)
      },
    })
    await startWith(instance(() => ({ status: 200, headers: ['content-length', String(totalBytes)], body })))
    const paused = once(body, 'pause')
    const { req, answered } = open()
    req.end('{}')
    const res = await answered
    await paused
    const madeBeforeReading = madeBytes
    let got = 0
    for await (const chunk of res) got += (chunk as Buffer).length
    expect(madeBeforeReading).toBeLessThan(totalBytes / 2)
    expect(got).toBe(totalBytes)
  })

  test('a caller that takes nothing for the idle time is taken for gone', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65_536))
      },
    })
    const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs: 20 }
    await startWith(
      instance(() => ({ status: 200, headers: [], body: endless })),
      { timeouts },
    )
    const socket = await dial(rig.port)
    socket.pause()
    socket.write('GET /endpoints/digits/x HTTP/1.1\r\nHost: a\r\n\r\n')
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 0, failed: false })
    expect(endless.destroyed).toBe(true)
    socket.destroy()
  })
})

/** An answer in one piece, greater than what the network holds, and a caller that reads it by pieces, in virtual time. */
describe('an answer in one piece', () => {
  const idleMs = 1_000
  const bodyBytes = 48 * 1024 * 1024
  const pieceBytes = 16 * 1024 * 1024
  const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs }
  const material = { cert: pem('server.crt'), key: pem('server.key'), clientCa: null }
  const certificates = { current: () => material, subscribe: () => () => {} }

  async function dialSecurely(port: number): Promise<Socket> {
    const socket = connectTls({ host: '127.0.0.1', port, ca: pem('ca.crt') })
    await once(socket, 'secureConnect')
    return socket
  }

  /** Once the gateway waits for the caller. */
  async function startAnswer(version: string, isSecure: boolean) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await startWith(
      instance(() => ({ status: 200, headers: [], body: Buffer.alloc(bodyBytes) })),
      { timeouts },
      isSecure ? { certificates } : {},
    )
    const caller = await (isSecure ? dialSecurely(rig.port) : dial(rig.port))
    caller.on('error', () => {})
    onTestFinished(() => void caller.destroy())
    caller.pause()
    caller.write(`GET /endpoints/digits/x HTTP/${version}\r\nHost: a\r\n\r\n`)
    while (vi.getTimerCount() === 0) await oneTurn()
    return caller
  }

  // By our own reader, and by Node's.
  const ways = [
    ['1.1', false],
    ['1.0', false],
    ['1.1', true],
    ['1.0', true],
  ] as const

  test.each(ways)('reaches a caller that reads for longer than the idle time (HTTP/%s, TLS: %s)', async (...way) => {
    const caller = await startAnswer(...way)
    let got = 0
    caller.on('data', chunk => {
      got += chunk.length
    })
    for (let wanted = pieceBytes; got < bodyBytes; wanted += pieceBytes) {
      caller.resume()
      while (got < Math.min(wanted, bodyBytes) && !caller.closed) await oneTurn()
      caller.pause()
      vi.advanceTimersByTime(idleMs)
      expect(got).toBeGreaterThanOrEqual(Math.min(wanted, bodyBytes))
    }
    expect(await rig.recorder.recorded(1)).toMatchObject([{ status: 200, failed: false }])
  })

  test.each(ways)('is cut where its caller takes nothing for the idle time (HTTP/%s, TLS: %s)', async (...way) => {
    await startAnswer(...way)
    const cut = rig.recorder.recorded(1)
    // What the network holds by itself may be taken in the first of them.
    for (let period = 0; period < 4; period += 1) {
      for (let turn = 0; turn < 50; turn += 1) await oneTurn()
      vi.advanceTimersByTime(idleMs)
    }
    expect(await cut).toMatchObject([{ status: 0, failed: false }])
  })
})

describe('unbuffered', () => {
  test('the first event arrives while the stream goes on', async () => {
    let more = () => {}
    await startBehind((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.write('data: 1\n\n')
      more = () => res.end('data: [DONE]\n\n')
    })
    const { req, answered } = open()
    req.end('{}')
    const res = await answered
    const [first] = (await once(res, 'data')) as [Buffer]
    expect(first.toString()).toBe('data: 1\n\n')
    expect(res.headers['content-type']).toBe('text/event-stream')
    more()
    const [second] = (await once(res, 'data')) as [Buffer]
    expect(second.toString()).toBe('data: [DONE]\n\n')
  })

  test('the header arrives before any event', async () => {
    let more = () => {}
    await startBehind((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      more = () => res.end()
    })
    const { req, answered } = open()
    req.end('{}')
    const res = await answered
    expect(res.headers['x-cutover-version']).toBe('v1')
    more()
    await once(res.resume(), 'end')
  })

  test('a chunk of the request arrives while the request goes on', async () => {
    const first = Promise.withResolvers<string>()
    await startBehind((req, res) => {
      req.once('data', chunk => first.resolve(String(chunk)))
      req.on('end', () => res.end('all'))
    })
    const { req, answered } = open({ 'transfer-encoding': 'chunked' })
    req.write('part')
    expect(await first.promise).toBe('part')
    req.end('rest')
    expect((await answered).statusCode).toBe(200)
  })

  test('latency counts from the last byte of the request', async () => {
    await startBehind((req, res) => req.resume().on('end', () => res.end('all')))
    const { req, answered } = open({ 'transfer-encoding': 'chunked' })
    req.write('part')
    await delay(60)
    const lastByteMs = performance.now()
    req.end('rest')
    ;(await answered).resume()
    const [record] = await rig.recorder.recorded(1)
    expect(record?.latencyMs).toBeGreaterThan(0)
    expect(record?.latencyMs).toBeLessThanOrEqual(performance.now() - lastByteMs)
  })
})

describe('a caller that leaves', () => {
  const gone = { status: 0, failed: false, version: 'v1' }

  test('before the answer: the model server’s request ends too', async () => {
    let closed: Promise<unknown> | undefined
    const arrival = Promise.withResolvers<void>()
    await startBehind((req, res) => {
      req.resume()
      closed = closing(res)
      arrival.resolve()
    })
    const { req } = open()
    req.on('error', () => {}).end('{}')
    await arrival.promise
    req.destroy()
    await closed
    expect((await rig.recorder.recorded(1))[0]).toMatchObject(gone)
  })

  test('amid the answer', async () => {
    let closed: Promise<unknown> | undefined
    await startBehind((_req, res) => {
      res.write('some')
      closed = closing(res)
    })
    const { req, answered } = open()
    req.on('error', () => {}).end('{}')
    await once(await answered, 'data')
    req.destroy()
    await closed
    expect((await rig.recorder.recorded(1))[0]).toMatchObject(gone)
  })

  test('amid its own body', async () => {
    let aborted: Promise<unknown> | undefined
    const arrival = Promise.withResolvers<void>()
    await startBehind(req => {
      aborted = closing(req)
      req.once('data', () => arrival.resolve())
    })
    const { req } = open({ 'transfer-encoding': 'chunked' })
    req.on('error', () => {}).write('part')
    await arrival.promise
    req.destroy()
    await aborted
    expect((await rig.recorder.recorded(1))[0]).toMatchObject(gone)
  })

  test('by sending a body that is not HTTP: it is told so, and its request ends', async () => {
    const arrival = Promise.withResolvers<IncomingMessage>()
    await startBehind(req => {
      req.once('data', () => arrival.resolve(req))
    })
    const socket = await dial(rig.port)
    socket.write(`POST ${inferPath} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`)
    const closed = closing(await arrival.promise)
    socket.write('zz\r\n')
    expect(await readUntil(socket)).toMatch(/^HTTP\/1.1 400 /)
    await closed
    expect((await rig.recorder.recorded(1))[0]).toMatchObject(gone)
  })

  test('before a version was chosen: there is nothing to record', async () => {
    await startWith(instance(() => fine))
    const socket = await dial(rig.port)
    socket.write(`POST ${inferPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\npart`)
    await oneTurn()
    socket.destroy()
    expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(200)
    expect((await rig.recorder.recorded(1)).length).toBe(1)
  })

  test('even if the instance does not listen to it: its late answer is discarded', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<BackendResponse>()
    const deaf = () => {
      asked.resolve()
      return answer.promise
    }
    await startWith(instance(deaf))
    const { req } = open()
    req.on('error', () => {}).end('{}')
    await asked.promise
    req.destroy()
    expect((await rig.recorder.recorded(1))[0]).toMatchObject(gone)
    const body = new Readable({ read() {} })
    answer.resolve({ status: 200, headers: [], body })
    await closing(body)
    expect(rig.recorder.records.length).toBe(1)
  })
})

describe('a model server that dies amid its answer', () => {
  const cases: readonly [string, Record<string, string>][] = [
    ['in chunks', {}],
    ['of a stated length', { 'content-length': '100' }],
  ]
  test.each(cases)('%s: the caller’s answer is cut', async (_name, headers) => {
    await startBehind((_req, res) => {
      res.writeHead(200, headers)
      res.write('some', () => res.socket?.destroy())
    })
    await expect(ask(rig.port, { path: inferPath, body: '{}' })).rejects.toThrow('aborted')
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 200, failed: true, raw: null })
    expect(rig.gateway.stats()).toMatchObject({ answersCut: 1, errors: [{ code: 'backend-failed', count: 1 }] })
  })

  test('a stream that closes without an end is no end', async () => {
    const body = new Readable({ read() {} })
    body.push('some')
    await startWith(instance(() => ({ status: 200, headers: [], body })))
    const { req, answered } = open()
    req.end('{}')
    const res = await answered
    await once(res, 'data')
    body.destroy()
    const [error] = (await once(res, 'error')) as [Error]
    expect(error.message).toBe('aborted')
  })

  test('an HTTP/1.0 caller, to whom any close is an end, gets a reset', async () => {
    const body = new Readable({ read() {} })
    await startWith(instance(() => ({ status: 200, headers: [], body })))
    const socket = await dial(rig.port)
    const reset = once(socket, 'error')
    socket.once('data', () => body.destroy(new Error('died')))
    socket.write(`GET /endpoints/digits/x HTTP/1.0\r\n\r\n`)
    body.push('some')
    await expect(reset).resolves.toMatchObject([{ code: 'ECONNRESET' }])
  })

  test('before the answer: a 502', async () => {
    await startBehind((_req, res) => res.socket?.destroy())
    const reply = await ask(rig.port, { path: inferPath, body: '{}' })
    expect([reply.status, reply.headers['x-cutover-version']]).toEqual([502, 'v1'])
  })
})

describe('a body over the limit', () => {
  test('by its stated length is refused before anybody is asked', async () => {
    let asked = 0
    const count = () => {
      asked += 1
      return fine
    }
    await startWith(instance(count), { bodyBytesMax: 10 })
    const reply = await ask(rig.port, { path: inferPath, body: '0123456789a' })
    expect([reply.status, reply.headers.connection, asked]).toEqual([413, 'close', 0])
    expect(reply.json()).toEqual({ error: 'the body is longer than 10 bytes, the most that is taken here' })
    expect(rig.gateway.stats().bodiesRefused).toBe(1)
    expect((await ask(rig.port, { path: inferPath, body: '0123456789' })).status).toBe(200)
  })

  test('while it streams: the model server’s request is broken off, the caller gets a 413', async () => {
    let aborted: Promise<unknown> | undefined
    await startBehind(req => {
      aborted = closing(req.resume())
    })
    rig.gateway.apply({ spec: endpoint({ bodyBytesMax: 300_000 }), table: sole('v1', 2) })
    const { req, answered } = open({ 'transfer-encoding': 'chunked' })
    req.write(Buffer.alloc(200_000))
    req.write(Buffer.alloc(200_000))
    const res = await answered
    expect([res.statusCode, res.headers.connection, res.headers['x-cutover-version']]).toEqual([413, 'close', 'v1'])
    res.resume()
    req.on('error', () => {}).end()
    await aborted
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 413, failed: false })
  })

  test('a caller that goes on sending for long is cut off', async () => {
    await startWith(
      instance(() => fine),
      { bodyBytesMax: 10 },
    )
    const socket = await dial(rig.port)
    const closed = closing(socket)
    socket.write(`POST ${inferPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n`)
    const pour = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) {}
    }
    socket.on('drain', pour)
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(first.toString()).toContain('413 Payload Too Large')
    pour()
    await closed
  })
})

describe('an answer before the request is complete', () => {
  test('is passed on, and the rest of a short body does not spoil the connection', async () => {
    await startWith(instance(() => fine))
    const socket = await dial(rig.port)
    socket.write(`POST ${inferPath} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n`)
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(first.toString()).toMatch(/^HTTP\/1.1 200 /)
    socket.write('4\r\nrest\r\n0\r\n\r\nGET /v2/health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await readUntil(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\{"live":true\}$/)
  })
})

describe('Expect: 100-continue', () => {
  const head = (bytes: number, expectation = '100-continue') =>
    `POST ${inferPath} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\nExpect: ${expectation}\r\n\r\n`

  test.each([[4], [100_000]])('a body of %i bytes is asked for and taken', async bytes => {
    await startBehind((req, res) => req.resume().on('end', () => res.end('fine')))
    const socket = await dial(rig.port)
    socket.write(head(bytes))
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(first.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write(Buffer.alloc(bytes))
    expect(await readUntil(socket, /fine/)).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  })

  test('a body over the limit is not asked for', async () => {
    await startWith(
      instance(() => fine),
      { bodyBytesMax: 3 },
    )
    const text = await sendRaw(rig.port, head(4))
    expect(text).toMatch(/^HTTP\/1.1 413 [\s\S]*connection: close/i)
  })

  test('after any other refusal the connection closes, for the body may come or not', async () => {
    await startWith(instance(() => fine))
    const text = await sendRaw(rig.port, head(4).replace('digits', 'letters'))
    expect(text).toMatch(/^HTTP\/1.1 404 [\s\S]*connection: close/i)
  })

  test('another expectation is refused', async () => {
    await startWith(instance(() => fine))
    const text = await sendRaw(rig.port, head(4, 'miracles'))
    expect(text).toMatch(/^HTTP\/1.1 417 [\s\S]*the only expectation known here is 100-continue/)
  })
})
