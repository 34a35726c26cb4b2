/** What surrounds a strategy, on real processes: a control fleet, a scope, a line of releases, a group of endpoints. */
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

const endpoint = (name: string, more = '') => `kind: Endpoint
name: ${name}
stable: v1
versions:
  v1: { onnx: ${root}/examples/digits/models/v1.onnx }
  v2: { onnx: ${root}/examples/digits/models/v2.onnx, instances: 2 }
  v4: { onnx: ${root}/examples/digits/models/v4.onnx }
${more}`
const release = (name: string, to: string, more: string) => `---
kind: Release
endpoint: ${name}
to: ${to}
${more}
`
/** Steps that are left by hand or on very little evidence. */
const canary = (steps: string, more = '') =>
  `guardrails: { error-rate: { margin: 5pp, min-events: 10 } }\nstages: [ { canary: { steps: [${steps}], min-requests: 10${more} } } ]`

let sent = 0
async function ask(server: ServerProcess, name = 'digits', headers: Record<string, string> = {}) {
  sent += 1
  const response = await fetch(`${server.inferenceUrl}/v2/models/${name}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${sent}`, ...headers },
    body: JSON.stringify({
      inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[sent % heldOut.images.length] }],
    }),
  })
  expect(response.status, await response.text()).toBe(200)
  return {
    version: response.headers.get('x-cutover-version') ?? '',
    id: response.headers.get('x-cutover-prediction-id') ?? '',
  }
}

const api = (server: ServerProcess, path: string) => getJson(`${server.controlUrl}/api/v1/${path}`)
const stateOf = async (server: ServerProcess, id: string): Promise<string> =>
  (await api(server, `releases/${id}`)).state

it('a control runs beside the candidate, is judged with it, is seen by no caller, and ends with the stage', async () => {
  const steps = '{ weight: 40%, approve: true }'
  const text = endpoint('digits') + release('digits', 'v2', canary(steps, ', control: equal'))
  const server = await place.serve(['-c', place.write('cutover.yaml', text)])
  await until(async () => (await api(server, 'releases/digits-1')).phase === 'running')
  const during = (await api(server, 'endpoints/digits')).versions[0]
  expect(during).toMatchObject({ name: 'v1', weightPpm: 600_000, instancesReady: 3, instancesWanted: 3 })
  expect(during.instances.map(({ id }: { id: string }) => id).toSorted()).toEqual([
    'digits/v1/0',
    'digits/v1~control/0',
    'digits/v1~control/1',
  ])
  const answered = new Set<string>()
  await until(async () => {
    for (let one = 0; one < 50; one++) answered.add((await ask(server)).version)
    return (await api(server, 'releases/digits-1')).hold?.cause === 'approval'
  })
  expect([...answered].toSorted()).toEqual(['v1', 'v2'])
  const { latest } = await api(server, 'releases/digits-1')
  expect(latest.judgement.checks[0].stable.version).toBe('v1~control')
  expect((await place.cutover(['approve', 'digits-1'])).code).toBe(0)
  await until(async () => (await stateOf(server, 'digits-1')) === 'promoted')
  await until(async () => (await api(server, 'endpoints/digits')).versions[0].instances.length === 0)
})

it('a scoped release moves its tenants alone until it is promoted, then everybody', async () => {
  const scope = 'match: [ { header: x-tenant, in: [acme, globex] }, { cookie: plan, prefix: beta } ]'
  const text = endpoint('digits') + release('digits', 'v2', `${scope}\n${canary('{ weight: 99%, approve: true }')}`)
  const server = await place.serve(['-c', place.write('cutover.yaml', text)])
  await until(async () => (await api(server, 'releases/digits-1')).phase === 'running')
  const others = await Promise.all(Array.from({ length: 50 }, () => ask(server, 'digits', { 'x-tenant': 'initech' })))
  expect(new Set(others.map(({ version }) => version))).toEqual(new Set(['v1']))
  const outside = others[0]?.id
  await until(async () => {
    for (let one = 0; one < 100; one++) {
      const inScope = one % 2 === 0 ? { 'x-tenant': 'acme' } : { cookie: 'plan=beta-2' }
      await ask(server, 'digits', inScope)
    }
    const { latest } = await api(server, 'releases/digits-1')
    return (latest?.judgement.stepRequests ?? 0) > 90
  })
  expect(await api(server, `predictions/${outside}`)).toMatchObject({ version: 'v1', pinned: true, propensity: 1 })
  const { latest } = await api(server, 'releases/digits-1')
  const seen = latest.judgement.checks[0]
  expect(seen.stable.trials).toBeLessThan(seen.candidate.trials)
  expect((await place.cutover(['promote', 'digits-1'])).code).toBe(0)
  await until(async () => (await ask(server, 'digits', { 'x-tenant': 'initech' })).version === 'v2')
})

it('a release waits for its turn across a kill -9, and starts from what was promoted by then', async () => {
  const first = await place.serve(['-c', place.write('cutover.yaml', endpoint('digits'))])
  const start = (name: string, text: string) =>
    place.cutover(['apply', '-f', place.write(name, text.replace('---\n', ''))])
  expect((await start('v2.yaml', release('digits', 'v2', canary('50%, 60%')))).code).toBe(0)
  const queued = await start('v4.yaml', release('digits', 'v4', `on-conflict: queue\n${canary('50%')}`))
  expect(queued.stdout).toContain('Release/digits-2 queued (waits for the end of digits-1)')
  expect(await api(first, 'releases/digits-2')).toMatchObject({ state: 'queued', waitsFor: 'digits-1' })
  await first.kill()
  const second = await place.serve()
  expect(await api(second, 'endpoints/digits')).toMatchObject({ activeRelease: 'digits-1', queue: ['digits-2'] })
  expect((await place.cutover(['promote', 'digits-1', '--step'])).code).toBe(0)
  expect((await api(second, 'releases/digits-1')).candidatePpm).toBe(600_000)
  expect((await place.cutover(['promote', 'digits-1'])).code).toBe(0)
  await until(async () => (await api(second, 'releases/digits-2')).phase === 'running')
  expect(await api(second, 'releases/digits-2')).toMatchObject({ from: 'v2', to: 'v4', candidatePpm: 500_000 })
})

it('the releases of a group begin together and go back together', async () => {
  const group = 'group: { name: spring, endpoints: [digits, letters] }'
  const text =
    `${endpoint('digits')}---\n${endpoint('letters')}` +
    release('digits', 'v2', `${group}\n${canary('50%')}`) +
    release('letters', 'v2', `${group}\n${canary('50%')}`)
  const file = place.write('all.yaml', text)
  const server = await place.serve()
  expect((await place.cutover(['apply', '-f', file])).code).toBe(0)
  await until(async () => (await api(server, 'releases/letters-1')).phase === 'running')
  await until(async () => {
    for (let one = 0; one < 50; one++) await ask(server, 'digits')
    return (await api(server, 'releases/digits-1')).hold?.cause === 'group'
  })
  expect(await stateOf(server, 'letters-1')).toBe('active')
  expect((await place.cutover(['abort', 'letters-1'])).code).toBe(0)
  await until(async () => (await stateOf(server, 'digits-1')) === 'rolled-back')
  expect((await api(server, 'releases/digits-1')).returned).toMatchObject({ cause: 'group' })
  expect((await api(server, 'endpoints/digits')).weightsPpm).toEqual({ v1: 1_000_000 })
})
