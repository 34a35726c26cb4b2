/** Challengers of real processes under load: what becomes of them, and that callers never notice. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const heldOut: { images: number[][]; labels: number[] } = JSON.parse(
  readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'),
)
const model = (version: string) => `{ onnx: ${root}/examples/digits/models/${version}.onnx }`
const troubled = (trouble: string) =>
  `{ command: [${process.execPath}, ${root}/test/fixtures/troubled-challenger.ts, --port, "{port}", --trouble, ${trouble}] }`

const endpoint = (challenger: string) => `kind: Endpoint
name: digits
stable: v1
versions: { v1: ${model('v1')}, v2: ${challenger}, v3: ${model('v3')} }
prediction: { output: label }
metrics: { accuracy: { type: accuracy } }
payload-sample: 100%
`
const release = (shadow: string) => `kind: Release
endpoint: digits
to: v2
stages: [ { shadow: ${shadow} } ]
`

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

type Tally = { sent: number; failed: number; versions: Set<string> }

async function predict({ inferenceUrl }: ServerProcess, index: number, tally: Tally): Promise<void> {
  const row = index % heldOut.images.length
  const json = { 'content-type': 'application/json' }
  const response = await fetch(`${inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { ...json, 'x-cutover-unit': `unit-${index}` },
    body: JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[row] }] }),
  })
  await response.arrayBuffer()
  tally.sent += 1
  if (response.status !== 200) tally.failed += 1
  tally.versions.add(response.headers.get('x-cutover-version') ?? '')
  const prediction = response.headers.get('x-cutover-prediction-id')
  const body = JSON.stringify({ prediction, label: heldOut.labels[row] })
  await (await fetch(`${inferenceUrl}/v1/feedback`, { method: 'POST', headers: json, body })).arrayBuffer()
}

/** Sends and labels until the release has ended; at most so many requests. */
async function drive(server: ServerProcess, requestsMax = 20_000) {
  const tally: Tally = { sent: 0, failed: 0, versions: new Set() }
  const releaseNow = () => getJson(`${server.controlUrl}/api/v1/releases/digits-1`)
  for (let index = 0; index < requestsMax; index += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, offset) => predict(server, index + offset, tally)))
    if (['promoted', 'rolled-back'].includes((await releaseNow()).state)) break
  }
  return { tally, release: await releaseNow() }
}

async function start(challenger: string, shadow: string): Promise<ServerProcess> {
  const server = await place.serve(['-c', place.write('cutover.yaml', endpoint(challenger))])
  const applied = await place.cutover(['apply', '-f', place.write('release.yaml', release(shadow))])
  expect(applied.code, applied.stderr).toBe(0)
  return server
}

it('of a better challenger and a broken one the better goes on, by labels of the same requests', async () => {
  const goal = 'goal: { metric: accuracy, improve: increase }'
  const server = await start(model('v2'), `{ challengers: [ v2, v3 ], until: { pairs: 500 }, ${goal} }`)
  const { tally, release } = await drive(server)
  expect([release.state, release.to, tally.failed]).toEqual(['promoted', 'v2', 0])
  expect([...tally.versions]).not.toContain('v3')
  const story = release.timeline.map(({ text }: { text: string }) => text)
  expect(story.find((text: string) => text.startsWith('dropped: v3: accuracy'))).toBeDefined()
  const explained = await place.cutover(['explain', 'digits-1'])
  expect(explained.stdout).toMatch(/labelled: both right \d+, v2 alone \d+, the champion alone \d+, both wrong \d+/)
  expect(explained.stdout).toMatch(/differs by 1\.00: \S+: \d against \d/)
})

it('a challenger that is wrong is refused, and no caller has met it', async () => {
  const goal = 'goal: { metric: accuracy, no-worse-than: 1pp }'
  const server = await start(model('v3'), `{ until: { pairs: 2000 }, ${goal} }`)
  const { tally, release } = await drive(server)
  expect([release.state, release.returned.cause, tally.failed]).toEqual(['rolled-back', 'kept', 0])
  expect([...tally.versions]).toEqual(['v1'])
})

it('a challenger answers recorded requests by one instance, gets its fleet, and goes on', async () => {
  const server = await place.serve(['-c', place.write('cutover.yaml', endpoint(model('v2')))])
  const tally: Tally = { sent: 0, failed: 0, versions: new Set() }
  for (let index = 0; index < 400; index += 20)
    await Promise.all(Array.from({ length: 20 }, (_, offset) => predict(server, index + offset, tally)))
  const replay = '{ mode: replay, until: { pairs: 300 }, agreement: 75% }'
  const { code, stdout, stderr } = await place.cutover([
    ...['release', 'digits', '--wait', '-f', place.write('replay.yaml', release(replay))],
  ])
  expect(code, stdout + stderr).toBe(0)
  expect(stdout).toContain('v2 answers recorded requests')
  const explained = JSON.parse((await place.cutover(['explain', 'digits-1', '-o', 'json'])).stdout)
  const { pairs } = explained.latest.judgement.arms.v2
  expect(pairs).toMatchObject({ pairs: 300, compared: 300, failures: { challenger: 0 } })
  expect(pairs.agreed).toBeGreaterThan(240)
})

it('after kill -9 the pairs are what they were, and the challenger is not blamed for the server', async () => {
  const first = await start(model('v2'), '{ until: { pairs: 100000 }, agreement: any }')
  const tally: Tally = { sent: 0, failed: 0, versions: new Set() }
  const send = async (server: ServerProcess) => {
    for (let index = 0; index < 400; index += 20)
      await Promise.all(Array.from({ length: 20 }, (_, offset) => predict(server, index + offset, tally)))
  }
  const pairsOf = async (server: ServerProcess) =>
    (await getJson(`${server.controlUrl}/api/v1/releases/digits-1`)).latest?.judgement.arms.v2.pairs
  await until(async () => (await getJson(`${first.controlUrl}/api/v1/releases/digits-1`)).phase === 'running')
  await send(first)
  await until(async () => {
    const { pairs, labelled } = await pairsOf(first)
    return pairs === 400 && Object.values<number>(labelled).reduce((sum, count) => sum + count, 0) === 400
  })
  const before = await pairsOf(first)
  await first.kill()

  const second = await place.serve()
  await until(async () => (await pairsOf(second)) !== undefined)
  expect(await pairsOf(second)).toEqual(before)
  await send(second)
  await until(async () => (await pairsOf(second)).pairs >= 780)
  expect((await pairsOf(second)).failures).toEqual({ challenger: 0, champion: 0, both: 0 })
  expect(tally.failed).toBe(0)
})

it.each(['hang', 'crash', 'garbage'])('a challenger that can only %s costs callers nothing', async trouble => {
  const server = await start(troubled(trouble), '{ budget: { timeout: 300ms } }')
  const { tally, release } = await drive(server)
  expect([release.state, tally.failed]).toEqual(['rolled-back', 0])
  expect([...tally.versions]).toEqual(['v1'])
  expect(['guardrail', 'fleet-lost']).toContain(release.returned.cause)
})
