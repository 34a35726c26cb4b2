/** What a server has recorded, asked again: a release under another plan, and a world to simulate the next one in. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const heldOut: { images: number[][] } = JSON.parse(readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'))

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

const endpoint = `kind: Endpoint
name: digits
stable: v1
versions:
  v1: { onnx: ${root}/examples/digits/models/v1.onnx }
  v2: { onnx: ${root}/examples/digits/models/v2.onnx }
`
const release = `---
kind: Release
endpoint: digits
to: v2
guardrails: { error-rate: { margin: 5pp, min-events: 10 } }
stages: [ { canary: { steps: [50%], min-requests: 10 } } ]
`

let sent = 0
async function ask(server: ServerProcess): Promise<void> {
  sent += 1
  const response = await fetch(`${server.inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${sent}` },
    body: JSON.stringify({
      inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[sent % heldOut.images.length] }],
    }),
  })
  expect(response.status, await response.text()).toBe(200)
}

it('a release is judged again, and the next one is simulated in the recorded world', async () => {
  const server = await place.serve(['-c', place.write('cutover.yaml', endpoint + release)])
  await until(async () => {
    for (let one = 0; one < 20; one++) await ask(server)
    return (await getJson(`${server.controlUrl}/api/v1/releases/digits-1`)).state === 'promoted'
  })
  const post = async (path: string, body: object) => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return JSON.parse(await (await fetch(`${server.controlUrl}/api/v1/${path}`, init)).text())
  }
  const again = await post('backtest/release', { release: 'digits-1', thresholds: { 'error-rate': { margin: '1pp' } } })
  expect(again).toMatchObject({
    release: 'digits-1',
    recorded: { end: 'promoted' },
    own: { decision: { kind: 'as-recorded' } },
  })
  expect(again.predictions).toBeGreaterThan(20)
  for (let one = 0; one < 300; one++) await ask(server)
  const document = { to: 'v1', endpoint: 'digits', stages: [{ canary: { steps: ['50%'] } }] }
  const asked = { endpoint: 'digits', release: document, candidate: { 'error-rate': '30%' }, seeds: 10 }
  await until(async () => (await post('simulate', asked)).results?.[0]?.study?.ends['rolled-back'].runs === 10)
})
