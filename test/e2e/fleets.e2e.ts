/** Fleets of real processes are replaced under load: by rolling, and by recreating with callers held. Needs python3. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const server = join(root, 'examples/servers/http_server.py')
const image = Array.from({ length: 64 }, (_, index) => index % 16)

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

/** Two versions of three instances each; the second one may be of another kind. */
const endpoint = (flavour = 'good', ready = '/health'): string => `kind: Endpoint
name: digits
protocol: http
stable: v1
versions:
  v1: { command: [python3, ${server}, --port, "{port}"], instances: 3, ready: { path: /health } }
  v2: { command: [python3, ${server}, --port, "{port}", --flavour, ${flavour}], instances: 3, ready: { path: ${ready}, timeout: 3s } }
`

const release = (stage: string): string => `kind: Release
endpoint: digits
to: v2
stages: [ ${stage} ]
`

type Tally = { sent: number; versions: Record<string, number>; failures: string[] }

/** Eight callers without a pause between their requests, from before the release until after it; each failure is told in words. */
async function releasedUnderLoad(running: ServerProcess, stage: string, end: string): Promise<Tally> {
  const tally: Tally = { sent: 0, versions: {}, failures: [] }
  let over = false
  const caller = async (name: number): Promise<void> => {
    while (!over) await one(running.inferenceUrl, `caller-${name}-${tally.sent++}`, tally)
  }
  const callers = Array.from({ length: 8 }, (_, name) => caller(name))
  const more = async (): Promise<void> => {
    const enough = tally.sent + 200
    await until(async () => tally.sent >= enough)
  }
  try {
    await more()
    await apply(stage)
    await until(
      async () => (await releaseOf(running)).phase === end,
      () => {},
      120,
    )
    await more()
  } finally {
    over = true
    await Promise.all(callers)
  }
  return tally
}

async function one(url: string, unit: string, tally: Tally): Promise<void> {
  try {
    const response = await fetch(`${url}/endpoints/digits/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-cutover-unit': unit },
      body: JSON.stringify({ image }),
    })
    const text = await response.text()
    if (response.status !== 200) tally.failures.push(`${response.status} ${text}`)
    const version = response.headers.get('x-cutover-version') ?? 'none'
    tally.versions[version] = (tally.versions[version] ?? 0) + 1
  } catch (error) {
    tally.failures.push(String(error))
  }
}

async function apply(stage: string): Promise<void> {
  const applied = await place.cutover(['apply', '-f', place.write('release.yaml', release(stage))])
  expect(applied.code, applied.stderr).toBe(0)
}

const releaseOf = ({ controlUrl }: ServerProcess) => getJson(`${controlUrl}/api/v1/releases/digits-1`)
const readyOf = async ({ controlUrl }: ServerProcess): Promise<string[]> => {
  const metrics = await (await fetch(`${controlUrl}/metrics`)).text()
  return metrics.split('\n').filter(line => line.startsWith('cutover_instances_ready'))
}

it('a roll of three processes loses not one request', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint())])
  const tally = await releasedUnderLoad(
    running,
    '{ rolling: { max-surge: 1, max-unavailable: 0, min-ready: 1s } }',
    'promoted',
  )
  expect(tally.failures).toEqual([])
  expect(tally.versions['v1']).toBeGreaterThan(0)
  expect(tally.versions['v2']).toBeGreaterThan(0)
  expect((await releaseOf(running)).epochs).toHaveLength(3)
  expect(await readyOf(running)).toContain('cutover_instances_ready{endpoint="digits",version="v2"} 3')
})

it('a roll without a surge loses not one request either', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint())])
  const tally = await releasedUnderLoad(
    running,
    '{ rolling: { max-surge: 0, max-unavailable: 1, min-ready: 500ms, min-requests: 100 } }',
    'promoted',
  )
  expect(tally.failures).toEqual([])
  expect(tally.versions['none']).toBeUndefined()
})

it('recreating three processes while callers are held loses not one request, and says how long nobody served', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint())])
  const tally = await releasedUnderLoad(running, '{ recreate: { hold: 30s, watch: 0s } }', 'promoted')
  expect(tally.failures).toEqual([])
  const { downtimeMs, timeline } = await releaseOf(running)
  expect(downtimeMs).toBeGreaterThan(0)
  const texts = timeline.map(({ text }: { text: string }) => text)
  expect(texts).toContain(`nobody served for ${downtimeMs / 1_000} s`)
  const status = await place.cutover(['status', 'digits-1'])
  expect(status.stdout).toMatch(/downtime +nobody served for/)
})

it('a new version that does not come up gives way to the old one, and callers only wait', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint('good', '/never'))])
  const tally = await releasedUnderLoad(running, '{ recreate: { hold: 30s } }', 'rolled-back')
  expect(tally.failures).toEqual([])
  expect(Object.keys(tally.versions)).toEqual(['v1'])
  expect(await readyOf(running)).toContain('cutover_instances_ready{endpoint="digits",version="v1"} 3')
})

it('a server that is killed in the middle of a roll ends it when it comes back', async () => {
  const file = place.write('cutover.yaml', endpoint())
  const running = await place.serve(['-c', file])
  await apply('{ rolling: { max-surge: 1, max-unavailable: 0, min-ready: 1s } }')
  await until(async () => (await releaseOf(running)).candidatePpm > 0)
  await running.kill()
  const again = await place.serve(['-c', file])
  await until(async () => (await releaseOf(again)).phase === 'promoted')
  expect(await readyOf(again)).toContain('cutover_instances_ready{endpoint="digits",version="v2"} 3')
})
