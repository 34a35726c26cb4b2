/** Whatever a challenger does, callers get what they would get without it. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import type { Instance } from '../../../src/ports/backend.ts'
import { instance, naming } from '../../support/gateway-rig.ts'
import { ask, keepAlive, type Reply } from '../../support/http-caller.ts'
import { instanceAt, mirror, path, startMirrorRig, startServer, startSocketServer, until } from './rig.ts'

afterAll(() => keepAlive.destroy())

const requests = 24

type Outcome = { status: number; failed: boolean }

const sockets = async (misbehave: (socket: Socket) => void) => (await startSocketServer(misbehave)).instance
const json = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

const challengers: readonly {
  does: string
  make: () => Promise<Instance>
  outcome: Outcome
  timeoutMs?: number
}[] = [
  {
    does: 'answers',
    make: async () => (await startServer()).instance,
    outcome: { status: 200, failed: false },
  },
  {
    does: 'answers 500',
    make: async () => (await startServer(res => res.writeHead(500).end('no'))).instance,
    outcome: { status: 500, failed: true },
  },
  {
    does: 'never answers',
    make: () => sockets(() => {}),
    outcome: { status: 504, failed: true },
    timeoutMs: 200,
  },
  {
    does: 'begins to answer and never goes on',
    make: () => sockets(socket => socket.write(`${json}content-length: 9\r\n\r\n{`)),
    outcome: { status: 200, failed: true },
    timeoutMs: 1_000,
  },
  {
    does: 'resets its connections',
    make: () => sockets(socket => socket.resetAndDestroy()),
    outcome: { status: 502, failed: true },
  },
  {
    does: 'crashes in the middle of its answer',
    make: () => sockets(socket => socket.end(`${json}content-length: 99\r\n\r\n{"la`)),
    outcome: { status: 200, failed: true },
  },
  {
    does: 'talks without end',
    make: () =>
      sockets(socket => {
        const chunk = Buffer.alloc(64 * 1024, 'x')
        const talk = () => {
          while (socket.writable && socket.write(chunk));
        }
        socket.on('drain', talk)
        socket.write(`${json}content-length: 9000000000\r\n\r\n`)
        talk()
      }),
    outcome: { status: 200, failed: true },
  },
  {
    does: 'does not speak HTTP',
    make: () => sockets(socket => socket.end(Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]))),
    outcome: { status: 502, failed: true },
  },
  {
    does: 'answers with a status that HTTP does not have',
    make: async () => instance(() => ({ status: 7, headers: [], body: Buffer.from('?') })),
    outcome: { status: 502, failed: true },
  },
  { does: 'has died', make: deadInstance, outcome: { status: 502, failed: true } },
  {
    does: 'throws at once',
    make: async () => ({ ...naming('v2'), dispatch: () => throwNow() }),
    outcome: { status: 502, failed: true },
  },
  {
    does: 'hears nothing of an abort',
    make: async () => instance(() => new Promise(() => {})),
    outcome: { status: 504, failed: true },
    timeoutMs: 200,
  },
]

function throwNow(): never {
  throw new Error('a fault')
}

async function deadInstance(): Promise<Instance> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const dead = instanceAt(address !== null && typeof address === 'object' ? address.port : 0)
  server.close()
  await once(server, 'close')
  return dead
}

/** What a caller sees, but for the id of its request. */
function seen({ status, rawHeaders, raw }: Reply) {
  const id = rawHeaders[rawHeaders.indexOf('x-cutover-prediction-id') + 1]
  return { status, fields: rawHeaders.filter(field => field !== id && !/GMT$/.test(field)), bytes: raw.toString('hex') }
}

describe('a caller gets the same bytes, and is counted the same, with a challenger that', () => {
  test.each(challengers)('$does', async ({ make, outcome, timeoutMs = 60_000 }) => {
    const champion = await startServer()
    const challenger = await make()
    const rig = await startMirrorRig({
      champion: champion.instance,
      challengers: { v2: challenger },
      mirrors: [mirror({ budget: { timeoutMs, concurrencyMax: requests } })],
    })
    const bodies = Array.from({ length: requests }, (_, index) => 'x'.repeat(1 + index * 100))
    const plainly = await Promise.all(
      bodies.map(body => ask(rig.port, { path, body, headers: { 'x-cutover-shadow': 'not me' } })),
    )
    const copied = await Promise.all(bodies.map(body => ask(rig.port, { path, body })))
    expect(copied.map(seen)).toEqual(plainly.map(seen))

    await until(() => rig.mirrorStats().answered + rig.mirrorStats().failed === requests)
    const { requests: counted, errors, answersCut } = rig.gateway.stats()
    expect({ errors, answersCut }).toEqual({ errors: [], answersCut: 0 })
    expect(counted.filter(({ count }) => count > 0)).toEqual([
      { endpoint: 'digits', version: 'v1', statusClass: '2xx', count: 2 * requests },
    ])
    const records = await rig.recorder.recorded(3 * requests)
    const shadows = records.filter(({ shadowOf }) => shadowOf !== undefined)
    expect(records.filter(({ failed, shadowOf }) => failed && shadowOf === undefined)).toEqual([])
    expect(shadows.map(({ status, failed }) => ({ status, failed }))).toEqual(Array(requests).fill(outcome))
    expect(champion.got.filter(({ headers }) => 'x-cutover-shadow' in headers)).toEqual([])
  })
})

test('a challenger that is not up yet is not asked; one that was and is no more has failed', async () => {
  const [champion, challenger] = [await startServer(), await startServer()]
  const rig = await startMirrorRig({ champion: champion.instance, challengers: {} })
  await ask(rig.port, { path, body: 'a' })
  await until(() => rig.mirrorStats().dropped.starting === 1)
  rig.fleets.set('v2', [challenger.instance])
  await ask(rig.port, { path, body: 'b' })
  await until(() => rig.mirrorStats().answered === 1)
  rig.fleets.set('v2', [])
  await ask(rig.port, { path, body: 'c' })
  await until(() => rig.mirrorStats().failed === 1)
  const shadows = (await rig.recorder.recorded(5)).filter(({ shadowOf }) => shadowOf !== undefined)
  expect(shadows.map(({ status, failed }) => ({ status, failed }))).toEqual([
    { status: 200, failed: false },
    { status: 503, failed: true },
  ])
})

test('copies that hang are as many as the budget says; the next ones wait, and those beyond are dropped', async () => {
  const champion = await startServer()
  const challenger = await startSocketServer(() => {})
  const rig = await startMirrorRig({
    champion: champion.instance,
    challengers: { v2: challenger.instance },
    mirrors: [mirror({ budget: { concurrencyMax: 2, queueMax: 3, timeoutMs: 60_000 } })],
  })
  for (let index = 0; index < 20; index += 1) {
    expect((await ask(rig.port, { path, body: 'abc' })).json()).toEqual({ label: 3 })
  }
  await until(() => rig.mirrorStats().dropped['queue-full'] === 15)
  expect(rig.mirrorStats()).toMatchObject({ answered: 0, failed: 0, queued: 3, inFlight: 2 })
  await until(() => challenger.sockets.size === 2)
  await rig.close()
  await until(() => rig.mirrorStats().dropped.stopped === 5)
  expect(rig.recorder.records.filter(({ shadowOf }) => shadowOf !== undefined)).toEqual([])
})

test('bodies of copies take no more memory than all of them may, and give it back', async () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 'x')
  const opened = Promise.withResolvers<void>()
  const challenger = instance(async () => {
    await opened.promise
    return { status: 200, headers: [], body: new Uint8Array() }
  })
  const champion = await startServer()
  const rig = await startMirrorRig({
    champion: champion.instance,
    challengers: { v2: challenger },
    mirrors: [mirror({ budget: { concurrencyMax: 1, timeoutMs: 60_000 } })],
  })
  for (let index = 0; index < 70; index += 1) await ask(rig.port, { path, body: mebibyte })
  const taken = () => rig.mirrorStats().queued + rig.mirrorStats().inFlight
  await until(() => rig.mirrorStats().dropped['memory-full'] >= 6)
  expect(taken()).toBeLessThanOrEqual(64)
  opened.resolve()
  await until(() => taken() === 0)
  const { dropped, answered } = rig.mirrorStats()
  for (let index = 0; index < 10; index += 1) await ask(rig.port, { path, body: mebibyte })
  await until(() => rig.mirrorStats().answered === answered + 10)
  expect(rig.mirrorStats().dropped).toEqual(dropped)
})

test('a caller that leaves before it is answered is not copied', async () => {
  const arrived = Promise.withResolvers<void>()
  const champion = await startServer(() => arrived.resolve())
  const challenger = await startServer()
  const rig = await startMirrorRig({ champion: champion.instance, challengers: { v2: challenger.instance } })
  const leaving = new AbortController()
  const asked = fetch(`http://127.0.0.1:${rig.port}${path}`, { method: 'POST', body: '{}', signal: leaving.signal })
  await arrived.promise
  leaving.abort()
  await expect(asked).rejects.toThrow()
  await until(() => rig.mirrorStats().dropped.incomplete === 1)
  expect(challenger.got).toEqual([])
})
