import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const heldOut: { images: number[][]; labels: number[] } = JSON.parse(
  readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'),
)

const resources = `kind: Endpoint
name: digits
stable: v1
versions:
  v1: { onnx: ${root}/examples/digits/models/v1.onnx }
prediction: { output: label }
metrics: { accuracy: { type: accuracy } }
payload-sample: 100%
features:
  ink: { input: image }
  pixel: { input: image, index: 20 }
drift: { reference: 300, window: 100 }
monitor: { error-rate: { max: 5% }, accuracy: { min: 0.5 } }
`

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

async function predict(server: ServerProcess, index: number, brightness: number): Promise<void> {
  const row = index % heldOut.images.length
  const image = heldOut.images[row]?.map(value => value * brightness)
  const response = await fetch(`${server.inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${index}` },
    body: JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: image }] }),
  })
  expect(response.status, await response.text()).toBe(200)
  const prediction = response.headers.get('x-cutover-prediction-id')
  const feedback = await fetch(`${server.inferenceUrl}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prediction, label: heldOut.labels[row] }),
  })
  expect(feedback.status).toBe(200)
}

it('tells of drift without a release, and the same numbers after kill -9', async () => {
  const first = await place.serve(['-c', place.write('cutover.yaml', resources)])
  const driftOf = (server: ServerProcess) => getJson(`${server.controlUrl}/api/v1/endpoints/digits/drift`)
  const labelsOf = (server: ServerProcess) => getJson(`${server.controlUrl}/api/v1/endpoints/digits/labels`)
  for (let index = 0; index < 300; index += 1) await predict(first, index, 1)
  for (let index = 300; index < 400; index += 1) await predict(first, index, 0.6)
  await until(async () => {
    const { drift, status, alarms } = await driftOf(first)
    const { features } = drift
    const failed = [...features, drift.quality].filter((one: { verdict: string }) => one.verdict === 'fail')
    const isWhole = features.every((one: { current: unknown }) => one.current !== null)
    return status === 'drifting' && isWhole && alarms.length === failed.length
  })
  const before = await driftOf(first)
  expect(before.alarms.map((one: { name: string }) => one.name)).toContain('ink')
  expect(before.drift.features[0]).toMatchObject({ name: 'ink', verdict: 'fail', current: { predictions: 100 } })
  expect(before.limits.map((one: { verdict: string }) => one.verdict)).not.toContain('fail')
  await until(async () => (await labelsOf(first)).items[0]?.versions[0]?.arrived === 400)
  const delays = await labelsOf(first)
  const { items } = await getJson(`${first.controlUrl}/api/v1/events?limit=1000`)
  expect(items.filter((one: { type: string }) => one.type === 'monitored').length).toBeGreaterThan(0)
  const described = await place.cutover(['describe', 'endpoint', 'digits'])
  expect(described.stdout).toMatch(/watched: v1 since .*: drifting\n {2}ink drifted/)
  await first.kill()

  const second = await place.serve()
  await until(async () => {
    const { features } = (await driftOf(second)).drift
    return features.every((one: { current: unknown }) => one.current !== null)
  })
  expect(await driftOf(second)).toEqual(before)
  expect(await labelsOf(second)).toEqual(delays)
  expect(await second.stop()).toBe(0)
})

const releasing = `kind: Endpoint
name: digits
stable: v1
versions:
  v1: { onnx: ${root}/examples/digits/models/v1.onnx }
  v2: { onnx: ${root}/examples/digits/models/v2.onnx }
monitor: { error-rate: { max: 5% }, on-breach: return }
---
kind: Release
endpoint: digits
to: v2
stages: [ { canary: { steps: [ 50% ] } } ]
`

it('goes back to the version before when a limit is breached after the release, and stays there', async () => {
  const server = await place.serve(['-c', place.write('cutover.yaml', releasing)])
  const releaseOf = (id: string) => getJson(`${server.controlUrl}/api/v1/releases/${id}`)
  await until(async () => (await releaseOf('digits-1')).phase === 'running')
  expect((await place.cutover(['promote', 'digits-1'])).code).toBe(0)
  await until(async () => (await releaseOf('digits-1')).phase === 'promoted')
  await until(async () => {
    const response = await fetch(`${server.inferenceUrl}/v2/models/digits/infer`, { method: 'POST', body: '{}' })
    await response.text()
    return (await releaseOf('digits-2')).phase === 'promoted'
  })
  const back = await releaseOf('digits-2')
  expect(back).toMatchObject({ from: 'v2', to: 'v1', actor: 'monitor', plan: { stages: [] } })
  expect(back.plan.reason).toMatch(/^error-rate broke its limit/)
  expect((await getJson(`${server.controlUrl}/api/v1/endpoints/digits`)).stable).toBe('v1')
  const { timeline } = await releaseOf('digits-1')
  expect(timeline.at(-1)).toMatchObject({ kind: 'monitored', text: expect.stringMatching(/^digits\/v2 is breached/) })
  const again = await place.cutover(['apply', '-f', join(place.folder, 'cutover.yaml')])
  expect(again.stdout).toMatch(/release digits-2 went back from v2/)
  expect(await server.stop()).toBe(0)
})
