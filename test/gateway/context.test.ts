/** Versions chosen by features of the request, on real sockets. */
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { ContextPolicy } from '../../src/core/bandit/context-policy.ts'
import { partsAt } from '../../src/core/bandit/context-policy.ts'
import { limits } from '../../src/core/limits.ts'
import { moveTable } from '../../src/core/traffic.ts'
import { endpoint, type Rig, sole, split, startRig } from '../support/gateway-rig.ts'
import { ask, inferPath, keepAlive } from '../support/http-caller.ts'

let rig: Rig
afterEach(() => rig.close())
afterAll(() => keepAlive.destroy())

const spec = endpoint({
  features: {
    age: { source: { from: 'pointer', pointer: '/age' }, type: 'number' },
    city: { source: { from: 'pointer', pointer: '/city' }, type: 'category' },
  },
})

const identity = [[1], [0, 1], [0, 0, 1]]
const fit = {
  rule: { kind: 'lin-ts', width: 0.5 },
  columns: [{ centre: 50, scale: 10 }, null],
  arms: [
    { version: 'v1', coefficients: [0, 1, 0], factor: identity },
    { version: 'v2', coefficients: [0, -1, 0], factor: identity },
  ],
} as const
const policy = { features: [{ name: 'age', categories: null }], explorePpm: 200_000, floorPpm: 50_000, fit }

const tableOf = (chosen: ContextPolicy) =>
  moveTable(sole('v1'), { weights: { v1: 600_000, v2: 400_000 }, stable: 'v1', release: 'r1', policy: chosen })

async function callers(count: number, question: { body?: string | Buffer; headers?: Record<string, string> }) {
  const before = rig.recorder.records.length
  for (let unit = 0; unit < count; unit++) {
    const headers = { 'x-cutover-unit': `u${unit}`, ...question.headers }
    const path = question.body === undefined ? '/endpoints/digits/' : inferPath
    await ask(rig.port, { path, ...question, headers })
  }
  return (await rig.recorder.recorded(before + count)).slice(before)
}

describe('a table with a policy', () => {
  test('chooses by the features, and the record tells these and the probability by the table', async () => {
    rig = await startRig({ spec, table: tableOf(policy) })
    for (const age of [20, 52, 80]) {
      const records = await callers(300, { body: JSON.stringify({ age, city: 'Bonn' }) })
      const chosen = records.filter(({ byContext }) => byContext === true)
      expect(Math.abs(chosen.length / 300 - 0.8)).toBeLessThan(0.1)
      const [first = 0, second = 0] = partsAt(policy, { age })
      for (const one of records) {
        expect(one.read).toEqual({ features: { age, city: 'Bonn' }, isMalformed: false })
        const [v1, v2] = one.byContext === true ? [first / 1_000, second / 1_000] : [0.6, 0.4]
        expect(one).toMatchObject({ pinned: false, propensity: one.version === 'v1' ? v1 : v2 })
      }
      const share = chosen.filter(({ version }) => version === 'v1').length / chosen.length
      expect(Math.abs(share - first / 1_000)).toBeLessThan(0.12)
    }
  })

  test('gives a unit with the same features the same version', async () => {
    rig = await startRig({ spec, table: tableOf(policy) })
    const body = JSON.stringify({ age: 51 })
    const versions = async () => (await callers(40, { body })).map(({ version }) => version)
    expect(await versions()).toEqual(await versions())
  })

  const long = JSON.stringify({ age: 80, text: 'x'.repeat(limits.wholeBodyBytesMax) })
  const cases: [string, { body?: string | Buffer; headers?: Record<string, string> }, boolean][] = [
    ['is no JSON', { body: '{"age":' }, true],
    ['is too long to be read', { body: long }, false],
    ['travels packed', { body: gzipSync('{"age":80}'), headers: { 'content-encoding': 'gzip' } }, false],
    ['is not there', {}, false],
  ]
  test.each(cases)('leaves it to the weights where the body %s', async (_, question, isMalformed) => {
    rig = await startRig({ spec, table: tableOf(policy) })
    for (const one of await callers(20, question)) {
      expect(one.read).toEqual({ features: null, isMalformed })
      expect(one.byContext).toBeUndefined()
      expect(one.propensity).toBe(one.version === 'v1' ? 0.6 : 0.4)
    }
  })

  test('reads features before there is anything to choose by, and for nobody who names a version', async () => {
    rig = await startRig({ spec, table: tableOf({ ...policy, fit: null }) })
    const body = JSON.stringify({ age: 80 })
    for (const one of await callers(10, { body })) {
      expect(one.read?.features).toEqual({ age: 80, city: null })
      expect(one.byContext).toBeUndefined()
    }
    const [pinned] = await callers(1, { body, headers: { 'x-cutover-version': 'v2' } })
    expect(pinned).toMatchObject({ version: 'v2', pinned: true, propensity: 1 })
    expect(pinned).not.toHaveProperty('read')
  })
})

test('a table without a policy reads nothing before it chooses', async () => {
  rig = await startRig({ spec, table: split({ v1: 600_000, v2: 400_000 }) })
  for (const one of await callers(5, { body: '{"age":80}' })) expect(one).not.toHaveProperty('read')
})
