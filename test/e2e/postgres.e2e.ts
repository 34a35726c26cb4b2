/** Servers that share a database of PostgreSQL: one serves, the other stands by and takes over, however the first one ends. */
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { stringify } from 'yaml'
import { leaseTimes } from '../../src/adapters/postgres/lease.ts'
import { onOneDatabase } from './one-database.ts'
import { answerWithinMs, getJson, root, type ServerProcess, until, type Workplace } from './process.ts'

const digits = {
  kind: 'Endpoint',
  name: 'digits',
  stable: 'v1',
  unit: { header: 'x-user-id' },
  versions: {
    v1: { onnx: join(root, 'examples/digits/models/v1.onnx') },
    v2: { onnx: join(root, 'examples/digits/models/v2.onnx') },
  },
  prediction: { output: 'label' },
  metrics: { accuracy: { type: 'accuracy' } },
}

const it = onOneDatabase.extend<{ words: readonly string[] }>({
  words: async ({ here, url }, use) => use(['-c', here.write('cutover.yaml', stringify(digits)), '--database', url]),
})

async function ask({ inferenceUrl }: Pick<ServerProcess, 'inferenceUrl'>, user: number) {
  const response = await fetch(`${inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user-id': `user-${user}` },
    body: JSON.stringify({
      inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: Array.from({ length: 64 }, () => 0.5) }],
    }),
  })
  await response.arrayBuffer()
  const header = (name: string) => response.headers.get(`x-cutover-${name}`) ?? ''
  return { status: response.status, id: header('prediction-id'), version: header('version') }
}

async function judge({ inferenceUrl }: ServerProcess, predictions: readonly { id: string }[]): Promise<string[]> {
  const told = await fetch(`${inferenceUrl}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(predictions.map(({ id }) => ({ id: `of-${id}`, prediction: id, label: 3 }))),
  })
  if (told.status !== 200) return [`${told.status} ${await told.text()}`]
  const { results } = (await told.json()) as { results: { status: string }[] }
  return results.map(({ status }) => status)
}

const users = Array.from({ length: 60 }, (_, user) => user)
const askAll = (server: ServerProcess) => Promise.all(users.map(user => ask(server, user)))
const requestsAt = async ({ controlUrl }: ServerProcess): Promise<number> => {
  const { items } = await getJson(`${controlUrl}/api/v1/predictions/summary?endpoint=digits`)
  return items.reduce((sum: number, { requests }: { requests: number }) => sum + requests, 0)
}

/** The second server, once it is known to wait; `serving` resolves when callers can be handed on. */
async function standBy(place: Workplace, words: readonly string[]): Promise<{ serving: Promise<ServerProcess> }> {
  const serving = place.serve(words)
  serving.catch(() => {})
  await until(() => answersWell(`${place.urls.controlUrl}/healthz`))
  return { serving }
}

/** A connection that was kept open goes with the server that it went on to, and a caller asks again. */
function onceMore<T>(asks: () => Promise<T>): Promise<T> {
  return asks().catch(asks)
}

async function answersWell(url: string, withinMs = answerWithinMs): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(withinMs) }).catch(() => null))?.status === 200
}

describe('a server that shares its database', () => {
  it.concurrent('is followed by the one that stands by, kill -9 or not, with its releases, weights, predictions and labels', async ({
    words,
    here,
    there,
  }) => {
    const first = await here.serve(words)
    const controlUrl = there.urls.controlUrl
    const waiting = await standBy(there, words)
    await until(() => answersWell(`${controlUrl}/readyz`))
    // Callers of the one that stands by are handed on, and so is whoever steers.
    expect((await ask(there.urls, 1)).status).toBe(200)
    expect(await getJson(`${controlUrl}/api/v1/endpoints/digits`)).toMatchObject({ name: 'digits' })

    const canary = { steps: ['40%', '60%'], 'min-requests': 1_000_000 }
    const release = here.write(
      'release.yaml',
      stringify({ kind: 'Release', endpoint: 'digits', to: 'v2', stages: [{ canary }] }),
    )
    expect((await here.cutover(['release', 'digits', '-f', release])).code).toBe(0)
    await until(async () => (await getJson(`${first.controlUrl}/api/v1/releases/digits-1`)).candidatePercent !== 0)
    await until(async () => (await askAll(first)).some(({ version }) => version === 'v2'))
    const before = await askAll(first)
    let kept = 0
    await until(async () => {
      kept = await requestsAt(first)
      // Whole rounds, and the one by way of the other server.
      return kept > users.length && kept % users.length === 1
    })
    await first.kill()
    // Whoever asks while nobody serves waits.
    const { urls } = there
    const held = onceMore(() => ask(urls, 1))

    const second = await waiting.serving
    expect((await held).status).toBe(200)
    await until(async () => (await requestsAt(second)) === kept + 1)
    expect((await getJson(`${second.controlUrl}/api/v1/releases/digits-1`)).state).toBe('active')
    const after = await askAll(second)
    expect(after.map(({ version }) => version)).toEqual(before.map(({ version }) => version))
    expect(await judge(second, before)).toEqual(before.map(() => 'joined'))

    // It gives the lease up, and whoever waits need not wait for its end.
    const next = await standBy(here, words)
    const stoppedAtMs = performance.now()
    const third = await next.serving
    expect(await second.stop()).toBe(0)
    expect(await onceMore(() => judge(third, before))).toEqual(before.map(() => 'duplicate'))
    expect((await getJson(`${third.controlUrl}/api/v1/releases/digits-1`)).state).toBe('active')
    expect(performance.now() - stoppedAtMs).toBeLessThan(leaseTimes.lastsMs)
  })

  it.concurrent('that stood still for longer than its lease writes nothing more, and ends with 1', async ({
    words,
    here,
    there,
  }) => {
    const first = await here.serve(words)
    await standBy(there, words)
    await askAll(first)
    await until(async () => (await requestsAt(first)) === users.length)
    process.kill(first.pid, 'SIGSTOP')
    // Threads that run on another core go on for a moment.
    await until(async () => !(await answersWell(`${first.inferenceUrl}/v2/health/live`, 500)))
    // Whoever waits for it is cut off once the other one serves.
    await expect(ask(there.urls, 1)).rejects.toThrow()
    expect((await ask(there.urls, 1)).status).toBe(200)
    process.kill(first.pid, 'SIGCONT')
    expect(await first.ended()).toBe(1)
    expect(first.lastWords()).toContain('another server has taken over the database: this one ends')
  })

  it('serves on while the database is away, and has every prediction once it is there again', async ({
    database,
    words,
    here,
  }) => {
    const server = await here.serve(words)
    await askAll(server)
    await database.crash()
    const meanwhile = [...(await askAll(server)), ...(await askAll(server))]
    expect(meanwhile.filter(({ status }) => status !== 200)).toEqual([])
    expect(await judge(server, meanwhile.slice(0, 1))).toEqual([expect.stringMatching(/^503 /)])
    await database.start()
    await expect
      .poll(() => requestsAt(server).catch(() => 0), { timeout: 30_000, interval: 200 })
      .toBe(3 * users.length)
    expect(await judge(server, meanwhile)).toEqual(meanwhile.map(() => 'joined'))
    await server.kill()

    // On its own folder it waits for nobody.
    const killedAtMs = performance.now()
    const again = await here.serve(words)
    expect(performance.now() - killedAtMs).toBeLessThan(leaseTimes.lastsMs / 2)
    expect(await requestsAt(again)).toBe(3 * users.length)
    expect(await again.stop()).toBe(0)
  })
})

it.for<[why: string, text: string, says: RegExp]>([
  ['a file that is wrong', 'kind: Endpoint\nname: digits\n', /versions/],
  [
    'a secret that is not there',
    'kind: Server\ntracing: { otlp: "http://127.0.0.1:9/", headers: { authorization: { env: NOT_THERE } } }\n',
    /NOT_THERE is not set/,
  ],
])(
  'a server with %s says so at its start, and not when it takes over',
  async ([_, text, says], { words, here, there }) => {
    await here.serve(words)
    const file = there.write('cutover.yaml', text)
    await expect(there.serve(['-c', file, ...words.slice(2)])).rejects.toThrow(says)
  },
)
