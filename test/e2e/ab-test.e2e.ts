import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const heldOut: { images: number[][] } = JSON.parse(readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'))

const endpoint = `kind: Endpoint
name: digits
unit: { header: x-user-id }
stable: v1
versions:
  v1: { onnx: ${root}/examples/digits/models/v1.onnx }
  v2: { onnx: ${root}/examples/digits/models/v2.onnx }
  v3: { onnx: ${root}/examples/digits/models/v2.onnx }
prediction: { output: label }
metrics: { conversion: { type: mean, of: converted } }
`

let place: Workplace
let server: ServerProcess
beforeEach(async () => {
  place = await openWorkplace()
  server = await place.serve(['-c', place.write('cutover.yaml', endpoint)])
})
afterEach(() => place.close())

/** Users who come one after the other, a few at a time, and convert as their version makes them; until it is stopped. */
function load(rates: Readonly<Record<string, number>>) {
  const counts = { answered: 0, failed: 0 }
  let isOver = false
  let user = 0
  const visit = async (): Promise<void> => {
    user += 1
    const id = user
    const body = { inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[id % 100] }] }
    const response = await post('/v2/models/digits/infer', body, { 'x-user-id': `user-${id}` })
    await response.arrayBuffer()
    if (response.status === 200) counts.answered += 1
    else counts.failed += 1
    const version = response.headers.get('x-cutover-version') ?? ''
    // The same share of every hundred users, in an order that no version is given by.
    const converted = (id * 37) % 100 < 100 * (rates[version] ?? 0) ? 1 : 0
    const prediction = response.headers.get('x-cutover-prediction-id')
    await (await post('/v1/feedback', { prediction, id: `o-${prediction}`, metrics: { converted } })).arrayBuffer()
  }
  const workers = Array.from({ length: 8 }, async () => {
    while (!isOver) await visit()
  })
  return {
    counts,
    async stop() {
      isOver = true
      await Promise.all(workers)
    },
  }
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.inferenceUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

const releaseOf = () => getJson(`${server.controlUrl}/api/v1/releases/digits-1`)
const ended = async () => ['promoted', 'rolled-back'].includes((await releaseOf()).state)
const release = (text: string) =>
  place.cutover([
    'release',
    'digits',
    '-f',
    place.write('release.yaml', `kind: Release\nendpoint: digits\nto: v2\n${text}`),
  ])

it('ships the better of two variants under load, by a hypothesis from recorded traffic, and fails no request', async () => {
  const users = load({ v1: 0.3, v2: 0.3, v3: 0.6 })
  await until(async () => users.counts.answered > 600)
  const { code, stderr } = await release(
    'stages: [ { abTest: { variants: [v2, v3], split: 60%, goal: { metric: conversion, improve: increase, minimum-effect: 40% } } } ]\n',
  )
  expect([code, stderr]).toEqual([0, ''])
  await until(ended, () => {}, 60)
  await users.stop()
  const told = await releaseOf()
  expect(told).toMatchObject({ state: 'promoted', to: 'v3' })
  const { hypothesis, goal } = told.plan.stages[0]
  expect(goal).toMatchObject({ metric: 'conversion', kind: 'improve', minimumEffect: 0.4 })
  expect(hypothesis).toMatchObject({ unknown: null, baseline: { mean: expect.closeTo(0.3, 1) } })
  expect(Object.keys(hypothesis.needed).toSorted()).toEqual(['v1', 'v2', 'v3'])
  expect(told.timeline.map(({ text }: { text: string }) => text)).toContainEqual(
    expect.stringMatching(/^hypothesis: v2 \(30 %\) or v3 \(30 %\) will increase conversion by at least 40 %/),
  )
  const { stdout } = await place.cutover(['explain', 'digits-1'])
  expect(stdout).toContain('hypothesis: v2 (30 %) or v3 (30 %) will increase conversion')
  expect(stdout).toMatch(/conversion +goal +pass +v3/)
  expect(users.counts.failed).toBe(0)
  expect(users.counts.answered).toBeGreaterThan(600)
})

it('keeps the stable version under load where nothing was shown in the time it had', async () => {
  const users = load({ v1: 0.3, v2: 0.3 })
  const { code } = await release(
    'stages: [ { abTest: { goal: { metric: conversion, improve: increase, minimum-effect: 5% }, at-most: 4s } } ]\n',
  )
  expect(code).toBe(0)
  await until(ended, () => {}, 60)
  await until(async () => (await getJson(`${server.controlUrl}/api/v1/endpoints/digits`)).weightsPpm.v1 === 1_000_000)
  await users.stop()
  const told = await releaseOf()
  expect(told).toMatchObject({
    state: 'rolled-back',
    returned: {
      cause: 'kept',
      reason: expect.stringMatching(/no difference of at least 5 % was shown in conversion: v2: .* in \[/),
    },
  })
  expect(users.counts.failed).toBe(0)
  expect(users.counts.answered).toBeGreaterThan(200)
})
