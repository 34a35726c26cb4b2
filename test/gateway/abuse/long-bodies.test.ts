/** Bodies that are too long to be held: what becomes of them, and of their connections, where not all of them is wanted. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { pipeline, Readable, Transform } from 'node:stream'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import type { BackendRequest, BackendResponse } from '../../../src/adapters/deployer/by-promise.ts'
import { HttpInstance } from '../../../src/adapters/deployer/http/http-instance.ts'
import { CutoverError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { endpoint, fleetsOf, instance, type Rig, startRig } from '../../support/gateway-rig.ts'
import { dial, readUntil } from '../../support/http-caller.ts'

let rig: Rig
afterEach(() => rig.close())

const longBytes = 4 * limits.wholeBodyBytesMax
/** More than the network holds between two that do not read. */
const roomBytes = 16 * 1024 * 1024
const farBytes = limits.lingerBytesMax + longBytes

/** How a body's end is known. */
type Framing = {
  /** The beginning of a request. */
  post(bytes: number, path?: string): string
  /** Around a portion, and behind the last one. */
  portion(bytes: Buffer): (Buffer | string)[]
  end: string
}

const head = (path: string, framing: string) => `POST /${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`
const stated: Framing = {
  post: (bytes, path = 'endpoints/digits/x') => head(path, `Content-Length: ${bytes}`),
  portion: bytes => [bytes],
  end: '',
}
const inChunks: Framing = {
  post: (_bytes, path = 'endpoints/digits/x') => head(path, 'Transfer-Encoding: chunked'),
  portion: bytes => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n'],
  end: '0\r\n\r\n',
}
const { post } = stated
const framings: readonly (readonly [string, Framing])[] = [
  ['of a stated length', stated],
  ['in chunks', inChunks],
]
const follower = 'GET /endpoints/digits/after HTTP/1.1\r\nHost: a\r\n\r\n'

type Handle = (request: BackendRequest) => Promise<BackendResponse> | BackendResponse

async function startBefore(handle: Handle, bodyBytesMax = 2 * farBytes): Promise<void> {
  const spec = endpoint({ bodyBytesMax })
  rig = await startRig({ fleets: fleetsOf({ v1: instance(handle) }), spec })
}

const saying = (text: string): BackendResponse => ({ status: 200, headers: [], body: Buffer.from(text) })

/** Says how many bytes of what it got. */
async function counting({ path, body }: BackendRequest): Promise<BackendResponse> {
  if (!(body instanceof Readable)) return saying(`${path} had ${body?.length ?? 0} bytes`)
  let bytes = 0
  for await (const chunk of body) bytes += (chunk as Buffer).filter(one => one === 0x61).length
  return saying(`${path} had ${bytes} bytes of a`)
}

/** A portion in a few turns of the event loop. */
function slowly(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      setImmediate(() => setImmediate(() => setImmediate(done, null, chunk)))
    },
  })
}

async function oneTurn(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}

/** As fast as the other side takes it; what is left when the connection ends is not written. */
async function pour(socket: Socket, bytes: number, framing = stated): Promise<void> {
  const piece = Buffer.alloc(64 * 1024, 'a')
  const closed = new Promise(resolve => socket.once('close', resolve))
  for (let left = bytes; left > 0 && !socket.destroyed; left -= piece.length) {
    const parts = framing.portion(left < piece.length ? piece.subarray(0, left) : piece)
    if (!parts.map(part => socket.write(part)).every(Boolean))
      await Promise.race([new Promise(resolve => socket.once('drain', resolve)), closed])
  }
  if (framing.end !== '') socket.write(framing.end)
}

const statuses = (text: string) => text.match(/HTTP\/1.1 \d+/g)

describe.each(framings)('a body %s that is wanted', (_, framing) => {
  test('arrives whole, and what was sent ahead behind it is answered after it', async () => {
    await startBefore(counting)
    const socket = await dial(rig.port)
    const heard = readUntil(socket, /after had/)
    socket.write(framing.post(longBytes))
    await pour(socket, longBytes, framing)
    socket.write(follower)
    expect((await heard).match(/\/\w+ had \d+ bytes( of a)?/g)).toEqual([
      `/x had ${longBytes} bytes of a`,
      '/after had 0 bytes',
    ])
  })

  test('a model server that takes whole bodies alone gets it whole', async () => {
    const whole = { ...instance(counting), wantsWholeBody: true }
    rig = await startRig({ fleets: fleetsOf({ v1: whole }) })
    const socket = await dial(rig.port)
    const heard = readUntil(socket, /had/)
    socket.write(framing.post(longBytes))
    await pour(socket, longBytes, framing)
    expect(await heard).toContain(`/x had ${longBytes} bytes`)
  })

  test('nothing is read of it before there is somebody to read it', async () => {
    const begun = Promise.withResolvers<void>()
    await startBefore(async ({ body }) => {
      await begun.promise
      return counting({ path: '/x', body } as BackendRequest)
    })
    const socket = await dial(rig.port)
    const heard = readUntil(socket, /had/)
    socket.write(framing.post(2 * farBytes))
    const poured = pour(socket, 2 * farBytes, framing)
    for (let turn = 0; turn < 500; turn += 1) await oneTurn()
    // What the network and one portion hold; the rest waits at the caller.
    expect(socket.bytesWritten - socket.writableLength).toBeLessThan(farBytes)
    begun.resolve()
    await poured
    expect(await heard).toContain(`/x had ${2 * farBytes} bytes of a`)
  })
})

test('a body that comes byte by byte at its ends arrives too, and leaves the connection fit for the next', async () => {
  await startBefore(counting)
  const socket = await dial(rig.port)
  socket.setNoDelay(true)
  const heard = readUntil(socket, /after had/)
  for (const one of post(longBytes)) {
    socket.write(one)
    await oneTurn()
  }
  await pour(socket, longBytes - 3)
  for (const one of `aaa${follower}`) {
    socket.write(one)
    await oneTurn()
  }
  expect(await heard).toContain(`/x had ${longBytes} bytes of a`)
})

describe('several at a time keep their bytes', () => {
  const places = [0, 1, 2]
  /** None is like another. */
  const bodies = places.map(place => randomBytes(roomBytes + place))
  const bodyOf = (place: number) => bodies[place] ?? Buffer.alloc(0)

  async function startBeforeServer(handle: RequestListener): Promise<void> {
    const server = createServer(handle)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const real = new HttpInstance('one', `http://127.0.0.1:${port}`, { judged: () => {} })
    onTestFinished(async () => {
      await real.close()
      server.close()
    })
    rig = await startRig({ fleets: fleetsOf({ v1: real }), spec: endpoint({ bodyBytesMax: 2 * farBytes }) })
  }

  const open = (headers: Record<string, string | number>) =>
    request({
      ...{ host: '127.0.0.1', port: rig.port, path: '/endpoints/digits/x', method: 'POST', agent: false as const },
      headers,
    })

  async function read(from: Readable): Promise<Buffer> {
    const got: Buffer[] = []
    for await (const chunk of from) got.push(chunk as Buffer)
    return Buffer.concat(got)
  }

  test.each([
    ['of a stated length', true],
    ['in chunks', false],
  ])('%s, there and back, before servers and callers that read slowly', async (_, isStated) => {
    await startBeforeServer((req, res) => {
      if (isStated) res.setHeader('content-length', String(req.headers['x-bytes']))
      pipeline(req, slowly(), res, () => {})
    })
    const there = async (place: number): Promise<void> => {
      const sent = bodyOf(place)
      const req = open({ 'x-bytes': sent.length, ...(isStated && { 'content-length': sent.length }) })
      // In portions that are none of the gateway's.
      const starts = Array.from({ length: Math.ceil(sent.length / 99_991) }, (_one, at) => at * 99_991)
      Readable.from(starts.map(start => sent.subarray(start, start + 99_991))).pipe(req)
      const [res] = (await once(req, 'response')) as [IncomingMessage]
      expect((await read(res.pipe(slowly()))).equals(sent)).toBe(true)
    }
    await Promise.all(places.map(there))
  })

  test('answers to callers that begin to read late', async () => {
    await startBeforeServer((req, res) => {
      const body = bodyOf(Number(req.headers['x-place']))
      res.setHeader('content-length', body.length)
      res.end(body)
    })
    const back = async (place: number): Promise<void> => {
      const req = open({ 'x-place': place })
      req.end()
      const [res] = (await once(req, 'response')) as [IncomingMessage]
      for (let turn = 0; turn < 100 * (place + 1); turn += 1) await oneTurn()
      expect((await read(res)).equals(bodyOf(place))).toBe(true)
    }
    await Promise.all(places.map(back))
  })
})

describe.each(framings)('a body %s that is refused', (_, framing) => {
  test('the answer says why, the rest is dropped, and the next request is answered', async () => {
    await startBefore(counting)
    const socket = await dial(rig.port)
    const heard = readUntil(socket, /after had/)
    socket.write(framing.post(longBytes, 'nowhere'))
    await pour(socket, longBytes, framing)
    socket.write(follower)
    expect(statuses(await heard)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200'])
  })

  test('one that is longer than is allowed ends the connection, and its answer is read all the same', async () => {
    await startBefore(counting, 10)
    const socket = await dial(rig.port)
    socket.on('error', () => {})
    const heard = readUntil(socket)
    socket.write(framing.post(longBytes))
    await pour(socket, longBytes, framing)
    const text = await heard
    expect(statuses(text)).toEqual(['HTTP/1.1 413'])
    expect(text).toMatch(/\r\nconnection: close\r\n[\s\S]*\}$/i)
  })
})

test('a connection with too much left to drop ends with the answer, and says so', async () => {
  await startBefore(counting)
  const socket = await dial(rig.port)
  socket.on('error', () => {})
  const heard = readUntil(socket)
  socket.write(post(farBytes, 'nowhere'))
  await pour(socket, farBytes)
  const text = await heard
  expect(statuses(text)).toEqual(['HTTP/1.1 404'])
  expect(text).toMatch(/\r\nconnection: close\r\n/i)
  expect(text).toMatch(/\}$/)
})

describe.each([
  ['on sockets', '', stated],
  ['on sockets in chunks', '', inChunks],
  ['by all of HTTP', 'TE: x\r\n', stated],
])('a body that the model server stops taking, read %s', (_, field, framing) => {
  test('is dropped when the call fails, and the next request is answered', async () => {
    await startBefore(async ({ path, body }) => {
      if (body === null) return saying(`${path} had none`)
      // Until so much waits for it that the caller is read no more.
      while (body instanceof Readable && body.readableLength < body.readableHighWaterMark) await oneTurn()
      throw new CutoverError('backend-failed', 'it broke off')
    })
    const socket = await dial(rig.port)
    const heard = readUntil(socket, /after had/)
    socket.write(framing.post(longBytes).replace('\r\n\r\n', `\r\n${field}\r\n`))
    await pour(socket, longBytes, framing)
    socket.write(follower)
    expect(statuses(await heard)).toEqual(['HTTP/1.1 502', 'HTTP/1.1 200'])
  })
})

describe.each(framings)('an answer before a body %s is in', (_, framing) => {
  test('reaches the caller; the rest is dropped, and the next request is answered', async () => {
    await startBefore(({ path, body }) => (body === null ? saying(`${path} had none`) : saying('early')))
    const socket = await dial(rig.port)
    const heard = readUntil(socket, /after had/)
    socket.write(framing.post(longBytes))
    while (socket.bytesRead === 0) await oneTurn()
    await pour(socket, longBytes, framing)
    socket.write(follower)
    const text = await heard
    expect(statuses(text)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
    expect(text).toContain('early')
  })

  test('with more behind it than is dropped, the connection ends', async () => {
    await startBefore(() => saying('early'))
    const socket = await dial(rig.port)
    socket.on('error', () => {})
    const heard = readUntil(socket)
    socket.write(framing.post(2 * farBytes))
    await pour(socket, 2 * farBytes, framing)
    expect(await heard).toContain('early')
  })
})

describe.each(framings)('a caller that does not go on with a body %s', (_, framing) => {
  test('and ends its side has sent no request: the call ends', async () => {
    const isAborted = Promise.withResolvers<void>()
    await startBefore(({ signal }) => {
      signal.addEventListener('abort', () => isAborted.resolve())
      return new Promise(() => {})
    })
    const socket = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true })
    const heard = readUntil(socket)
    socket.end(`${framing.post(longBytes)}4\r\naaaa`)
    expect(await heard).toMatch(/^HTTP\/1.1 400 [\s\S]*connection: close/)
    await isAborted.promise
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 0, failed: false })
  })

  test('and leaves takes the call with it', async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    await startBefore(({ signal }) => {
      asked.resolve(signal)
      return new Promise(() => {})
    })
    const socket = await dial(rig.port)
    socket.write(`${framing.post(longBytes)}4\r\naaaa`)
    const signal = await asked.promise
    socket.destroy()
    if (!signal.aborted) await once(signal, 'abort')
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 0, failed: false })
  })
})

describe('chunks that are none, behind good ones', () => {
  const good = `${inChunks.post(0)}4\r\naaaa\r\n`
  const bad = `zz\r\n${follower}`

  /** What is heard where they come once the answer has begun. */
  async function heardAfterAnswer(): Promise<string> {
    const socket = await dial(rig.port)
    socket.on('error', () => {})
    const heard = readUntil(socket)
    socket.write(good)
    while (socket.bytesRead === 0) await oneTurn()
    socket.write(bad)
    return heard
  }

  test('end the call and the connection, and the answer says so', async () => {
    const isAborted = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    await startBefore(({ signal }) => {
      asked.resolve()
      signal.addEventListener('abort', () => isAborted.resolve())
      return new Promise(() => {})
    })
    const socket = await dial(rig.port)
    const heard = readUntil(socket)
    socket.write(good)
    await asked.promise
    socket.write(bad)
    const text = await heard
    expect(statuses(text)).toEqual(['HTTP/1.1 400'])
    expect(text).toContain('a chunk size that is no number')
    await isAborted.promise
  })

  test('cut an answer that has begun, so that it cannot look whole', async () => {
    const begun = async function* () {
      yield Buffer.from('begun')
      await new Promise(() => {})
    }
    await startBefore(() => ({ status: 200, headers: [], body: Readable.from(begun()) }))
    const text = await heardAfterAnswer()
    expect(statuses(text)).toEqual(['HTTP/1.1 200'])
    expect(text).not.toMatch(/0\r\n\r\n$/)
  })

  test('of a body that nobody reads any more end the connection without another answer', async () => {
    await startBefore(() => saying('early'))
    expect(statuses(await heardAfterAnswer())).toEqual(['HTTP/1.1 200'])
  })
})

test('chunks that came whole with their head are one body, of which the length is known', async () => {
  const seen: BackendRequest['body'][] = []
  await startBefore(({ body }) => {
    seen.push(body)
    return saying('after had it')
  })
  const socket = await dial(rig.port)
  const heard = readUntil(socket, /after had it/)
  socket.write(`${inChunks.post(0)}2\r\nbo\r\n2;a=b\r\ndy\r\n0\r\n\r\n`)
  expect(statuses(await heard)).toEqual(['HTTP/1.1 200'])
  expect(seen).toEqual([Buffer.from('body')])
})

describe.each(framings)('bodies %s that are held whole', (_, framing) => {
  /** The second is read by node:http. */
  const ways = ['', 'Connection: keep-alive, x-own\r\n']

  test.each(ways)(
    'take so much together: what would pass it is answered 503, until others are over (%j)',
    async way => {
      const whole = { ...instance(counting), wantsWholeBody: true }
      rig = await startRig({ fleets: fleetsOf({ v1: whole }), options: { bodyMemoryBytes: 1.5 * longBytes } })
      const begin = async (bytes: number) => {
        const socket = await dial(rig.port)
        const heard = readUntil(socket, /had|memory/)
        socket.write(framing.post(longBytes).replace('Host: a\r\n', `Host: a\r\n${way}`))
        await pour(socket, bytes, { ...framing, end: bytes === longBytes ? framing.end : '' })
        return { socket, heard }
      }
      const stalled = await begin(longBytes - 1_000)
      for (let turn = 0; turn < 50; turn += 1) await oneTurn()
      const refused = await begin(longBytes)
      expect(await refused.heard).toMatch(/^HTTP\/1.1 503 [\s\S]*more memory than there is/)
      stalled.socket.destroy()
      refused.socket.destroy()
      for (let turn = 0; turn < 50; turn += 1) await oneTurn()
      // Each gives back what it held: as many as one likes, one after the other.
      for (let time = 0; time < 5; time += 1) {
        const served = await begin(longBytes)
        expect(await served.heard).toContain(`/x had ${longBytes} bytes`)
        served.socket.destroy()
      }
    },
  )
})
