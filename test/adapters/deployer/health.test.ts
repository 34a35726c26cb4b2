import { expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { Health } from '../../../src/adapters/deployer/http/health.ts'
import { Probe, type ProbeResult } from '../../../src/adapters/deployer/http/probe.ts'
import { limits } from '../../../src/core/limits.ts'
import { startModelServer } from '../../fixtures/model-server.ts'
import { fastClock, until } from './support.ts'

const yes: ProbeResult = { ok: true }
const no: ProbeResult = { ok: false, plain: true, detail: 'answered 503' }
const silence: ProbeResult = { ok: false, plain: false, detail: 'no answer' }

/** Gives the answers one after the other; `asked(n)` waits until n were given. */
function health(...answers: ProbeResult[]) {
  const told: string[] = []
  let asked = 0
  const checks = new Health({
    ask: () => {
      const answer = answers[asked]
      asked += 1
      return answer === undefined ? new Promise(() => {}) : Promise.resolve(answer)
    },
    clock: fastClock(1_000),
    up: () => told.push('up'),
    waiting: detail => told.push(`waiting: ${detail}`),
    down: detail => told.push(`down: ${detail}`),
    failing: detail => told.push(`failing: ${detail}`),
  })
  onTestFinished(() => checks.stop())
  return { checks, told, asked: (count: number) => until(() => asked >= count) }
}

test('a server is up with the first yes, and until then it is waited for', async () => {
  const { told, asked } = health(silence, no, yes, yes)
  await asked(5)
  expect(told).toEqual(['waiting: no answer', 'waiting: answered 503', 'up'])
})

test('a server that says no is down at once, and up with the next yes', async () => {
  const { told, asked } = health(yes, no, yes)
  await asked(4)
  expect(told).toEqual(['up', 'down: answered 503', 'up'])
})

test('a server that keeps silent is down only after several checks in a row', async () => {
  const few = Array.from({ length: limits.outlierFailures - 1 }, () => silence)
  const { told, asked } = health(yes, ...few, yes, ...few, silence)
  await asked(2 * few.length + 4)
  expect(told).toEqual(['up', 'down: no answer'])
})

test('a good answer to a request shows that a silent server is only busy', async () => {
  const few = Array.from({ length: limits.outlierFailures - 1 }, () => silence)
  const { checks, told, asked } = health(yes, ...few)
  await asked(few.length + 2)
  checks.note(true, '')
  expect(told).toEqual(['up'])
})

test('requests that fail in a row are told once per row', () => {
  const { checks, told } = health()
  for (let count = 0; count < limits.outlierFailures - 1; count += 1) checks.note(false, 'cut')
  checks.note(true, '')
  for (let count = 0; count < limits.outlierFailures; count += 1) checks.note(false, 'cut')
  expect(told).toEqual(['failing: 5 requests in a row failed, the last with: cut'])
})

test.each([
  [200, yes],
  [204, yes],
  [503, { ok: false, plain: true, detail: expect.stringMatching(/^GET http:.*\/health answered 503$/) }],
  [302, { ok: false, plain: true, detail: expect.stringMatching(/answered 302$/) }],
  ['silent', { ok: false, plain: false, detail: expect.stringMatching(/got no answer within 50 ms$/) }],
] as const)('a ready path that answers %s', async (answer, expected) => {
  const server = await startModelServer()
  const probe = new Probe(server.address, { path: '/health', unknownIsReady: false }, answer === 'silent' ? 50 : 10_000)
  onTestFinished(async () => {
    await probe.close()
    await server.stop()
  })
  server.health = answer
  expect(await probe.ask()).toEqual(expected)
})

test('nothing that listens is a plain no', async () => {
  const server = await startModelServer()
  await server.stop()
  const probe = new Probe(server.address, { path: '/health', unknownIsReady: false })
  onTestFinished(() => probe.close())
  expect(await probe.ask()).toMatchObject({ ok: false, plain: true, detail: /ECONNREFUSED/ })
})

test('a server that is up is asked as often as it is to be', async () => {
  const clock = createManualClock()
  let asked = 0
  const checks = new Health({
    ask: async () => {
      asked += 1
      return yes
    },
    clock,
    intervalMs: 15_000,
    ...{ up: () => {}, waiting: () => {}, down: () => {}, failing: () => {} },
  })
  onTestFinished(() => checks.stop())
  await advance(clock, 1)
  await advance(clock, 14_998)
  expect(asked).toBe(1)
  await advance(clock, 2)
  expect(asked).toBe(2)
})

/** With time for what was started to settle. */
async function advance(clock: ReturnType<typeof createManualClock>, ms: number): Promise<void> {
  clock.advance(ms)
  await new Promise(resolve => setImmediate(resolve))
}
