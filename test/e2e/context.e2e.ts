/** Versions chosen by features of the request, on real model servers, through a kill -9. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, type Workplace } from './process.ts'

const server = join(root, 'test/fixtures/arm-server.ts')
const arm = `{ command: [${process.execPath}, ${server}, --port, "{port}"], ready: { path: /health } }`

const endpoint = `kind: Endpoint
name: arms
protocol: http
stable: a
versions:
  a: ${arm}
  b: ${arm}
features:
  age: { pointer: /customer/age }
  country: { pointer: /country, type: category }
`

const release = `kind: Release
endpoint: arms
to: b
stages:
  - bandit:
      reward: { family: bernoulli }
      policy: lin-ts
      features: [ { name: age }, { name: country, categories: [ de ] } ]
      explore: 30%
      update: 1s
      at-most: 15m
      min-rewards: 50
`

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

/** Those over 50 are served well by a, the others by b. */
async function one(running: ServerProcess, index: number): Promise<object> {
  const age = 20 + ((index * 7) % 60)
  const response = await fetch(`${running.inferenceUrl}/endpoints/arms/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${index}` },
    body: JSON.stringify({ customer: { age }, country: index % 3 === 0 ? 'de' : 'es' }),
  })
  await response.arrayBuffer()
  expect(response.status).toBe(200)
  const isServedWell = response.headers.get('x-cutover-version') === (age > 50 ? 'a' : 'b')
  const reward = (index * 0.618_034) % 1 < (isServedWell ? 0.8 : 0.2) ? 1 : 0
  return { prediction: response.headers.get('x-cutover-prediction-id'), reward }
}

const contextOf = async (running: ServerProcess) =>
  (await getJson(`${running.controlUrl}/api/v1/releases/arms-1`)).latest?.judgement.bandit?.context

/** Twenty callers at a time until it is over; `from` is the first of them, the number of the next one is given back. */
async function drive(running: ServerProcess, from: number, isOver: () => Promise<boolean>): Promise<number> {
  let index = from
  for (; index < 40_000 && !(await isOver()); index += 20) {
    const items = await Promise.all(Array.from({ length: 20 }, (_, offset) => one(running, index + offset)))
    const feedback = await fetch(`${running.inferenceUrl}/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(items),
    })
    expect(feedback.status, await feedback.text()).toBe(200)
  }
  return index
}

it('earns more than the best arm alone, stands where it stood after kill -9, and the log values one arm', async () => {
  const words = ['-c', place.write('cutover.yaml', endpoint)]
  const first = await place.serve(words)
  const started = await place.cutover(['apply', '-f', place.write('release.yaml', release)])
  expect(started.code, started.stderr).toBe(0)
  const next = await drive(first, 0, async () => ((await contextOf(first))?.rewards ?? 0) > 400)
  // Predictions and the newest look are there within a second.
  await new Promise(done => setTimeout(done, 2_500))
  const before = await contextOf(first)
  await first.kill()

  const second = await place.serve(words)
  await new Promise(done => setTimeout(done, 2_500))
  const after = await contextOf(second)
  expect(after).toEqual(before)
  const isSure = async () => ((await contextOf(second))?.chance ?? 0) > 0.999
  await drive(second, next, isSure)
  const { chosen, leader, fit } = await contextOf(second)
  expect(chosen.mean).toBeGreaterThan(leader.mean + 0.1)
  expect(fit.arms.map(({ version }: { version: string }) => version)).toEqual(['a', 'b'])

  const explained = await place.cutover(['explain', 'arms-1'])
  expect(explained.stdout).toContain('chosen by features')
  await new Promise(done => setTimeout(done, 1_500))
  const valued = JSON.parse(
    (await place.cutover(['backtest', 'arms', '--policy', 'b', '--release', 'arms-1', '-o', 'json'])).stdout,
  )
  const snips = valued.estimates.find(({ method }: { method: string }) => method === 'snips')
  expect(Math.abs(snips.estimate - 0.5)).toBeLessThan(0.1)
})
