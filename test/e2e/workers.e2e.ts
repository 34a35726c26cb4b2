/** Two gateway workers on one port, as a process: the same split, the same counts and the same log as one gateway. */
import { existsSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import { ask } from '../support/http-caller.ts'
import { NameServers } from './name-servers.ts'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const callers = 24
const users = 400

let place: Workplace
const models = new NameServers()
let file: string
beforeEach(async () => {
  place = await openWorkplace()
  file = place.write('cutover.yaml', documents(await models.start('one'), await models.start('two')))
})
afterEach(async () => {
  await place.close()
  models.close()
})

function documents(v1: string, v2: string): string {
  return `kind: Endpoint
name: names
protocol: http
unit: { header: x-user-id }
stable: v1
versions:
  v1: { url: ${v1}, ready: { path: /ready } }
  v2: { url: ${v2}, ready: { path: /ready } }
prediction: { output: /name }
---
kind: Release
endpoint: names
to: v2
stages: [ { canary: { steps: [ { weight: 30%, for: 24h, at-most: 48h } ] } } ]
`
}

const workers = ['--workers', '2']
const isSplit = async ({ controlUrl }: ServerProcess) =>
  (await getJson(`${controlUrl}/api/v1/endpoints/names`)).weightsPpm.v2 === 300_000

type Tally = {
  /** Ids of the predictions that callers got an answer for. */
  answered: string[]
  lost: number
  versions: Map<string, Set<string>>
  byVersion: Record<string, number>
}

/** Callers with a connection each, one request after the other, until each has made so many or all are told to stop. */
function load({ inferenceUrl }: ServerProcess, each = Number.POSITIVE_INFINITY) {
  const port = Number(new URL(inferenceUrl).port)
  const tally: Tally = { answered: [], lost: 0, versions: new Map(), byVersion: {} }
  let isOver = false
  const visit = async (agent: Agent, unit: string): Promise<void> => {
    const path = '/endpoints/names/predict'
    const reply = await ask(port, { path, body: '{}', headers: { 'x-user-id': unit }, agent })
    expect(reply.status, reply.text).toBe(200)
    const version = String(reply.headers['x-cutover-version'])
    expect(reply.json()).toEqual({ name: version === 'v1' ? 'one' : 'two' })
    tally.answered.push(String(reply.headers['x-cutover-prediction-id']))
    tally.versions.set(unit, (tally.versions.get(unit) ?? new Set()).add(version))
    tally.byVersion[version] = (tally.byVersion[version] ?? 0) + 1
  }
  const call = async (caller: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let nth = 0; nth < each && !isOver; nth += 1) {
      // A connection that its worker took with it is no answer; a wrong answer is.
      await visit(agent, `user-${(nth * callers + caller) % users}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code === undefined) throw error
        tally.lost += 1
      })
    }
    agent.destroy()
  }
  const done = Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
  return {
    tally,
    done,
    stop: () => {
      isOver = true
      return done
    },
  }
}

/** Sums of the series of a family, by their labels' text. */
async function metric({ controlUrl }: ServerProcess, family: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${controlUrl}/metrics`)).text()
  const lines = text.split('\n').filter(line => line.startsWith(`${family}{`) || line.startsWith(`${family} `))
  return new Map(
    lines.map(line => [line.slice(family.length, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

async function answeredByVersion(server: ServerProcess): Promise<Record<string, number>> {
  const requests = await metric(server, 'cutover_requests_total')
  const of = (version: string) => requests.get(`{endpoint="names",version="${version}",status="2xx"}`) ?? 0
  return { v1: of('v1'), v2: of('v2') }
}

/** What is on disk, once the server has ended. */
async function recordedIds(): Promise<Set<string>> {
  const log = await openSqlitePredictionLog({ file: join(place.folder, 'data', 'predictions.db'), clock: systemClock })
  const ids: string[] = []
  await log.replay({ tails: [{ endpoint: 'names', fromEpoch: 0 }] }, ({ predictions }) =>
    ids.push(...predictions.map(({ id }) => id)),
  )
  await log.close()
  return new Set(ids)
}

const prefixes = (ids: readonly string[]) => new Set(ids.map(id => id.split('.')[0]))

it('splits by unit whichever worker is met, counts each request once, and ends without losing a record', async () => {
  const server = await place.serve(['-c', file, ...workers])
  await until(() => isSplit(server))
  const { tally, done } = load(server, 200)
  await done
  expect(tally.lost).toBe(0)
  expect(tally.answered).toHaveLength(callers * 200)
  // Both took part, and no user met two versions.
  expect(prefixes(tally.answered).size).toBe(2)
  expect([...tally.versions.values()].filter(({ size }) => size > 1)).toEqual([])
  expect(await answeredByVersion(server)).toEqual(tally.byVersion)
  expect((await metric(server, 'cutover_gateway_workers')).get('')).toBe(2)
  // Feedback goes to whichever worker its connection meets.
  const some = tally.answered.filter((_, at) => at % 100 === 0)
  for (const prediction of some) {
    const told = await fetch(`${server.inferenceUrl}/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ prediction, label: 'one' }),
    })
    expect(told.status, await told.text()).toBe(200)
  }
  for (const prediction of some) {
    const found = await getJson(`${server.controlUrl}/api/v1/predictions/${prediction}`)
    expect(found).toMatchObject({ id: prediction, outcomes: [{ label: 'one' }] })
  }
  expect(await server.stop()).toBe(0)
  expect(await recordedIds()).toEqual(new Set(tally.answered))

  // One gateway goes on with the same split.
  const alone = await place.serve([])
  await until(() => isSplit(alone))
  const again = load(alone, 20)
  await again.done
  for (const [unit, versions] of again.tally.versions)
    expect([unit, [...versions]]).toEqual([unit, [...(tally.versions.get(unit) ?? [])]])
})

/** A worker finds the fault that is asked for by the file `fault`, and removes that. */
async function serveFaulty(): Promise<{ server: ServerProcess; fault: string }> {
  const fault = join(place.folder, 'fault')
  const hook = join(root, 'test/fixtures/failing-worker.ts')
  const server = await place.serve(['-c', file, ...workers], {
    NODE_OPTIONS: `--import=${hook}`,
    CUTOVER_TEST_FAULT: fault,
  })
  await until(() => isSplit(server))
  return { server, fault }
}

it('goes on while a worker fails and is started again, with every answer recorded and counted once', async () => {
  const { server, fault } = await serveFaulty()
  const { tally, stop } = load(server)
  await until(async () => tally.answered.length > 500)
  for (let faults = 1; faults <= 3; faults += 1) {
    writeFileSync(fault, '')
    await until(async () => !existsSync(fault))
    await until(async () => (await metric(server, 'cutover_gateway_worker_restarts_total')).get('') === faults)
    await until(async () => (await metric(server, 'cutover_gateway_workers')).get('') === 2)
    const before = tally.answered.length
    await until(async () => tally.answered.length > before + 500)
  }
  await stop()
  // No more than what was under way in the worker that failed.
  expect(tally.lost).toBeLessThanOrEqual(3 * callers)
  expect([...tally.versions.values()].filter(({ size }) => size > 1)).toEqual([])
  const counted = [...(await metric(server, 'cutover_requests_total')).values()].reduce((sum, count) => sum + count, 0)
  expect(await server.stop()).toBe(0)
  const recorded = await recordedIds()
  expect(tally.answered.filter(id => !recorded.has(id))).toEqual([])
  // Nothing is counted twice, nor is anything that was counted lost: there is a record of each.
  expect(recorded.size).toBe(counted)
})

it('goes on where a worker hangs: another takes its place, and no release waits for it', async () => {
  const { server, fault } = await serveFaulty()
  writeFileSync(fault, 'hang')
  await until(async () => !existsSync(fault))
  const aborted = await place.cutover(['abort', 'names-1'])
  expect([aborted.code, aborted.stderr]).toEqual([0, ''])
  await until(async () => (await metric(server, 'cutover_gateway_worker_restarts_total')).get('') === 1)
  await until(async () => (await metric(server, 'cutover_gateway_workers')).get('') === 2)
  await until(async () => (await getJson(`${server.controlUrl}/api/v1/releases/names-1`)).state === 'rolled-back')
  const { tally, done } = load(server, 5)
  await done
  expect([tally.lost, Object.keys(tally.byVersion)]).toEqual([0, ['v1']])
  expect(await server.stop()).toBe(0)
})

it('ends in order under load: requests under way are answered, and every answer is on disk', async () => {
  const server = await place.serve(['-c', file, ...workers])
  await until(() => isSplit(server))
  const { tally, stop } = load(server)
  await until(async () => tally.answered.length > 500)
  const code = await server.stop()
  await stop()
  expect(code).toBe(0)
  const recorded = await recordedIds()
  expect(tally.answered.filter(id => !recorded.has(id))).toEqual([])
})

it('refuses a port that another server has', async () => {
  const server = await place.serve(['-c', file, ...workers])
  const port = new URL(server.inferenceUrl).port
  const { code, stderr } = await place.cutover([
    ...['serve', '--data', join(place.folder, 'other'), '--inference-port', port, '--control-port', '0', ...workers],
  ])
  expect(code).not.toBe(0)
  expect(stderr).toContain(`port ${port}`)
})

it('asks for keys in every worker, by the keys of the moment', async () => {
  const server = await place.serve(['-c', file, ...workers, '--inference-auth', 'required'])
  const ask24 = async (key: string | null): Promise<Set<number>> => {
    const headers = { 'x-user-id': 'u', connection: 'close', ...(key !== null && { 'x-api-key': key }) }
    const visits = Array.from({ length: callers }, async () => {
      const answer = await fetch(`${server.inferenceUrl}/endpoints/names/predict`, {
        method: 'POST',
        body: '{}',
        headers,
      })
      await answer.arrayBuffer()
      return answer.status
    })
    return new Set(await Promise.all(visits))
  }
  expect(await ask24(null)).toEqual(new Set([401]))
  const made = await place.cutover(['keys', 'create', 'shop', '-o', 'json'])
  expect([made.code, made.stderr]).toEqual([0, ''])
  const { key } = JSON.parse(made.stdout) as { key: string }
  await until(async () => [...(await ask24(key))].every(status => status === 200))
  expect(
    (await metric(server, 'cutover_key_requests_total')).get('{key="shop",result="admitted"}'),
  ).toBeGreaterThanOrEqual(callers)
  expect((await place.cutover(['keys', 'revoke', 'shop'])).code).toBe(0)
  await until(async () => [...(await ask24(key))].every(status => status === 401))
})
