/** A bandit on real model servers under load; callers report rewards. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, type Workplace } from './process.ts'

const server = join(root, 'test/fixtures/arm-server.ts')
const arm = (errors = 0) =>
  `{ command: [${process.execPath}, ${server}, --port, "{port}", --errors, "${errors}"], ready: { path: /health } }`

const endpoint = `kind: Endpoint
name: arms
protocol: http
stable: a
versions:
  a: ${arm()}
  b: ${arm()}
  c: ${arm()}
  broken: ${arm(0.5)}
`

const release = (arms: readonly string[], to = 'b') => `kind: Release
endpoint: arms
to: ${to}
stages:
  - bandit:
      arms: [ ${arms.join(', ')} ]
      reward: { family: bernoulli }
      update: 1s
      at-most: 15m
      min-rewards: 50
`

const rewardRates: Readonly<Record<string, number>> = { a: 0.2, b: 0.3, c: 0.6, broken: 0.9 }

type Tally = { sent: number; failed: number; failedBy: Record<string, number>; lastFailure: number }

/** Twenty callers at a time, each rewarding what answered it, until it is over. */
async function drive(running: ServerProcess, isOver: (tally: Tally) => Promise<boolean>): Promise<Tally> {
  const tally: Tally = { sent: 0, failed: 0, failedBy: {}, lastFailure: -1 }
  const one = async (index: number): Promise<object[]> => {
    const response = await fetch(`${running.inferenceUrl}/endpoints/arms/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${index}` },
      body: '{}',
    })
    await response.arrayBuffer()
    tally.sent += 1
    const version = response.headers.get('x-cutover-version') ?? ''
    if (response.status !== 200) {
      tally.failed += 1
      tally.failedBy[version] = (tally.failedBy[version] ?? 0) + 1
      tally.lastFailure = tally.sent
      return []
    }
    // By the number of the caller, so that each run is alike: the share of arm x is its rate.
    const reward = (index * 0.618_034) % 1 < (rewardRates[version] ?? 0) ? 1 : 0
    return [{ prediction: response.headers.get('x-cutover-prediction-id'), reward }]
  }
  for (let index = 0; !(await isOver(tally)); index += 20) {
    const items = await Promise.all(Array.from({ length: 20 }, (_, offset) => one(index + offset)))
    const feedback = await fetch(`${running.inferenceUrl}/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(items.flat()),
    })
    expect(feedback.status, await feedback.text()).toBe(200)
  }
  return tally
}

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

const releaseOf = (running: ServerProcess) => getJson(`${running.controlUrl}/api/v1/releases/arms-1`)
const isEnded = async (running: ServerProcess) => ['promoted', 'rolled-back'].includes((await releaseOf(running)).state)

/** Both arms are up: on a slow machine callers are many before that. */
async function isRacing(running: ServerProcess): Promise<boolean> {
  const { phase, weightsPpm } = await releaseOf(running)
  return phase === 'running' && weightsPpm.b > 0
}

it('an arm that joins in flight and is the best wins, no request fails, and the log values other policies', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint)])
  const started = await place.cutover(['apply', '-f', place.write('release.yaml', release(['a', 'b']))])
  expect(started.code, started.stderr).toBe(0)
  let joined = false
  const tally = await drive(running, async ({ sent }) => {
    if (!joined && sent >= 200 && (await isRacing(running))) {
      joined = true
      const applied = await place.cutover(['apply', '-f', place.write('release.yaml', release(['a', 'b', 'c']))])
      expect(applied.code, applied.stderr).toBe(0)
      expect(applied.stdout).toContain('c joins')
    }
    return isEnded(running)
  })
  const ended = await releaseOf(running)
  expect(ended).toMatchObject({ state: 'promoted', to: 'c' })
  expect(tally.failed).toBe(0)

  const explained = await place.cutover(['explain', 'arms-1'])
  expect(explained.stdout).toContain('CHANCE OF BEST')
  // Predictions are durable within a second.
  await new Promise(done => setTimeout(done, 1_500))
  const words = ['backtest', 'arms', '--policy', 'b', '--release', 'arms-1', '-o', 'json']
  const valued = JSON.parse((await place.cutover(words)).stdout)
  expect(valued.refused ?? '').toBe('')
  const snips = valued.estimates.find(({ method }: { method: string }) => method === 'snips')
  expect(Math.abs(snips.estimate - 0.3)).toBeLessThan(0.15)
  const refused = await place.cutover(['backtest', 'arms', '--policy', 'broken', '--release', 'arms-1'])
  expect(refused.code).toBe(1)
  expect(refused.stdout).toContain('broken has no value')
})

it('a broken arm is retired by its guardrail and the race goes on without it', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint)])
  const document = place.write('release.yaml', release(['a', 'c', 'broken'], 'c'))
  const started = await place.cutover(['apply', '-f', document])
  expect(started.code, started.stderr).toBe(0)
  let retiredAt = -1
  const tally = await drive(running, async ({ sent }) => {
    const { timeline } = await releaseOf(running)
    const isRetired = timeline.some(({ text }: { text: string }) => text.includes('broken is retired: error-rate'))
    if (isRetired && retiredAt < 0) retiredAt = sent
    return isEnded(running)
  })
  expect(await releaseOf(running)).toMatchObject({ state: 'promoted', to: 'c' })
  expect(retiredAt).toBeGreaterThan(0)
  expect(Object.keys(tally.failedBy)).toEqual(['broken'])
  expect(tally.lastFailure).toBeLessThanOrEqual(retiredAt)
})

it('runs with its defaults alone', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint)])
  const started = await place.cutover(['release', 'arms', '--to', 'b', '--strategy', 'bandit', '-o', 'json'])
  expect(started.code, started.stderr).toBe(0)
  expect(JSON.parse(started.stdout).plan.stages[0]).toMatchObject({ kind: 'bandit', arms: ['a', 'b'] })
  expect((await releaseOf(running)).state).toBe('active')
})
