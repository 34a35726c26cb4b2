/** Strategies that move traffic, on servers that Cutover runs and on servers that run already, under constant load. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { freePort } from '../support/free-port.ts'
import { answerWithinMs, getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const heldOut: { images: number[][]; labels: number[] } = JSON.parse(
  readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'),
)
const script = join(root, 'examples/servers/http_server.py')

/** A race or a test that cannot end says so itself, at its ceiling: that is below what is waited for it. */
const patienceSeconds = 120
const stages = {
  blueGreen: { blueGreen: { replay: { requests: 60, agreement: '80%' }, watch: '2s', keep: '1s' } },
  canary: { canary: { steps: ['20%', '60%'], 'min-requests': 60 } },
  shadow: { shadow: { until: { pairs: 300 }, goal: { metric: 'accuracy', 'no-worse-than': '5pp' } } },
  abTest: {
    abTest: {
      split: '50%',
      goal: { metric: 'pleased', improve: 'increase', 'minimum-effect': '50%' },
      'at-most': '90s',
    },
  },
  bandit: { bandit: { arms: ['v1', 'v2'], reward: { metric: 'pleased' }, update: '1s', 'at-most': '90s' } },
} as const
type Kind = keyof typeof stages

let place: Workplace
let servers: ChildProcess[] = []
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(async () => {
  await place.close()
  for (const one of servers) one.kill('SIGKILL')
  servers = []
})

/** A server that runs already, as somebody else's would. */
async function running(): Promise<object> {
  const port = await freePort()
  const child = spawn('python3', [script, '--port', String(port), '--flavour', 'good'], { stdio: 'ignore' })
  servers.push(child)
  const url = `http://127.0.0.1:${port}`
  await until(() =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { url, ready: { path: '/health' } }
}

const command = {
  command: ['python3', script, '--port', '{port}', '--flavour', 'good'],
  instances: 2,
  ready: { path: '/health' },
}

const backends = { command: async () => command, url: running } as const

async function play(kind: Kind, backend: keyof typeof backends) {
  const endpoint = {
    kind: 'Endpoint',
    name: 'digits',
    protocol: 'http',
    stable: 'v1',
    versions: { v1: await backends[backend](), v2: await backends[backend]() },
    prediction: { output: '/label' },
    metrics: { accuracy: { type: 'accuracy' }, pleased: { type: 'rate', of: 'reward', better: 'higher' } },
    'payload-sample': '100%',
  }
  const server = await place.serve(['-c', place.write('cutover.yaml', stringify(endpoint))])
  await using traffic = startTraffic(server)
  await until(async () => traffic.tally.sent > 200)
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
  const releaseOf = () => getJson(`${server.controlUrl}/api/v1/releases/digits-1`)
  await until(
    async () => ['promoted', 'rolled-back'].includes((await releaseOf()).state),
    undefined,
    patienceSeconds,
  ).catch(async fault => {
    throw new Error(`${fault.message}: ${JSON.stringify(await releaseOf())}; the server: ${server.lastWords()}`)
  })
  await traffic.stop()
  return { ended: await releaseOf(), tally: traffic.tally }
}

function startTraffic({ inferenceUrl }: ServerProcess) {
  const tally = { sent: 0, failed: 0, untold: 0 }
  const open = new Set<Promise<void>>()
  let next = 0
  const ask = async (): Promise<void> => {
    const index = next++
    const row = index % heldOut.images.length
    const response = await fetch(`${inferenceUrl}/endpoints/digits/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${(index * 7_919) % 5_000}` },
      body: JSON.stringify({ image: heldOut.images[row] }),
      signal: AbortSignal.timeout(answerWithinMs),
    })
    await response.arrayBuffer()
    tally.sent += 1
    if (response.status !== 200) tally.failed += 1
    const isPleased = index % 10 < (response.headers.get('x-cutover-version') === 'v2' ? 8 : 2)
    const feedback = {
      prediction: response.headers.get('x-cutover-prediction-id'),
      label: heldOut.labels[row],
      reward: isPleased ? 1 : 0,
    }
    const told = await fetch(`${inferenceUrl}/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(feedback),
      signal: AbortSignal.timeout(answerWithinMs),
    })
    await told.arrayBuffer()
    if (!told.ok) tally.untold += 1
  }
  const timer = setInterval(() => {
    for (let count = 0; count < 3 && open.size < 32; count++) {
      const asked = ask()
      open.add(asked)
      void asked.finally(() => open.delete(asked))
    }
  }, 20)
  const stop = async () => {
    clearInterval(timer)
    await Promise.all(open)
  }
  return { tally, stop, [Symbol.asyncDispose]: stop }
}

describe.each(['command', 'url'] as const)('on %s', backend => {
  it.each(Object.keys(stages) as Kind[])('%s promotes a good candidate, and not one request fails', async kind => {
    const { ended, tally } = await play(kind, backend)
    expect(ended.state, JSON.stringify(ended.timeline)).toBe('promoted')
    expect(tally).toMatchObject({ failed: 0, untold: 0 })
  })
})
