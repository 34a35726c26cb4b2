/** What model servers may do to a caller: each fault reaches it as a status in the dialect of its path, or as a cut. */
import type { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { HttpInstance } from '../../../src/adapters/deployer/http/http-instance.ts'
import type { Protocol } from '../../../src/core/endpoint.ts'
import type { FleetView } from '../../../src/ports/backend.ts'
import { rawServer } from '../../adapters/deployer/raw-server.ts'
import { endpoint, sole, startRig } from '../../support/gateway-rig.ts'
import { ask, dial, readUntil } from '../../support/http-caller.ts'

type Act = string | ((socket: Socket, request: string) => void)

/** `patienceMs`: how long the gateway waits for a byte of the server. */
type Facing = { address?: string; patienceMs?: number }

/** Endpoints in all dialects before one server, which does this with each request. */
async function facing(act: Act, options: Facing = {}) {
  const server = await rawServer(onTestFinished, (socket, request) => {
    if (typeof act === 'string') socket.write(act, 'latin1')
    else act(socket, request)
  })
  const instance = new HttpInstance('digits/v1/0', options.address ?? server.address, { judged: () => {} })
  const fleets = { pick: () => instance, readyCount: () => 1, set: () => {} } as FleetView & { set(): void }
  const { patienceMs = 15_000 } = options
  const timeouts = { connectMs: 5_000, firstByteMs: patienceMs, idleMs: patienceMs }
  const spec = (name: string, protocol: Protocol) => endpoint({ name, protocol, timeouts })
  const rig = await startRig({ fleets, spec: spec('digits', 'open-inference') })
  rig.gateway.apply({ spec: spec('chat', 'openai'), table: { ...sole(), endpoint: 'chat' } })
  rig.gateway.apply({ spec: spec('served', 'tensorflow-serving'), table: { ...sole(), endpoint: 'served' } })
  onTestFinished(async () => {
    await rig.close()
    await instance.close()
  })
  return { rig, server, instance }
}

const ends = (text: string) => (socket: Socket) => void socket.end(text, 'latin1')
const resets = (text: string) => (socket: Socket) =>
  void socket.write(text, 'latin1', () => setTimeout(() => socket.resetAndDestroy(), 20))
/** The second part comes when the first has been read. */
const inParts = (first: string, second: string) => (socket: Socket) =>
  void socket.write(first, 'latin1', () => setTimeout(() => socket.write(second, 'latin1'), 20))
const nobody = 'http://127.0.0.1:1'

const dialects: readonly [string, string, string, RegExp][] = [
  ['as a problem', '/endpoints/digits/x', '{}', /^\{"type":"urn:cutover:.*"status":\d+/],
  ['in Open Inference', '/v2/models/digits/infer', '{}', /^\{"error":"[^"]/],
  ['in OpenAI', '/v1/chat/completions', '{"model":"chat"}', /^\{"error":\{"message":"[^"].*"type":"server_error"/],
  ['in TensorFlow Serving', '/v1/models/served:predict', '{}', /^\{"error":"[^"]/],
]

const faults: readonly [string, Act, number, Facing?][] = [
  ['nobody listens', '', 502, { address: nobody }],
  ['it closes', ends(''), 502],
  ['it resets', socket => void socket.resetAndDestroy(), 502],
  ['it closes within the head', ends('HTTP/1.1 200 OK\r\nContent-'), 502],
  ['it closes behind an interim answer', ends('HTTP/1.1 103 Early Hints\r\n\r\n'), 502],
  ['it speaks something else', 'SSH-2.0-x\r\n', 502],
  ['it contradicts itself', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 502],
  ['it switches protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 502],
  ['its status is none', 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n', 502],
  [
    'what it says behind its head is malformed',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n',
    502,
  ],
  ['it says nothing', () => {}, 504, { patienceMs: 100 }],
]

describe('a fault before the answer has a status, and a body', () => {
  describe.each(faults)('%s', (_, act, status, options) => {
    test.each(dialects)('%s', async (_dialect, path, body, shape) => {
      const { rig } = await facing(act, options)
      const reply = await ask(rig.port, { path, body })
      expect([reply.status, shape.test(reply.text)]).toEqual([status, true])
    })
  })
})

test.each(faults)('where the server is stays inside: %s', async (_, act, _status, options) => {
  const { rig, server } = await facing(act, options)
  const { text } = await ask(rig.port, { path: '/endpoints/digits/x', body: '{}' })
  const { host } = new URL(options?.address ?? server.address)
  expect([text.includes(host), text.includes('127.0.0.1')]).toEqual([false, false])
  expect(JSON.parse(text).detail).toContain('instance 0 of version v1')
})

describe('an answer that is not whole never looks whole', () => {
  const faults: readonly [string, Act][] = [
    ['it closes within a stated length', ends('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')],
    ['it resets within a stated length', resets('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')],
    ['it closes within chunks', ends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')],
    [
      'its chunks are malformed',
      inParts('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf', '\r\nzz\r\n'),
    ],
    ['it falls silent', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['it resets where the end is the connection’s', resets('HTTP/1.1 200 OK\r\n\r\nhalf')],
  ]
  test.each(faults)('%s', async (_, act) => {
    const { rig } = await facing(act, { patienceMs: 1_000 })
    for (const field of ['', 'TE: x\r\n']) {
      const socket = await dial(rig.port)
      socket.on('error', () => {})
      socket.write(`GET /endpoints/digits/x HTTP/1.1\r\nHost: a\r\n${field}\r\n`)
      const text = await readUntil(socket)
      // What fails in the very moment in which it began has not begun for its caller, who gets an error; node:http may break off.
      if (text.startsWith('HTTP/1.1 502') || (text === '' && field !== '')) continue
      expect(text).toContain('HTTP/1.1 200')
      expect(text).not.toMatch(/\r\n0\r\n\r\n$/)
      const stated = /content-length: (\d+)/i.exec(text)?.[1]
      if (stated !== undefined) expect(text.length - text.indexOf('\r\n\r\n') - 4).toBeLessThan(Number(stated))
      expect(stated !== undefined || /transfer-encoding: chunked/i.test(text)).toBe(true)
    }
  })

  test.each(faults)(
    '%s: a caller of HTTP/1.0, to whom any end is one, gets a reset or too few bytes',
    async (_, act) => {
      const { rig } = await facing(act, { patienceMs: 1_000 })
      const socket = await dial(rig.port)
      const errors: string[] = []
      socket.on('error', error => errors.push((error as NodeJS.ErrnoException).code ?? ''))
      socket.write('GET /endpoints/digits/x HTTP/1.0\r\n\r\n')
      const text = await readUntil(socket)
      expect(errors.length > 0 || /content-length: 10/i.test(text)).toBe(true)
    },
  )
})

describe('what is odd and right is passed on, and the connections are fit for the next request', () => {
  const cases: readonly [string, string][] = [
    [
      'interim answers',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ],
    [
      'trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    ],
    [
      'fields of the connection',
      'HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok',
    ],
  ]
  test.each(cases)('%s', async (_, answer) => {
    const { rig } = await facing(answer)
    const socket = await dial(rig.port)
    const one = 'GET /endpoints/digits/x HTTP/1.1\r\nHost: a\r\n'
    socket.write(`${one}\r\n${one}TE: x\r\n\r\n${one}Connection: close\r\n\r\n`)
    const text = await readUntil(socket)
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(Array(3).fill('HTTP/1.1 200'))
    expect(text).not.toMatch(/x-sum|x-hop|early hints|trailer/i)
    expect(text.match(/ok/g)).toHaveLength(3)
  })
})

test('an answer before the body is in reaches the caller, and the rest of the body is not taken for a request', async () => {
  const server = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly'
  const { rig } = await facing(socket => void socket.write(server))
  const socket = await dial(rig.port)
  socket.on('error', () => {})
  socket.write('POST /endpoints/digits/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n')
  const text = await readUntil(socket, /early/)
  expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 400'])
})

test.each([
  [
    'within its body',
    'POST /endpoints/digits/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n',
    '',
  ],
  ['before the answer', 'GET /endpoints/digits/x HTTP/1.1\r\nHost: a\r\n\r\n', ''],
  [
    'within the answer',
    'GET /endpoints/digits/x HTTP/1.1\r\nHost: a\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
  ],
])(
  'a caller that leaves %s: the call ends with it, and its connection is not used again',
  async (_, request, answer) => {
    const { rig, server, instance } = await facing(answer)
    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      const socket = await dial(rig.port)
      socket.on('error', () => {})
      socket.write(request)
      while (instance.inFlight === 0) await new Promise(resolve => setImmediate(resolve))
      socket[leave]()
      while (instance.inFlight > 0) await new Promise(resolve => setImmediate(resolve))
    }
    while (server.sockets.some(socket => !socket.destroyed)) await new Promise(resolve => setImmediate(resolve))
  },
)

describe('a server that keeps no connection costs no caller its answer', () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'
  test.each<[string, Act]>([
    ['and says so', ends(`${answer}Connection: close\r\n\r\nok`)],
    ['and does not say so', ends(`${answer}\r\nok`)],
    [
      'and closes a little later',
      socket => void socket.write(`${answer}\r\nok`, () => setImmediate(() => socket.end())),
    ],
  ])('%s', async (_, act) => {
    const { rig } = await facing(act)
    const statuses = new Map<number, number>()
    const caller = async () => {
      for (let sent = 0; sent < 25; sent += 1) {
        const { status } = await ask(rig.port, { path: '/v2/models/digits/infer', body: '{}' })
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 16 }, caller))
    expect(Object.fromEntries(statuses)).toEqual({ 200: 400 })
  })
})
