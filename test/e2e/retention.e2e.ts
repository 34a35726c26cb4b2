/** A server that keeps predictions for an hour, on a folder that is full of older ones; killed while it lets them go. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { getJson, openWorkplace, root, type Workplace } from './process.ts'

const digits = {
  kind: 'Endpoint',
  name: 'digits',
  stable: 'v1',
  versions: { v1: { onnx: join(root, 'examples/digits/models/v1.onnx') } },
  prediction: { output: 'label' },
}
const old = 150_000
const perBatch = 1_000
const hourMs = 3_600_000

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

async function fillWithOld(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const log = await openSqlitePredictionLog({ file: join(folder, 'predictions.db'), clock: systemClock })
  for (let from = 0; from < old; from += perBatch) {
    const ids = Array.from({ length: perBatch }, (_, index) => `old-${from + index}`)
    await log.appendPredictions(ids.map(id => aPrediction({ id, atMs: Date.now() - 2 * hourMs })))
    await log.appendOutcomes(ids.slice(0, 100).map(id => anOutcome({ id: `of ${id}`, prediction: id })))
  }
  await log.close()
}

async function ask(url: string): Promise<string> {
  const response = await fetch(`${url}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: Array.from({ length: 64 }, () => 0.5) }],
    }),
  })
  await response.arrayBuffer()
  expect(response.status).toBe(200)
  return response.headers.get('x-cutover-prediction-id') ?? ''
}

it('old predictions go, in spite of a kill -9; new ones stay, with their labels', async () => {
  await fillWithOld(join(place.folder, 'data'))
  const words = ['-c', place.write('cutover.yaml', stringify(digits)), '--keep-predictions', '1h']
  const requests = async (url: string): Promise<number> => {
    const { items } = await getJson(`${url}/api/v1/predictions/summary?endpoint=digits`)
    return items[0]?.requests ?? 0
  }
  const first = await place.serve(words)
  await expect.poll(() => requests(first.controlUrl), { timeout: 20_000 }).toBeLessThan(old)
  await first.kill()

  const second = await place.serve(words)
  const ids = await Promise.all(Array.from({ length: 20 }, () => ask(second.inferenceUrl)))
  await expect.poll(() => requests(second.controlUrl), { timeout: 30_000, interval: 200 }).toBe(ids.length)
  const told = await fetch(`${second.inferenceUrl}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ids.map(prediction => ({ prediction, label: 3 }))),
  })
  const { results } = (await told.json()) as { results: { status: string }[] }
  expect(results.map(({ status }) => status)).toEqual(ids.map(() => 'joined'))
  const gone = await fetch(`${second.controlUrl}/api/v1/predictions/old-7`)
  expect(gone.status).toBe(404)
  expect(await second.stop()).toBe(0)
}, 90_000)
