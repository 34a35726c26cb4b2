/** Flags of a real server: OpenFeature's own client reads them, a release waits for one, and a crash changes none. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { OpenFeature } from '@openfeature/server-sdk'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorkplace, type Workplace } from './process.ts'

let place: Workplace
let model: Server
let file: string

beforeAll(async () => {
  place = await openWorkplace()
  model = createServer((_, res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"outputs":[]}'))
  await new Promise<void>(resolve => model.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(model.address() as AddressInfo).port}`
  file = place.write(
    'flags.yaml',
    `
kind: Flag
name: new-ranker
serve: off
rules: [ { name: pro, when: [ { attribute: x-plan, equals: pro } ], serve: on } ]
---
kind: Flag
name: gate
rollout: { on: 50%, off: 50% }
enabled: false
---
kind: Endpoint
name: ranking
stable: v1
versions: { v1: { url: "${url}" }, v2: { url: "${url}" } }
rules: [ { flag: new-ranker, version: v2 } ]
---
kind: Release
endpoint: ranking
to: v2
flag: gate
stages: [ { canary: { steps: [ 5%, 50% ] } } ]
`,
  )
})
afterAll(async () => {
  await OpenFeature.close()
  await place.close()
  model.close()
})

it('are the same after a crash, for code, for the gateway and for the release that waits', async () => {
  const first = await place.serve()
  expect((await place.cutover(['apply', '-f', file])).stderr).toBe('')
  const bulk = async () => {
    const context = { targetingKey: 'ann', 'x-plan': 'pro' }
    const answer = await fetch(`${first.inferenceUrl}/ofrep/v1/evaluate/flags`, {
      method: 'POST',
      body: JSON.stringify({ context }),
    })
    return [answer.headers.get('etag'), await answer.text()]
  }
  const versionOf = async (plan: string) => {
    const headers = { 'content-type': 'application/json', 'x-plan': plan }
    const infer = `${first.inferenceUrl}/v2/models/ranking/infer`
    return (await fetch(infer, { method: 'POST', headers, body: '{"inputs":[]}' })).headers.get('x-cutover-version')
  }
  const release = async () =>
    (await (await fetch(`${first.controlUrl}/api/v1/releases/ranking-1`)).json()) as { state: string }
  await expect.poll(() => versionOf('pro'), { timeout: 10_000 }).toBe('v2')
  const before = await bulk()
  await first.kill()
  const second = await place.serve()
  expect(await bulk()).toEqual(before)
  expect(await versionOf('free')).toBe('v1')
  await expect.poll(() => versionOf('pro'), { timeout: 10_000 }).toBe('v2')
  expect(await release()).toMatchObject({ state: 'holding', hold: { cause: 'flag' } })

  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: second.inferenceUrl }))
  const client = OpenFeature.getClient()
  expect(await client.getBooleanValue('new-ranker', false, { 'x-plan': 'pro' })).toBe(true)
  expect(await client.getBooleanDetails('gate', true, { targetingKey: 'ann' })).toMatchObject({
    value: false,
    reason: 'DISABLED',
  })

  await place.cutover(['flags', 'enable', 'gate'])
  await place.cutover(['flags', 'rollout', 'gate', '100%'])
  await expect.poll(async () => (await release()).state, { timeout: 10_000 }).toBe('active')
  expect(await second.stop()).toBe(0)
}, 60_000)
