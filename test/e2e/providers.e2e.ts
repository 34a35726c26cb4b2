/** Two providers behind one model: a release that is judged by what its answers cost, and a key that nobody is told. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type Provider, sendJson, startProvider } from '../support/providers.ts'
import { getJson, openWorkplace, type ServerProcess, until, type Workplace } from './process.ts'

const secret = 'sk-never-to-be-told-4711'

let place: Workplace
let providers: Provider[] = []
beforeEach(async () => {
  process.env['E2E_PROVIDER_KEY'] = secret
  place = await openWorkplace()
})
afterEach(async () => {
  await place.close()
  for (const one of providers) await one.close()
  providers = []
  delete process.env['E2E_PROVIDER_KEY']
})

/** Answers every chat with about so many tokens. */
async function talking(tokens: number): Promise<Provider> {
  let count = 0
  const provider = await startProvider((met, res) => {
    count += 1
    const usage = {
      prompt_tokens: 20,
      completion_tokens: tokens + (count % 7),
      total_tokens: 20 + tokens + (count % 7),
    }
    const message = { role: 'assistant', content: 'so', refusal: null }
    const choices = [{ index: 0, message, finish_reason: 'stop', logprobs: null }]
    const { model } = JSON.parse(met.text)
    sendJson(res, { id: `chat-${count}`, object: 'chat.completion', created: 1, model, choices, usage })
  })
  providers.push(provider)
  return provider
}

function version(provider: Provider, model: string): object {
  return {
    url: `${provider.url}/v1`,
    model,
    headers: { authorization: { env: 'E2E_PROVIDER_KEY', prefix: 'Bearer ' } },
    price: { input: '2/1M', output: '8/1M' },
  }
}

function startTraffic({ inferenceUrl }: ServerProcess) {
  const client = new OpenAI({ baseURL: `${inferenceUrl}/v1`, apiKey: 'sk-of-the-caller', maxRetries: 0 })
  const tally = { sent: 0, failed: 0 }
  let isOver = false
  const run = async (lane: number) => {
    for (let index = 0; !isOver; index += 1) {
      const messages = [{ role: 'user' as const, content: 'hello' }]
      const user = `user-${lane}-${index % 500}`
      await client.chat.completions.create({ model: 'support', messages, user }).catch(() => {
        tally.failed += 1
      })
      tally.sent += 1
    }
  }
  const running = [0, 1, 2, 3].map(run)
  return {
    tally,
    stop: async () => {
      isOver = true
      await Promise.all(running)
    },
  }
}

async function getText(url: string): Promise<string> {
  const response = await fetch(url)
  expect([url, response.status]).toEqual([url, 200])
  return response.text()
}

function everyFileIn(folder: string): string[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? everyFileIn(path) : [path]
  })
}

it('goes back from a provider whose answers cost more, and tells its key to that provider alone', async () => {
  const [stable, dear] = [await talking(50), await talking(150)]
  const endpoint = {
    kind: 'Endpoint',
    name: 'support',
    protocol: 'openai',
    stable: 'v1',
    versions: { v1: version(stable, 'small'), v2: version(dear, 'large') },
    metrics: { cost: { type: 'mean', of: 'cost' } },
    'payload-sample': '100%',
  }
  const server = await place.serve(['-c', place.write('cutover.yaml', stringify(endpoint))])
  const traffic = startTraffic(server)
  await until(async () => traffic.tally.sent > 50)
  const release = {
    kind: 'Release',
    endpoint: 'support',
    to: 'v2',
    guardrails: { cost: { margin: '10%', 'min-events': 50 } },
    stages: [{ canary: { steps: ['50%'], 'min-requests': 50 } }],
  }
  const started = await fetch(`${server.controlUrl}/api/v1/releases`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(release),
  })
  expect(started.status, await started.text()).toBe(201)
  const releaseOf = () => getJson(`${server.controlUrl}/api/v1/releases/support-1`)
  await until(async () => ['promoted', 'rolled-back'].includes((await releaseOf()).state), undefined, 90)
  await traffic.stop()
  const ended = await releaseOf()
  expect([ended.state, JSON.stringify(ended)]).toEqual(['rolled-back', expect.stringContaining('cost')])
  expect(traffic.tally.failed).toBe(0)

  for (const one of [stable, dear]) {
    expect(one.met.length).toBeGreaterThan(0)
    expect(new Set(one.met.map(({ headers }) => headers.authorization))).toEqual(new Set([`Bearer ${secret}`]))
  }
  const told = await Promise.all([
    ...['endpoints', 'versions', 'releases/support-1', 'releases/support-1/explain', 'events', 'predictions'].map(
      path => getText(`${server.controlUrl}/api/v1/${path}`),
    ),
    getText(`${server.controlUrl}/metrics`),
    place.cutover(['explain', 'support-1']).then(({ stdout, stderr }) => stdout + stderr),
    place.cutover(['describe', 'endpoint', 'support']).then(({ stdout, stderr }) => stdout + stderr),
  ])
  expect(told[0]).toContain('E2E_PROVIDER_KEY')
  expect(told[6]).toContain('cutover_tokens_total{endpoint="support",version="v1",kind="output"}')
  await server.stop()
  const kept = everyFileIn(place.folder).map(path => readFileSync(path, 'latin1'))
  expect([...told, ...kept].filter(text => text.includes(secret) || text.includes('sk-of-the-caller'))).toEqual([])
})
