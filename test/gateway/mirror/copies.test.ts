/** Which requests are copied, what a challenger gets of them, and what is recorded of its answer. */
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { bucketOf, saltSeed } from '../../../src/core/assign.ts'
import { moveTable } from '../../../src/core/traffic.ts'
import { answerOf, endpoint, sole, split } from '../../support/gateway-rig.ts'
import { ask, keepAlive } from '../../support/http-caller.ts'
import { mirror, mirrored, path, startMirrorRig, startServer, startSocketServer, until } from './rig.ts'

afterAll(() => keepAlive.destroy())

async function setUp(over: Partial<Parameters<typeof startMirrorRig>[0]> = {}) {
  const [champion, challenger, other] = [await startServer(), await startServer(), await startServer()]
  const rig = await startMirrorRig({
    champion: champion.instance,
    challengers: { v2: challenger.instance, v3: other.instance },
    ...over,
  })
  return { rig, champion, challenger, other }
}

const byUser = { unit: { from: 'header', name: 'x-user' } } as const

describe('a copy', () => {
  test('has the bytes, the path and the fields of the request, and says that it is one', async () => {
    const { rig, champion, challenger } = await setUp()
    const headers = { 'x-tenant': 'acme', 'content-type': 'text/plain', 'x-cutover-unit': 'mine' }
    const { headers: answered } = await ask(rig.port, { path, body: 'abc\u0000', headers })
    await until(() => challenger.got.length === 1)
    const [sent, copied] = [champion.got[0], challenger.got[0]]
    expect(copied).toMatchObject({ path: '/predict?deep=1', body: Buffer.from('abc\u0000') })
    const id = `${answered['x-cutover-prediction-id']}~v2`
    const { host: _, connection: __, ...own } = copied?.headers ?? {}
    const { host: ___, connection: ____, ...fields } = sent?.headers ?? {}
    expect(own).toEqual({ ...fields, 'x-cutover-prediction-id': id, 'x-cutover-shadow': 'v2' })
  })

  test.each([
    ['of a short body', 100],
    ['of a body that is streamed', 300_000],
    ['of no body', 0],
  ])('%s arrives whole, however it came', async (_, length) => {
    const { rig, challenger } = await setUp({ mirrors: [mirror({ methods: ['GET', 'POST'] })] })
    const body = Buffer.alloc(length, 'abc')
    await ask(rig.port, length === 0 ? { path } : { path, body })
    await chunked(rig.port, body)
    await until(() => challenger.got.length === 2)
    expect(challenger.got.map(got => got.body.equals(body))).toEqual([true, true])
  })

  test('is recorded as the shadow of what the caller got', async () => {
    const { rig } = await setUp({
      spec: { payloadSamplePpm: 1_000_000, ...byUser },
      table: { ...sole(), release: 'r1' },
    })
    await ask(rig.port, { path, body: 'abc', headers: { 'x-user': 'ada' } })
    const [champion, shadow] = await rig.recorder.recorded(2)
    const { id, unit, endpoint: name, epoch, release, propensity } = champion ?? {}
    expect(shadow).toMatchObject({
      ...{ unit, endpoint: name, epoch, release, propensity },
      ...{ id: `${id}~v2`, shadowOf: id, version: 'v2', assigned: 'v2', pinned: false, status: 200, failed: false },
    })
    expect(answerOf(shadow)).toEqual([3])
    expect(Buffer.from(shadow?.payload?.request ?? []).toString()).toBe('abc')
    expect(Buffer.from(shadow?.payload?.response ?? []).toString()).toBe('{"label":3}')
    expect(champion).not.toHaveProperty('shadowOf')
  })

  test('has no payload where the champion has none, and its answer is read though it came compressed', async () => {
    const zipped = await startServer(res => {
      res
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(gzipSync('{"label":7}'))
    })
    const { rig } = await setUp({ challengers: { v2: zipped.instance } })
    await ask(rig.port, { path, body: 'abc' })
    const shadow = (await rig.recorder.recorded(2)).find(({ shadowOf }) => shadowOf !== undefined)
    expect(shadow?.payload).toBeNull()
    expect(Buffer.from(shadow?.raw?.body ?? []).toString()).toBe('{"label":7}')
  })

  test('goes to every challenger, each in its own time', async () => {
    const hanging = await startSocketServer(() => {})
    const { rig, other } = await setUp({
      challengers: { v2: hanging.instance, v3: (await startServer()).instance },
      mirrors: [mirror({ budget: { concurrencyMax: 1 } }), mirror({ version: 'v3' })],
    })
    for (let index = 0; index < 10; index += 1) await ask(rig.port, { path, body: 'abc' })
    await until(() => rig.mirrorStats('v3').answered === 10)
    expect(rig.mirrorStats('v2')).toMatchObject({ answered: 0, inFlight: 1, queued: 9 })
    expect(other.got).toEqual([])
  })
})

describe('is not copied:', () => {
  test.each([
    ['a request with another method', { path, method: 'PUT', body: '1' }],
    ['one under another path', { path: '/endpoints/digits/train', body: '1' }],
    ['one whose version the caller chose', { path, body: '1', headers: { 'x-cutover-version': 'v1' } }],
    ['one that is a copy already', { path, body: '1', headers: { 'x-cutover-shadow': 'v7' } }],
  ])('%s', async (_, question) => {
    const { rig, challenger } = await setUp({ mirrors: [mirror({ paths: ['/predict', '/score'] })] })
    await ask(rig.port, question)
    await ask(rig.port, { path, body: 'the last' })
    await until(() => challenger.got.length > 0)
    expect(challenger.got.map(({ body }) => body.toString())).toEqual(['the last'])
    expect(await rig.recorder.recorded(3)).toHaveLength(3)
  })

  test('what another version than the stable one answers', async () => {
    const { rig, other } = await setUp({
      table: split({ v1: 500_000, v2: 500_000 }),
      mirrors: [mirror({ version: 'v3' })],
    })
    const replies = await Promise.all(Array.from({ length: 60 }, () => ask(rig.port, { path, body: '1' })))
    const stable = replies.filter(({ headers }) => headers['x-cutover-version'] === 'v1').length
    expect([stable > 0, stable < 60]).toEqual([true, true])
    await until(() => rig.mirrorStats('v3').answered === stable)
    expect(other.got).toHaveLength(stable)
  })

  test.each([
    ['by its stated length', (port: number, body: Buffer) => ask(port, { path, body })],
    ['by what came in chunks', chunked],
  ])('a body over the budget, %s; its caller notices nothing', async (_, send) => {
    const { rig, challenger, champion } = await setUp({ mirrors: [mirror({ budget: { bodyBytesMax: 99_999 } })] })
    await send(rig.port, Buffer.alloc(100_000))
    await send(rig.port, Buffer.alloc(99_999))
    await until(() => challenger.got.length === 1 && rig.mirrorStats().dropped['body-too-large'] === 1)
    expect(champion.got.map(({ body }) => body.length)).toEqual([100_000, 99_999])
    expect(challenger.got.map(({ body }) => body.length)).toEqual([99_999])
  })
})

describe('a share of the units', () => {
  test('is copied with all of its requests, the same to every challenger, whatever version and payloads they get', async () => {
    const third = { fractionPpm: 333_333 }
    const { rig, challenger, other } = await setUp({
      mirrors: [mirror(third), mirror({ ...third, version: 'v3' })],
      spec: byUser,
    })
    const users = Array.from({ length: 150 }, (_, index) => `user-${index}`)
    for (const user of [...users, ...users]) await ask(rig.port, { path, body: user, headers: { 'x-user': user } })
    const chosen = users.filter(user => bucketOf(user, saltSeed('mirrors of digits')) < 333_333)
    expect(chosen.length).toBeGreaterThan(20)
    await until(() => challenger.got.length + other.got.length === 4 * chosen.length)
    const unitsOf = ({ got }: typeof other) => got.map(({ body }) => body.toString()).sort()
    expect(unitsOf(challenger)).toEqual([...chosen, ...chosen].sort())
    expect(unitsOf(other)).toEqual(unitsOf(challenger))
  })

  test('is chosen apart from versions and payloads', () => {
    const units = Array.from({ length: 20_000 }, (_, index) => `u${index}`)
    const half = (seed: string) => new Set(units.filter(unit => bucketOf(unit, saltSeed(seed)) < 500_000))
    const mirrors = half('mirrors of digits')
    for (const other of [half('salt'), half('payloads of digits')]) {
      // Five standard deviations of a quarter of 20,000.
      const both = [...mirrors].filter(unit => other.has(unit)).length
      expect(Math.abs(both - 5_000)).toBeLessThan(5 * Math.sqrt(20_000 * 0.25 * 0.75))
    }
  })
})

describe('a new table', () => {
  test('without mirrors ends them: what waits is dropped, what is on its way comes to its end', async () => {
    const held: (() => void)[] = []
    const slow = await startServer(res => held.push(() => res.end('{}')))
    const { rig } = await setUp({
      challengers: { v2: slow.instance },
      mirrors: [mirror({ budget: { concurrencyMax: 1 } })],
    })
    for (let index = 0; index < 3; index += 1) await ask(rig.port, { path, body: 'abc' })
    await until(() => held.length === 1 && rig.mirrorStats().queued === 2)
    rig.gateway.apply({ spec: endpoint({ versionNames: ['v1', 'v2', 'v3'], protocol: 'http' }), table: sole('v1', 2) })
    expect(rig.mirrorStats()).toMatchObject({ queued: 0, dropped: { stopped: 2 } })
    held[0]?.()
    await until(() => rig.mirrorStats().answered === 1)
    await ask(rig.port, { path, body: 'abc' })
    const records = await rig.recorder.recorded(5)
    expect(records.filter(({ shadowOf }) => shadowOf !== undefined)).toHaveLength(1)
  })

  test('with the same mirrors goes on with what waits', async () => {
    const held: (() => void)[] = []
    const slow = await startServer(res => held.push(() => res.end('{}')))
    const only = mirror({ budget: { concurrencyMax: 1 } })
    const { rig } = await setUp({ challengers: { v2: slow.instance }, mirrors: [only] })
    for (let index = 0; index < 2; index += 1) await ask(rig.port, { path, body: 'abc' })
    await until(() => held.length === 1)
    const spec = endpoint({ versionNames: ['v1', 'v2', 'v3'], protocol: 'http' })
    const table = moveTable(sole(), { weights: { v1: 1_000_000 }, stable: 'v1', release: 'r1' })
    rig.gateway.apply({ spec, table: mirrored([only], table) })
    held[0]?.()
    await until(() => held.length === 2)
    expect(rig.mirrorStats()).toMatchObject({ answered: 1, inFlight: 1, queued: 0, dropped: { stopped: 0 } })
    rig.gateway.remove('digits')
    expect(rig.gateway.stats().mirrors).toEqual([])
  })
})

function chunked(port: number, body: Buffer): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const headers = { 'transfer-encoding': 'chunked' }
  const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent: keepAlive, headers }, res => {
    res.resume().on('end', resolve)
  })
  sent.on('error', reject)
  for (let start = 0; start < body.length; start += 7_000) sent.write(body.subarray(start, start + 7_000))
  sent.end()
  return promise
}
