/** Servers that share a database and serve together: one decides, all answer, and one that goes is missed by no caller of the others. */
import { Agent } from 'node:http'
import { join } from 'node:path'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import { leaseTimes } from '../../src/adapters/postgres/lease.ts'
import { breakingWay } from '../support/breaking-way.ts'
import { ask } from '../support/http-caller.ts'
import { NameServers } from './name-servers.ts'
import { onOneDatabase } from './one-database.ts'
import { getJson, root, type ServerProcess, until, type Workplace } from './process.ts'

const it = onOneDatabase.extend<{ models: NameServers; words: readonly string[] }>({
  // biome-ignore lint/correctness/noEmptyPattern: fixtures are asked for by pattern, and this one needs none.
  models: async ({}, use) => {
    const models = new NameServers()
    await use(models)
    models.close()
  },
  words: async ({ models, here, url }, use) => {
    const version = async (name: string) => ({ url: await models.start(name), ready: { path: '/ready' } })
    const names = {
      ...{ kind: 'Endpoint', name: 'names', protocol: 'http', unit: { header: 'x-user-id' }, stable: 'v1' },
      versions: { v1: await version('one'), v2: await version('two') },
      prediction: { output: '/name' },
      metrics: { accuracy: { type: 'accuracy' } },
    }
    await use(['-c', here.write('cutover.yaml', stringify(names)), '--database', url, '--log-level', 'info'])
  },
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
async function joined(place: Workplace, words: readonly string[]): Promise<ServerProcess> {
  const server = await place.serve(words)
  await until(has(server, servesToo))
  return server
}

async function release(place: Workplace, weight: string): Promise<void> {
  const canary = { steps: [{ weight, for: '24h', 'at-most': '48h' }] }
  const file = place.write(
    'release.yaml',
    stringify({ kind: 'Release', endpoint: 'names', to: 'v2', stages: [{ canary }] }),
  )
  expect((await place.cutover(['release', 'names', '-f', file])).code).toBe(0)
}

it.concurrent('callers of one are answered as if nothing had happened while the one that decided is killed and another follows', async ({
  words,
  here,
  there,
}) => {
  const first = await here.serve(words)
  const second = await joined(there, words)
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

it.concurrent('one that is told to end, whether it decides or not, loses no request and no prediction', async ({
  words,
  here,
  there,
}) => {
  const first = await here.serve(words)
  const second = await joined(there, words)
  const loaded = load(there.urls)
  await new Promise(done => setTimeout(done, 500))
  expect(await first.stop()).toBe(0)
  await until(has(second, 'this one takes over'))
  const third = await joined(here, words)
  const { ids, failed } = await loaded.stop()
  expect(failed).toEqual([])
  await until(async () => (await recorded(second)) === ids.length)

  const again = load(here.urls)
  await new Promise(done => setTimeout(done, 500))
  const { ids: more, failed: none } = await again.stop()
  expect(await third.stop()).toBe(0)
  expect(none).toEqual([])
  expect(await recorded(second)).toBe(ids.length + more.length)
})

it.concurrent('a table is in force on all of them, and one that has models of its own is served by the server that has them', async ({
  words,
  here,
  there,
}) => {
  const first = await here.serve(words)
  const second = await joined(there, words)
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

it.concurrent('one that decided and lost the database alone ends once another follows: no caller of it is answered by the old table', async ({
  words,
  here,
  there,
  onTestFinished,
}) => {
  const way = await breakingWay(words[words.indexOf('--database') + 1] ?? '')
  onTestFinished(() => way.close())
  const first = await here.serve(words.with(words.indexOf('--database') + 1, way.url))
  const second = await joined(there, words)
  const loaded = load(there.urls)
  way.cut()
  await until(has(second, 'this one takes over'))
  const agent = new Agent()
  const isAnswered = () =>
    caller(here.urls, 'user-1', agent).then(
      ({ status }) => status === 200,
      () => false,
    )
  await until(async () => !(await isAnswered()), undefined, leaseTimes.lastsMs / 3_000)
  expect(await first.ended()).toBe(1)
  expect(first.lastWords()).toContain('another server has taken over the database: this one ends')
  const { failed } = await loaded.stop()
  expect(failed).toEqual([])
})
