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
  v2: { onnx: ${root}/examples/digits/models/v2.onnx }
prediction: { output: label }
metrics: { accuracy: { type: accuracy } }
---
kind: Release
endpoint: digits
to: v2
guardrails: { error-rate: { margin: 1pp }, accuracy: { margin: 2pp } }
stages: [ { canary: { steps: [ 20%, { weight: 40%, for: 1h }, 60% ] } } ]
`

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

async function predict(server: ServerProcess, index: number): Promise<string> {
  const row = index % heldOut.images.length
  const response = await fetch(`${server.inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${index}` },
    body: JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[row] }] }),
  })
  expect(response.status, await response.text()).toBe(200)
  return response.headers.get('x-cutover-prediction-id') ?? ''
}

async function label(server: ServerProcess, prediction: string, index: number): Promise<void> {
  const response = await fetch(`${server.inferenceUrl}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      prediction,
      label: heldOut.labels[index % heldOut.labels.length],
      id: `label-${prediction}`,
    }),
  })
  expect(response.status).toBe(200)
}

it('after kill -9 in the middle of a canary the server stands where it stood, and no accepted label is lost', async () => {
  const first = await place.serve(['-c', place.write('cutover.yaml', resources)])
  const releaseOf = (server: ServerProcess) => getJson(`${server.controlUrl}/api/v1/releases/digits-1`)
  const accepted: string[] = []
  let index = 0
  await until(async () => {
    for (let sent = 0; sent < 100; sent++, index++) {
      const prediction = await predict(first, index)
      await label(first, prediction, index)
      accepted.push(prediction)
    }
    return (await releaseOf(first)).stage?.step === 1
  })
  const before = await releaseOf(first)
  // The last predictions may be up to a second from the disk; their labels are on it already.
  await first.kill()

  const second = await place.serve()
  const after = await releaseOf(second)
  for (const key of ['id', 'phase', 'stage', 'weightsPpm', 'epochs', 'plan', 'startedAt'] as const)
    expect(after[key]).toEqual(before[key])
  for (const prediction of accepted.slice(0, -100)) {
    const found = await getJson(`${second.controlUrl}/api/v1/predictions/${prediction}`)
    expect(
      found.outcomes?.map((one: { id: string }) => one.id),
      prediction,
    ).toEqual([`label-${prediction}`])
  }
  for (const prediction of accepted.slice(-100)) {
    const again = await fetch(`${second.inferenceUrl}/v1/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prediction, label: 0, id: `label-${prediction}` }),
    })
    expect(JSON.parse(await again.text()).results[0].status).toBe('duplicate')
  }

  // Evidence goes on from where it was: it was rebuilt from the log.
  await until(async () => (await releaseOf(second)).latest !== null)
  const { latest } = await releaseOf(second)
  const labelled = latest.judgement.checks.find((check: { metric: string }) => check.metric === 'accuracy')
  expect(labelled.candidate.trials + labelled.stable.trials).toBeGreaterThanOrEqual(accepted.length - 300)
  await predict(second, index)
  expect(await second.stop()).toBe(0)
})

it('a second server on the same folder is refused with a sentence', async () => {
  await place.serve()
  const { code, stderr } = await place.cutover([
    'serve',
    '--data',
    join(place.folder, 'data'),
    '--inference-port',
    '0',
    '--control-port',
    '0',
  ])
  expect(code).toBe(1)
  expect(stderr).toMatch(/data folder .* process \d+/)
})
