/**
 * From the first to the last answer that a user got from a broken candidate, under each strategy: real models of handwritten
 * digits, a real server process, real sockets. v3 answers 200, fast, and wrong; v4 is slow.
 *
 *   node bench/bad-answers.ts [strategy …]       ROUNDS=3 REQUESTS=200 (a second)
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type StageKind, stageKinds } from '../src/core/stage-plans.ts'
import { getJson, openWorkplace, root, type ServerProcess, type Workplace } from '../test/e2e/process.ts'
import { median } from './median.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)
const requestsPerSecond = Number(process.env['REQUESTS'] ?? 200)
const users = 400
const labelDelayMs = { least: 500, most: 2_500 }
const releaseTimeoutMs = 120_000

const heldOut: { images: number[][]; labels: number[] } = JSON.parse(
  readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'),
)

/** The release files are the strategies' defaults, shortened to a demonstration's time. */
const stages: Readonly<Record<StageKind, object>> = {
  recreate: { recreate: { hold: '10s' } },
  rolling: { rolling: { 'max-surge': 1, 'max-unavailable': 0, 'min-requests': 100 } },
  blueGreen: { blueGreen: { replay: { requests: 200 }, watch: '30s', keep: '1m' } },
  canary: { canary: { steps: ['5%', '25%', '50%'] } },
  shadow: { shadow: { until: { pairs: 1_000 }, goal: { metric: 'accuracy', 'no-worse-than': '2pp' } } },
  abTest: {
    abTest: { split: '50%', goal: { metric: 'right', improve: 'increase', 'minimum-effect': '5%' }, 'at-most': '2m' },
  },
  bandit: { bandit: { arms: ['v1', 'v3'], reward: { metric: 'right' }, update: '2s', 'at-most': '2m' } },
}

/** Recreate has nobody to compare with: the endpoint's own monitor takes the version back. */
const monitor = { accuracy: { min: 0.8 }, 'on-breach': 'return' }

const endpoint = {
  kind: 'Endpoint',
  name: 'digits',
  unit: { header: 'x-user-id' },
  stable: 'v1',
  versions: Object.fromEntries(
    ['v1', 'v2', 'v3'].map(name => [name, { onnx: join(root, `examples/digits/models/${name}.onnx`), instances: 2 }]),
  ),
  prediction: { output: 'label' },
  metrics: {
    accuracy: { type: 'accuracy' },
    right: { type: 'rate', of: 'reward', better: 'higher' },
  },
  'payload-sample': '100%',
}

type Seen = { atMs: number; user: string }
type Result = { kind: StageKind; requests: number; users: number; seconds: number | null; failed: number; end: string }

async function play(kind: StageKind, place: Workplace): Promise<Result> {
  const document = kind === 'recreate' ? { ...endpoint, monitor } : endpoint
  const server = await place.serve(['-c', place.write('cutover.yaml', stringify(document))])
  const traffic = startTraffic(server)
  try {
    await pause(3_000)
    const release = {
      kind: 'Release',
      endpoint: 'digits',
      to: 'v3',
      guardrails: { 'error-rate': { margin: '1pp' }, accuracy: { margin: '2pp' } },
      stages: [stages[kind]],
    }
    const started = await post(`${server.controlUrl}/api/v1/releases`, release)
    const untilMs = performance.now() + releaseTimeoutMs
    let state = 'active'
    while (performance.now() < untilMs) {
      await pause(200)
      const { stable, activeRelease } = await getJson(`${server.controlUrl}/api/v1/endpoints/digits`)
      state = (await getJson(`${server.controlUrl}/api/v1/releases/${started.id}`)).state
      if (activeRelease === null && stable === 'v1' && state !== 'active') break
    }
    await pause(1_000)
    const { bad, failed } = await traffic.stop()
    const times = bad.map(({ atMs }) => atMs)
    return {
      kind,
      requests: bad.length,
      users: new Set(bad.map(({ user }) => user)).size,
      seconds: bad.length === 0 ? null : (Math.max(...times) - Math.min(...times)) / 1_000,
      failed,
      end: state,
    }
  } finally {
    await traffic.stop()
    await server.stop()
  }
}

function startTraffic(server: ServerProcess) {
  const bad: Seen[] = []
  const open = new Set<Promise<void>>()
  let failed = 0
  let sent = 0
  let due: { dueMs: number; prediction: string; label: number; reward: number }[] = []
  const ask = async (): Promise<void> => {
    const row = sent++ % heldOut.images.length
    const user = `user-${Math.floor(Math.random() * users)}`
    const body = JSON.stringify({
      inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[row] }],
    })
    const headers = { 'content-type': 'application/json', 'x-user-id': user }
    const response = await fetch(`${server.inferenceUrl}/v2/models/digits/infer`, { method: 'POST', headers, body })
    const answer = (await response.json()) as { outputs?: { data: number[] }[] }
    const isRight = answer.outputs?.[0]?.data[0] === heldOut.labels[row]
    if (response.status !== 200) failed += 1
    if (response.headers.get('x-cutover-version') === 'v3') bad.push({ atMs: performance.now(), user })
    const delayMs = labelDelayMs.least + Math.random() * (labelDelayMs.most - labelDelayMs.least)
    const prediction = response.headers.get('x-cutover-prediction-id') ?? ''
    due.push({
      dueMs: performance.now() + delayMs,
      prediction,
      label: heldOut.labels[row] ?? 0,
      reward: isRight ? 1 : 0,
    })
  }
  const label = async (): Promise<void> => {
    const ripe = due.filter(({ dueMs }) => dueMs <= performance.now())
    due = due.filter(({ dueMs }) => dueMs > performance.now())
    if (ripe.length > 0)
      await post(
        `${server.inferenceUrl}/v1/feedback`,
        ripe.map(({ dueMs: _due, ...feedback }) => feedback),
      )
  }
  const keep = (work: Promise<void>): void => {
    const done = work.catch(() => {
      failed += 1
    })
    open.add(done)
    void done.finally(() => open.delete(done))
  }
  const timer = setInterval(() => {
    for (let count = 0; count < requestsPerSecond / 50; count++) keep(ask())
    keep(label())
  }, 20)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      return { bad, failed }
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a bench looks at answers as a client without our types would.
async function post(url: string, body: unknown): Promise<any> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

const asked = process.argv.slice(2)
const kinds = stageKinds.filter(kind => asked.length === 0 || asked.includes(kind))
const wide = (text: string, width: number) => text.padEnd(width)
console.log(
  `v3 of handwritten digits: ${requestsPerSecond} requests a second of ${users} users, labels after ${labelDelayMs.least}-${labelDelayMs.most} ms, medians of ${rounds}`,
)
console.log(
  wide('strategy', 12) +
    wide('bad answers', 14) +
    wide('users', 8) +
    wide('first to last', 16) +
    wide('failed', 9) +
    'ends',
)
for (const kind of kinds) {
  const results: Result[] = []
  for (let round = 0; round < rounds; round++) {
    const place = await openWorkplace()
    try {
      results.push(await play(kind, place))
    } finally {
      await place.close()
    }
  }
  const seconds = results.flatMap(one => (one.seconds === null ? [] : [one.seconds]))
  console.log(
    wide(kind, 12) +
      wide(String(median(results.map(one => one.requests))), 14) +
      wide(String(median(results.map(one => one.users))), 8) +
      wide(seconds.length === 0 ? 'none' : `${median(seconds).toFixed(1)} s`, 16) +
      wide(String(Math.max(...results.map(one => one.failed))), 9) +
      [...new Set(results.map(one => one.end))].join(', '),
  )
}
