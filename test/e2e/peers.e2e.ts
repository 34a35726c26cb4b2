/** Servers that share a database and serve together: one decides, all answer, and one that goes is missed by no caller of the others. */
import { Agent } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { leaseTimes } from '../../src/adapters/postgres/lease.ts'
import { ask } from '../support/http-caller.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { NameServers } from './name-servers.ts'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

let database: TestPostgres
let words: readonly string[]
let [one, other]: Workplace[] = []
const models = new NameServers()
beforeAll(async () => {
  database = await startPostgres()
})
afterAll(() => database.stop())
beforeEach(async () => {
  one = await openWorkplace()
  other = await openWorkplace()
  const version = async (name: string) => ({ url: await models.start(name), ready: { path: '/ready' } })
  const names = {
    ...{ kind: 'Endpoint', name: 'names', protocol: 'http', unit: { header: 'x-user-id' }, stable: 'v1' },
    versions: { v1: await version('one'), v2: await version('two') },
    prediction: { output: '/name' },
    metrics: { accuracy: { type: 'accuracy' } },
  }
  const file = one.write('cutover.yaml', stringify(names))
  words = ['-c', file, '--database', await database.freshUrl(), '--log-level', 'info']
})
afterEach(async () => {
  await one?.close()
  await other?.close()
  models.close()
})

type Urls = Pick<ServerProcess, 'inferenceUrl' | 'controlUrl'>

async function caller({ inferenceUrl }: Urls, unit: string, agent: Agent) {
  const path = '/endpoints/names/predict'
  const port = Number(new URL(inferenceUrl).port)
  const { status, headers } = await ask(port, { path, body: '{}', headers: { 'x-user-id': unit }, agent })
  return { status, id: String(headers['x-cutover-prediction-id']), version: String(headers['x-cutover-version']) }
}

/** Callers with a connection each that ask one request after the other until they are told to stop. */
function load(server: Urls) {
  const tally = { ids: [] as string[], failed: [] as unknown[], slowestMs: 0, versions: new Map<string, string>() }
  let isOver = false
  const visit = async (unit: string): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!isOver) {
      const startedMs = performance.now()
      const answer = await caller(server, unit, agent).catch((error: unknown) => ({
        status: 0,
        id: '',
        version: '',
        error,
      }))
      tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startedMs)
      if (answer.status === 200) tally.ids.push(answer.id)
      else tally.failed.push(answer)
      tally.versions.set(unit, answer.version)
      await new Promise(done => setTimeout(done, 5))
    }
    agent.destroy()
  }
  const visits = Array.from({ length: 20 }, (_, index) => visit(`user-${index}`))
  return {
    tally,
    async stop() {
      isOver = true
      await Promise.all(visits)
      return tally
    },
  }
}

const recorded = async ({ controlUrl }: Urls): Promise<number> => {
  const { items } = await getJson(`${controlUrl}/api/v1/predictions/summary?endpoint=names`)
  return items.reduce((sum: number, { requests }: { requests: number }) => sum + requests, 0)
}
const weights = async ({ controlUrl }: Urls) => (await getJson(`${controlUrl}/api/v1/endpoints/names`)).weightsPpm
const has = (server: ServerProcess, text: string) => async () => server.lastWords().includes(text)
const servesToo = 'this server serves too'

/** The second server, once it answers callers itself. */
async function joined(place: Workplace): Promise<ServerProcess> {
  const server = await place.serve(words)
  await until(has(server, servesToo))
  return server
}

function places(): [Workplace, Workplace] {
  if (one === undefined || other === undefined) throw new Error('two places')
  return [one, other]
}

async function release(place: Workplace, weight: string): Promise<void> {
  const canary = { steps: [{ weight, for: '24h', 'at-most': '48h' }] }
  const file = place.write(
    'release.yaml',
    stringify({ kind: 'Release', endpoint: 'names', to: 'v2', stages: [{ canary }] }),
  )
  expect((await place.cutover(['release', 'names', '-f', file])).code).toBe(0)
}

it('callers of one are answered as if nothing had happened while the one that decided is killed and another follows', async () => {
  const [here, there] = places()
  const first = await here.serve(words)
  const second = await joined(there)
  await release(here, '40%')
  await until(async () => (await weights(first)).v2 === 400_000)

  // Both give a unit the same version, and one log has what either recorded.
  const users = Array.from({ length: 60 }, (_, index) => `user-${index}`)
  const agent = new Agent({ keepAlive: true })
  const versionsAt = (server: Urls) => Promise.all(users.map(async unit => (await caller(server, unit, agent)).version))
  expect(await versionsAt(second)).toEqual(await versionsAt(first))
  await until(async () => (await recorded(first)) === 2 * users.length)

  const loaded = load(there.urls)
  await new Promise(done => setTimeout(done, 500))
  const killedAtMs = performance.now()
  await first.kill()
  await until(has(second, 'this one takes over'))
  await until(async () => (await weights(second).catch(() => ({}))).v2 === 400_000)
  expect(performance.now() - killedAtMs).toBeLessThan(2 * leaseTimes.lastsMs)
  const { ids, failed, slowestMs, versions } = await loaded.stop()
  expect(failed).toEqual([])
  expect(slowestMs).toBeLessThan(leaseTimes.lastsMs / 5)
  const all = await versionsAt(second)
  expect([...versions].sort()).toEqual(
    users
      .slice(0, 20)
      .map((unit, index) => [unit, all[index]])
      .sort(),
  )
  await until(async () => (await recorded(second)) === 3 * users.length + ids.length)

  const told = await fetch(`${second.inferenceUrl}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ids.slice(0, 100).map(id => ({ id: `of-${id}`, prediction: id, label: 'one' }))),
  })
  const { results } = (await told.json()) as { results: { status: string }[] }
  expect(results.map(({ status }) => status)).toEqual(ids.slice(0, 100).map(() => 'joined'))
  agent.destroy()
})

it('one that is told to end, whether it decides or not, loses no request and no prediction', async () => {
  const [here, there] = places()
  const first = await here.serve(words)
  const second = await joined(there)
  const loaded = load(there.urls)
  await new Promise(done => setTimeout(done, 500))
  expect(await first.stop()).toBe(0)
  await until(has(second, 'this one takes over'))
  const third = await joined(here)
  const { ids, failed } = await loaded.stop()
  expect(failed).toEqual([])
  await expect.poll(() => recorded(second), { timeout: 5_000 }).toBe(ids.length)

  const again = load(here.urls)
  await new Promise(done => setTimeout(done, 500))
  const { ids: more, failed: none } = await again.stop()
  expect(await third.stop()).toBe(0)
  expect(none).toEqual([])
  expect(await recorded(second)).toBe(ids.length + more.length)
})

it('a table is in force on all of them, and one that has models of its own is served by the server that has them', async () => {
  const [here, there] = places()
  const first = await here.serve(words)
  const second = await joined(there)
  const digits = {
    ...{ kind: 'Endpoint', name: 'digits', stable: 'v1' },
    versions: { v1: { onnx: join(root, 'examples/digits/models/v1.onnx') } },
  }
  const loaded = load(there.urls)
  const file = here.write('digits.yaml', stringify(digits))
  expect((await here.cutover(['apply', '-f', file])).code).toBe(0)
  await until(has(second, 'hands callers on'))
  const isThere = () => fetch(`${first.inferenceUrl}/v2/models/digits/ready`)
  await until(async () => (await isThere()).status === 200)
  const asked = await fetch(`${second.inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: Array.from({ length: 64 }, () => 0.5) }],
    }),
  })
  expect(asked.status).toBe(200)
  const { ids, failed } = await loaded.stop()
  expect(failed).toEqual([])
  await until(async () => (await recorded(first)) === ids.length)
})
