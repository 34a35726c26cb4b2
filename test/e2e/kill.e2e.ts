/** kill -9, again and again, in every phase of every strategy, on real processes under load: the same end as without. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type StageKind, stageKinds } from '../../src/core/stage-plans.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import { getJson, openWorkplace, root, type ServerProcess, type Workplace } from './process.ts'

const heldOut: { images: number[][]; labels: number[] } = JSON.parse(
  readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'),
)

const endpoint = {
  kind: 'Endpoint',
  name: 'digits',
  unit: { header: 'x-user-id' },
  stable: 'v1',
  versions: Object.fromEntries(
    ['v1', 'v2'].map(name => [name, { onnx: join(root, `examples/digits/models/${name}.onnx`), instances: 2 }]),
  ),
  prediction: { output: 'label' },
  metrics: { accuracy: { type: 'accuracy' }, pleased: { type: 'rate', of: 'reward', better: 'higher' } },
  'payload-sample': '100%',
}

/** Every phase lasts long enough to be killed in. */
const stages: Readonly<Record<StageKind, object>> = {
  recreate: { recreate: { hold: '5s', watch: '3s' } },
  rolling: { rolling: { 'max-surge': 1, 'max-unavailable': 0, 'min-requests': 60 } },
  blueGreen: { blueGreen: { replay: { requests: 100, agreement: '75%' }, watch: '3s', keep: '3s' } },
  canary: { canary: { steps: ['20%', '60%'], 'min-requests': 60 } },
  shadow: { shadow: { until: { pairs: 400 }, goal: { metric: 'accuracy', 'no-worse-than': '5pp' } } },
  abTest: {
    abTest: {
      split: '50%',
      goal: { metric: 'pleased', improve: 'increase', 'minimum-effect': '50%' },
      'at-most': '5m',
    },
  },
  bandit: { bandit: { arms: ['v1', 'v2'], reward: { metric: 'pleased' }, update: '1s', 'at-most': '5m' } },
}

const killsMax = 5
const requestsPerSecond = 100

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

/** Users who go on whatever becomes of the server, and tell what was accepted of their labels. */
function startTraffic(urls: Pick<ServerProcess, 'inferenceUrl'>, seed: number) {
  const random = randomFrom(seed)
  const accepted: { prediction: string; atMs: number }[] = []
  const open = new Set<Promise<void>>()
  const ask = async (): Promise<void> => {
    const row = Math.floor(random.next() * heldOut.images.length)
    const user = `user-${Math.floor(random.next() * 5_000)}`
    const response = await fetch(`${urls.inferenceUrl}/v2/models/digits/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user-id': user },
      body: JSON.stringify({
        inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[row] }],
      }),
    })
    await response.arrayBuffer()
    const prediction = response.headers.get('x-cutover-prediction-id')
    if (response.status !== 200 || prediction === null) return
    const pleased = random.next() < (response.headers.get('x-cutover-version') === 'v2' ? 0.8 : 0.2)
    const feedback = { prediction, id: `o-${prediction}`, label: heldOut.labels[row], reward: pleased ? 1 : 0 }
    const told = await fetch(`${urls.inferenceUrl}/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(feedback),
    })
    await told.arrayBuffer()
    if (told.status === 200) accepted.push({ prediction, atMs: performance.now() })
  }
  const timer = setInterval(() => {
    for (let count = 0; count < requestsPerSecond / 50 && open.size < 64; count++) {
      // A server that has just been killed answers nobody.
      const asked = ask().catch(() => {})
      open.add(asked)
      void asked.finally(() => open.delete(asked))
    }
  }, 20)
  return {
    accepted,
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
    },
  }
}

it.each(stageKinds)('%s', async kind => {
  const random = randomFrom(stageKinds.indexOf(kind) + 1)
  let server = await place.serve(['-c', place.write('cutover.yaml', stringify(endpoint))])
  const traffic = startTraffic(server, 7)
  const releaseOf = () => getJson(`${server.controlUrl}/api/v1/releases/digits-1`)
  const isOver = async () => ['promoted', 'rolled-back'].includes((await releaseOf()).state)
  const pause = (ms: number) => new Promise(done => setTimeout(done, ms))
  await pause(2_000)
  const release = {
    kind: 'Release',
    endpoint: 'digits',
    to: 'v2',
    guardrails: { 'error-rate': { margin: '5pp', 'min-events': 50 } },
    stages: [stages[kind]],
  }
  const started = await fetch(`${server.controlUrl}/api/v1/releases`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(release),
  })
  expect(started.status, await started.text()).toBe(201)
  const kills: number[] = []
  for (let kill = 0; kill < killsMax && !(await isOver()); kill++) {
    await pause(100 + random.next() * 2_500)
    kills.push(performance.now())
    await server.kill()
    server = await place.serve()
  }
  for (let look = 0; look < 600 && !(await isOver()); look++) await pause(200)
  await traffic.stop()
  // Predictions are on disk within a second.
  await pause(1_500)
  const ended = await releaseOf()
  expect(ended.state, JSON.stringify(ended.timeline)).toBe('promoted')
  expect((await getJson(`${server.controlUrl}/api/v1/endpoints/digits`)).weightsPpm).toEqual({ v2: 1_000_000 })
  // A prediction is on disk within a second of its answer: a kill may take what is younger, and nothing else.
  const missing: { prediction: string; atMs: number }[] = []
  for (const one of traffic.accepted) {
    const found = await getJson(`${server.controlUrl}/api/v1/predictions/${one.prediction}`)
    if (found.outcomes?.length !== 1) missing.push(one)
  }
  // What the server had said before it died may be read a little later.
  const isYoung = ({ atMs }: { atMs: number }) => kills.some(killMs => atMs <= killMs + 250 && atMs > killMs - 1_000)
  expect(missing.filter(one => !isYoung(one))).toEqual([])
})
