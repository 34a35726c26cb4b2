import { afterEach, expect, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { CutoverError, type ErrorCode } from '../../../src/core/errors.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import {
  endpoint,
  type Fleets,
  fleetsOf,
  instance,
  naming,
  type Rig,
  sole,
  split,
  startRig,
} from '../../support/gateway-rig.ts'
import { ask, inferPath, type Reply } from '../../support/http-caller.ts'

let rig: Rig
afterEach(() => rig.close())

const failing = (code: ErrorCode, told: string[] = []): Instance =>
  instance(() => {
    told.push(code)
    return Promise.reject(new CutoverError(code, 'what went wrong'))
  })

/** A fleet whose instances take turns. */
function turns(instances: readonly Instance[]): Fleets {
  let turn = 0
  const fleets = fleetsOf({})
  return { ...fleets, pick: () => instances[turn++ % instances.length] ?? null, readyCount: () => instances.length }
}

test('a request that was never sent goes to another instance, and its caller hears nothing of it', async () => {
  rig = await startRig({ fleets: turns([failing('backend-unreachable'), naming('v1')]) })
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(200)
  expect(await rig.recorder.recorded(1)).toMatchObject([{ status: 200, failed: false }])
  expect(rig.gateway.stats().guards.retries).toEqual([{ endpoint: 'digits', count: 1 }])
})

test('one that a server may have worked on is not sent again, unless its endpoint says so', async () => {
  rig = await startRig({ fleets: turns([failing('backend-failed'), naming('v1')]) })
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(502)
  const retry = { attemptsMax: 2, budgetPpm: 200_000, repeatsPosts: true, statuses: [] }
  await rig.close()
  rig = await startRig({ fleets: turns([failing('backend-failed'), naming('v1')]), spec: endpoint({ retry }) })
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(200)
})

test('where everything fails repeating ends with the budget', async () => {
  const told: string[] = []
  rig = await startRig({ fleets: turns([failing('backend-unreachable', told)]) })
  for (let sent = 0; sent < 40; sent += 1) await ask(rig.port, { path: inferPath, body: '{}' })
  expect(told.length).toBeGreaterThan(40)
  expect(told.length).toBeLessThanOrEqual(40 + 10 + 0.2 * 40)
})

test('a status that the endpoint names is asked again', async () => {
  const busy = instance(() => ({ status: 503, headers: [], body: Buffer.from('busy') }))
  const retry = { attemptsMax: 2, budgetPpm: 200_000, repeatsPosts: true, statuses: [503] }
  rig = await startRig({ fleets: turns([busy, naming('v1')]), spec: endpoint({ retry }) })
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).json()).toMatchObject({ answeredBy: 'v1' })
})

test('a candidate whose calls fail is given a rest: the stable version answers, and it counts against the candidate', async () => {
  const breaker = { failuresPpm: 500_000, callsMin: 5, openMs: 60_000 }
  const told: string[] = []
  rig = await startRig({
    fleets: fleetsOf({ v1: naming('v1'), v2: failing('backend-failed', told) }),
    spec: endpoint({ breaker }),
    table: split({ v1: 0, v2: 1_000_000 }),
  })
  const statuses: number[] = []
  for (let sent = 0; sent < 10; sent += 1) statuses.push((await ask(rig.port, { path: inferPath, body: '{}' })).status)
  expect(statuses).toEqual([502, 502, 502, 502, 502, 200, 200, 200, 200, 200])
  expect(told).toHaveLength(5)
  expect((await rig.recorder.recorded(10)).slice(5)).toMatchObject(Array(5).fill({ assigned: 'v2', version: 'v1' }))
  expect(rig.gateway.stats().guards.breakers).toMatchObject([
    { version: 'v2', isOpen: true, openings: 1 },
    { version: 'v1', isOpen: false },
  ])
})

test('a caller whom an open breaker turns away is told of the breaker, and not of instances that are ready', async () => {
  const breaker = { failuresPpm: 500_000, callsMin: 1, openMs: 60_000 }
  rig = await startRig({ fleets: fleetsOf({ v1: failing('backend-failed') }), spec: endpoint({ breaker }) })
  await ask(rig.port, { path: inferPath, body: '{}' })
  const reply = await ask(rig.port, { path: inferPath, body: '{}' })
  expect([reply.status, reply.text]).toEqual([503, expect.stringContaining('gets no calls while its breaker is open')])
})

test('a request that finds no instance is not the one by which an open breaker sees whether a version is well', async () => {
  const breaker = { failuresPpm: 500_000, callsMin: 1, openMs: 5_000 }
  const clock = createManualClock(0)
  rig = await startRig({
    fleets: fleetsOf({ v1: failing('backend-failed') }),
    spec: endpoint({ breaker }),
    options: { clock },
  })
  const statusWith = async (instances: readonly Instance[]) => {
    rig.fleets.set('v1', instances)
    return (await ask(rig.port, { path: inferPath, body: '{}' })).status
  }
  expect(await statusWith([failing('backend-failed')])).toBe(502)
  expect(await statusWith([naming('v1')])).toBe(503)
  clock.advance(5_000)
  expect(await statusWith([])).toBe(503)
  expect(await statusWith([naming('v1')])).toBe(200)
  expect(rig.gateway.stats().guards.breakers).toMatchObject([{ isOpen: false }])
})

test('an open breaker lets one call through to see, and does not repeat it where it fails', async () => {
  const breaker = { failuresPpm: 500_000, callsMin: 1, openMs: 5_000 }
  const clock = createManualClock(0)
  const told: string[] = []
  const fleets = fleetsOf({ v1: failing('backend-unreachable', told) })
  rig = await startRig({ fleets, spec: endpoint({ breaker }), options: { clock } })
  const calls = async () => {
    const before = told.length
    await ask(rig.port, { path: inferPath, body: '{}' })
    return told.length - before
  }
  expect(await calls()).toBe(1)
  expect(await calls()).toBe(0)
  clock.advance(5_000)
  expect(await calls()).toBe(1)
})

test("an open breaker's time runs out though the machine's clock is put back", async () => {
  const breaker = { failuresPpm: 500_000, callsMin: 1, openMs: 5_000 }
  const uptime = createManualClock(0)
  // Goes backwards for as long as time passes.
  const clock = { ...uptime, nowMs: () => 3_600_000 - uptime.nowMs() }
  rig = await startRig({
    fleets: fleetsOf({ v1: failing('backend-failed') }),
    spec: endpoint({ breaker }),
    options: { clock, uptime },
  })
  const status = async () => (await ask(rig.port, { path: inferPath, body: '{}' })).status
  expect(await status()).toBe(502)
  rig.fleets.set('v1', [naming('v1')])
  expect(await status()).toBe(503)
  uptime.advance(5_000)
  expect(await status()).toBe(200)
})

test('a version serves so many at once; the next waits for its turn, one more is told to come back', async () => {
  const answers: (() => void)[] = []
  const slow = instance(
    () => new Promise(resolve => answers.push(() => resolve({ status: 200, headers: [], body: Buffer.from('{}') }))),
  )
  const concurrency = { perVersionMax: 1, queueMax: 1, waitMs: 60_000 }
  rig = await startRig({ fleets: fleetsOf({ v1: slow }), spec: endpoint({ concurrency }) })
  const queued = () => rig.gateway.stats().guards.gates[0]?.queued ?? 0
  const first = ask(rig.port, { path: inferPath, body: '{}' })
  const second = ask(rig.port, { path: inferPath, body: '{}' })
  while (queued() < 1) await new Promise(resolve => setImmediate(resolve))
  const third = await ask(rig.port, { path: inferPath, body: '{}' })
  expect([third.status, third.headers['retry-after']]).toEqual([503, '1'])
  expect(answers).toHaveLength(1)
  answers[0]?.()
  while (answers.length < 2) await new Promise(resolve => setImmediate(resolve))
  answers[1]?.()
  expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200])
  expect(rig.gateway.stats().guards.gates).toMatchObject([{ inside: 0, queued: 0 }])
})

/** An instance that answers its id once a test says so. */
function held(id: string): { one: Instance; asked(count: number): Promise<void>; answer(): void } {
  const waiting: (() => void)[] = []
  const answered = { status: 200, headers: [], body: Buffer.from(JSON.stringify({ answeredBy: id })) }
  let askedCount = 0
  const one = instance(
    () => {
      askedCount += 1
      return new Promise(resolve => waiting.push(() => resolve(answered)))
    },
    { id },
  )
  return {
    one,
    asked: count => until(() => askedCount >= count),
    answer: () => waiting.shift()?.(),
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(resolve => setImmediate(resolve))
}

const oneAtOnce = { perVersionMax: 1, queueMax: 9, waitMs: 60_000 }

/** One request is with the instance, and so many more wait for their turn; the replies to all of them. */
async function startQueue(first: ReturnType<typeof held>, waiting: number): Promise<{ replies: Promise<Reply>[] }> {
  rig = await startRig({ fleets: fleetsOf({ v1: first.one }), spec: endpoint({ concurrency: oneAtOnce }) })
  const replies = [ask(rig.port, { path: inferPath, body: '{}' })]
  await first.asked(1)
  for (let count = 0; count < waiting; count += 1) replies.push(ask(rig.port, { path: inferPath, body: '{}' }))
  await until(() => rig.gateway.stats().guards.gates[0]?.queued === waiting)
  return { replies }
}

test('a new table keeps the limit of a control that it still names, and forgets one that it does not', async () => {
  const control = held('control')
  const spec = endpoint({ concurrency: oneAtOnce })
  const table = (epoch: number) => ({ ...sole('v1~control', epoch), stable: 'v1' })
  const fleets = fleetsOf({ 'v1~control': control.one })
  rig = await startRig({ fleets, spec, table: table(1) })
  const first = ask(rig.port, { path: inferPath, body: '{}' })
  await control.asked(1)
  rig.gateway.apply({ spec, table: table(2) })
  const second = ask(rig.port, { path: inferPath, body: '{}' })
  await until(() => rig.gateway.stats().inFlight[0]?.count === 2)
  expect(rig.gateway.stats().guards.gates).toMatchObject([{ version: 'v1~control', inside: 1, queued: 1 }])
  control.answer()
  await control.asked(2)
  control.answer()
  expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200])
  rig.gateway.apply({ spec, table: sole('v1', 3) })
  expect(rig.gateway.stats().guards.gates).toEqual([])
})

test('who waited for its turn goes to an instance that is ready by then', async () => {
  const old = held('old')
  const { replies } = await startQueue(old, 1)
  rig.fleets.set('v1', [naming('new')])
  old.answer()
  expect((await Promise.all(replies)).map(reply => reply.json())).toMatchObject([
    { answeredBy: 'old' },
    { answeredBy: 'new' },
  ])
})

test('who waited for its turn while the breaker opened makes no call', async () => {
  const fails: (() => void)[] = []
  const one = instance(
    () => new Promise((_, reject) => fails.push(() => reject(new CutoverError('backend-failed', 'what went wrong')))),
  )
  const breaker = { failuresPpm: 500_000, callsMin: 1, openMs: 60_000 }
  rig = await startRig({ fleets: fleetsOf({ v1: one }), spec: endpoint({ breaker, concurrency: oneAtOnce }) })
  const replies = [1, 2, 3].map(() => ask(rig.port, { path: inferPath, body: '{}' }))
  await until(() => rig.gateway.stats().guards.gates[0]?.queued === 2)
  fails[0]?.()
  expect((await Promise.all(replies)).map(({ status }) => status).sort()).toEqual([502, 503, 503])
  expect(fails).toHaveLength(1)
})

test('where nothing is ready by then, all that waited are told so', async () => {
  const old = held('old')
  const { replies } = await startQueue(old, 3)
  rig.fleets.set('v1', [])
  old.answer()
  expect((await Promise.all(replies)).map(({ status }) => status)).toEqual([200, 503, 503, 503])
  expect(rig.gateway.stats().guards.gates).toMatchObject([{ inside: 0, queued: 0 }])
})

test('a version without a turn to give in time answers 503', async () => {
  const stuck = instance(() => new Promise(() => {}))
  const concurrency = { perVersionMax: 1, queueMax: 1, waitMs: 20 }
  rig = await startRig({ fleets: fleetsOf({ v1: stuck }), spec: endpoint({ concurrency }) })
  ask(rig.port, { path: inferPath, body: '{}' }).catch(() => {})
  while (rig.gateway.stats().inFlight[0]?.count !== 1) await new Promise(resolve => setImmediate(resolve))
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(503)
})

test('a version without a ready instance answers at once, though others wait for their turn', async () => {
  const stuck = instance(() => new Promise(() => {}))
  const concurrency = { perVersionMax: 1, queueMax: 9, waitMs: 60_000 }
  rig = await startRig({ fleets: fleetsOf({ v1: stuck }), spec: endpoint({ concurrency }) })
  ask(rig.port, { path: inferPath, body: '{}' }).catch(() => {})
  while (rig.gateway.stats().inFlight[0]?.count !== 1) await new Promise(resolve => setImmediate(resolve))
  rig.fleets.set('v1', [])
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(503)
})

test('a deadline goes on to the model server as what is left of it, and bounds the call', async () => {
  const seen: unknown[] = []
  const noting = instance(({ headers, timeouts }) => {
    const at = headers.indexOf('x-request-timeout-ms')
    seen.push([Number(headers[at + 1]), timeouts.totalMs, timeouts.firstByteMs])
    return { status: 200, headers: [], body: Buffer.from('{}') }
  })
  rig = await startRig({ fleets: fleetsOf({ v1: noting }) })
  await ask(rig.port, { path: inferPath, body: '{}', headers: { 'x-request-timeout-ms': '400' } })
  const [told, total, firstByte] = (seen[0] ?? []) as number[]
  for (const ms of [told, total, firstByte]) expect(ms).toBeGreaterThan(0)
  for (const ms of [told, total, firstByte]) expect(ms).toBeLessThanOrEqual(400)
  const bad = await ask(rig.port, { path: inferPath, body: '{}', headers: { 'x-request-timeout-ms': 'soon' } })
  expect([bad.status, bad.text.includes('x-request-timeout-ms')]).toEqual([400, true])
})

const inTime = { connectMs: 1_000, firstByteMs: 5_000, idleMs: 5_000 }

/** Both are the whole request's time, 150 ms: the caller's own, and the endpoint's. */
const limited = [
  ['a deadline', { headers: { 'x-request-timeout-ms': '150' }, timeouts: inTime }],
  ['`total`', { headers: {}, timeouts: { ...inTime, totalMs: 150 } }],
] as const

test.each(limited)('%s is kept by who waits for its turn', async (_, { headers, timeouts }) => {
  const stuck = held('stuck')
  const spec = endpoint({ concurrency: oneAtOnce, timeouts })
  rig = await startRig({ fleets: fleetsOf({ v1: stuck.one }), spec })
  ask(rig.port, { path: inferPath, body: '{}' }).catch(() => {})
  await stuck.asked(1)
  const late = await ask(rig.port, { path: inferPath, body: '{}', headers })
  expect([late.status, late.text]).toEqual([504, expect.stringContaining('its time was over')])
})

test.each(limited)('%s is kept over repeats, and ends them', async (_, { headers, timeouts }) => {
  const grantedMs: number[] = []
  const slow = instance(({ timeouts: { totalMs = 0 } }) => {
    grantedMs.push(totalMs)
    const spentMs = grantedMs.length === 1 ? 50 : totalMs
    const endMs = performance.now() + spentMs
    while (performance.now() < endMs);
    return Promise.reject(new CutoverError('backend-timeout', 'too slow'))
  })
  const retry = { attemptsMax: 9, budgetPpm: 1_000_000, repeatsPosts: true, statuses: [] }
  rig = await startRig({ fleets: fleetsOf({ v1: slow }), spec: endpoint({ retry, timeouts }) })
  expect((await ask(rig.port, { path: inferPath, body: '{}', headers })).status).toBe(504)
  const [first = 0, second = 0, ...more] = grantedMs
  expect([first <= 150, second > 0, second <= 100, more]).toEqual([true, true, true, []])
})

test('an endpoint that keeps no predictions is answered and counted, and leaves none', async () => {
  rig = await startRig({ spec: endpoint({ recording: 'off' }) })
  expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(200)
  expect(rig.recorder.records).toEqual([])
  expect(rig.gateway.stats().requests.find(({ count }) => count > 0)).toMatchObject({ version: 'v1', count: 1 })
})
