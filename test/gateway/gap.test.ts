import { once } from 'node:events'
import { afterAll, afterEach, expect, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import type { BackendRequest } from '../../src/adapters/deployer/by-promise.ts'
import { limits } from '../../src/core/limits.ts'
import type { Gap, TrafficTable } from '../../src/core/traffic.ts'
import { endpoint, fleetsOf, instance, naming, type Rig, sole, startRig } from '../support/gateway-rig.ts'
import { ask, dial, inferPath, keepAlive, readUntil } from '../support/http-caller.ts'

let rig: Rig
afterEach(() => rig.close())
afterAll(() => keepAlive.destroy())

const gapOf = (gap: Gap, epoch = 2): TrafficTable => ({ ...sole('v1', epoch), gap })
const held = { holdMs: 30_000, retryAfterMs: 5_000 }
const refused = { holdMs: 0, retryAfterMs: 12_500 }

/** A gateway in whose gap nobody serves, until `end` says that v2 does. */
async function inGap(gap: Gap, setup: Parameters<typeof startRig>[0] = {}) {
  const clock = createManualClock(1_000)
  const fleets = setup.fleets ?? fleetsOf({})
  rig = await startRig({ ...setup, fleets, table: gapOf(gap), options: { clock } })
  const end = (version = 'v2', epoch = 3): void => {
    if (setup.fleets === undefined) fleets.set(version, [naming(version)])
    rig.gateway.apply({ spec: endpoint(), table: sole(version, epoch) })
  }
  return { clock, end, fleets, port: rig.port }
}

/** Resolves once this many requests wait. */
async function untilHeld(count: number): Promise<void> {
  while (heldNow() < count) await new Promise(resolve => setImmediate(resolve))
}

function heldNow(): number {
  return rig.gateway.stats().held.find(one => one.endpoint === 'digits')?.count ?? 0
}

test('without a hold a gap answers 503 and when to come back, in the shape of the path', async () => {
  const { port } = await inGap(refused)
  const plain = await ask(port, { path: '/endpoints/digits/predict', body: '{}' })
  expect(plain.status).toBe(503)
  expect(plain.headers['retry-after']).toBe('13')
  expect(plain.json()).toMatchObject({ code: 'between-versions', status: 503 })
  const infer = await ask(port, { path: inferPath, body: '{}' })
  expect(infer.status).toBe(503)
  expect(infer.headers['retry-after']).toBe('13')
  expect(infer.json()).toEqual({ error: 'endpoint digits is between two versions; come back later' })
})

test('what is refused in a gap is no prediction of any version', async () => {
  const { port, end } = await inGap(refused)
  await ask(port, { path: inferPath, body: '{}' })
  end()
  await ask(port, { path: inferPath, body: '{}' })
  const records = await rig.recorder.recorded(1)
  expect(records.map(({ version, epoch }) => [version, epoch])).toEqual([['v2', 3]])
})

test('a held request waits for the table without a gap and is answered by it', async () => {
  const { port, end } = await inGap(held)
  const answers = [ask(port, { path: inferPath, body: '{}' }), ask(port, { path: '/endpoints/digits/', body: 'x' })]
  await untilHeld(2)
  end()
  const answered = await Promise.all(answers)
  expect(answered.map(({ status, headers }) => [status, headers['x-cutover-version']])).toEqual([
    [200, 'v2'],
    [200, 'v2'],
  ])
})

test('held requests leave in the order in which they came', async () => {
  const seen: string[] = []
  const note = (request: BackendRequest) => {
    seen.push(request.path)
    return { status: 200, headers: [], body: Buffer.from('') }
  }
  const { port, end } = await inGap(held, { fleets: fleetsOf({ v2: instance(note) }) })
  const answers: Promise<unknown>[] = []
  for (let index = 0; index < 12; index += 1) {
    answers.push(ask(port, { path: `/endpoints/digits/${index}` }))
    await untilHeld(index + 1)
  }
  end()
  await Promise.all(answers)
  expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => `/${index}`))
})

test('a table that keeps the gap lets nobody go', async () => {
  const { port, end, fleets } = await inGap(held)
  const answer = ask(port, { path: inferPath, body: '{}' })
  await untilHeld(1)
  fleets.set('v1', [naming('v1')])
  rig.gateway.apply({ spec: endpoint(), table: gapOf(held, 3) })
  expect(heldNow()).toBe(1)
  end('v1', 4)
  expect((await answer).headers['x-cutover-version']).toBe('v1')
})

test('a request that was held for its time is told to come back', async () => {
  const { port, clock } = await inGap(held)
  const answer = ask(port, { path: inferPath, body: '{}' })
  await untilHeld(1)
  clock.advance(held.holdMs - 1)
  expect(heldNow()).toBe(1)
  clock.advance(1)
  const { status, headers, json } = await answer
  expect([status, headers['retry-after']]).toEqual([503, '5'])
  expect(json()).toEqual({ error: 'endpoint digits is between two versions: it was held for 30 s; come back later' })
})

test('a request is held no longer than its caller waits', async () => {
  const { port, clock } = await inGap(held)
  const answer = ask(port, { path: inferPath, body: '{}', headers: { 'x-request-timeout-ms': '20000' } })
  await untilHeld(1)
  clock.advance(20_000)
  const { status, json } = await answer
  expect(status).toBe(504)
  expect(json()).toEqual({ error: "endpoint digits was between two versions until the caller's time was over" })
})

test('more requests than may be held are refused, and those that are held are served', async () => {
  const { port, end } = await inGap(held)
  const socket = await dial(port)
  const many = await Promise.all(Array.from({ length: limits.heldRequestsMax }, () => dial(port)))
  for (const one of many) one.write('GET /endpoints/digits/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await untilHeld(limits.heldRequestsMax)
  socket.write('GET /endpoints/digits/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const refusal = await readUntil(socket)
  expect(refusal).toContain('503 Service Unavailable')
  expect(refusal).toContain(`${limits.heldRequestsMax} requests wait already`)
  const answers = many.map(one => readUntil(one))
  end()
  const served = (await Promise.all(answers)).filter(text => text.startsWith('HTTP/1.1 200'))
  expect(served).toHaveLength(limits.heldRequestsMax)
})

test('a caller that leaves is not waited for', async () => {
  const { port, end } = await inGap(held)
  const socket = await dial(port)
  socket.write('POST /endpoints/digits/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  await untilHeld(1)
  socket.destroy()
  await once(socket, 'close')
  while (heldNow() > 0) await new Promise(resolve => setImmediate(resolve))
  end()
  expect(rig.recorder.records).toEqual([])
})

test('a body that is still on its way when the gap begins is held before a version is chosen', async () => {
  rig = await startRig({ fleets: fleetsOf({ v1: naming('v1') }), options: { clock: createManualClock() } })
  const socket = await dial(rig.port)
  socket.write('POST /endpoints/digits/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe')
  await ask(rig.port, { path: '/endpoints/digits/' })
  rig.fleets.set('v1', [])
  rig.gateway.apply({ spec: endpoint(), table: gapOf(held) })
  socket.write('llo')
  await untilHeld(1)
  rig.fleets.set('v2', [naming('v2')])
  rig.gateway.apply({ spec: endpoint(), table: sole('v2', 3) })
  expect(await readUntil(socket)).toContain('x-cutover-version: v2')
})

test('a pinned version is served by itself in a gap, or not at all', async () => {
  const { port } = await inGap(held, { fleets: fleetsOf({ v2: naming('v2') }) })
  const pinned = (version: string) =>
    ask(port, { path: inferPath, body: '{}', headers: { 'x-cutover-version': version } })
  expect((await pinned('v2')).status).toBe(200)
  expect((await pinned('v1')).status).toBe(503)
})

test('an endpoint in its gap does not make the whole server unready, its model is', async () => {
  const { port } = await inGap(refused)
  expect((await ask(port, { path: '/v2/health/ready' })).status).toBe(200)
  expect((await ask(port, { path: '/v2/models/digits/ready' })).status).toBe(503)
})

test('deleting the endpoint in its gap lets those that wait go', async () => {
  const { port } = await inGap(held)
  const answer = ask(port, { path: inferPath, body: '{}' })
  await untilHeld(1)
  rig.gateway.remove('digits')
  expect((await answer).status).toBe(503)
})
