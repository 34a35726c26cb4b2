/** A header or a flag decides the version, by the unit and the headers of the request. */
import { afterEach, describe, expect, it } from 'vitest'
import type { EndpointRule } from '../../src/core/endpoint-rules.ts'
import type { FlagSpec } from '../../src/core/flags/flag.ts'
import { flag, flagsOf } from '../core/flags/support.ts'
import { endpoint, fleetsOf, naming, type Rig, split, startRig } from '../support/gateway-rig.ts'

const rules: EndpointRule[] = [
  { header: 'x-beta', equals: 'yes', version: 'v2' },
  { flag: 'ranker', version: 'v2' },
]
const byPlan: FlagSpec = flag({
  rules: [
    {
      name: 'pro',
      when: [{ kind: 'attribute', attribute: 'x-plan', test: { op: 'in', values: ['pro'] } }],
      serve: { kind: 'variant', variant: 'on' },
    },
  ],
})

let rig: Rig | undefined
afterEach(() => rig?.close())

async function ask(headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${rig?.port}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"inputs":[]}',
  })
  return response.headers.get('x-cutover-version')
}

describe('a rule of the endpoint', () => {
  it('sends who fits to its version, by header or by flag', async () => {
    rig = await startRig({ spec: endpoint({ rules }) })
    rig.gateway.applyFlags(flagsOf([byPlan]))
    expect(await ask()).toBe('v1')
    expect(await ask({ 'x-beta': 'yes' })).toBe('v2')
    expect(await ask({ 'X-Plan': 'pro' })).toBe('v2')
    expect(await ask({ 'x-plan': 'free' })).toBe('v1')
    const records = await rig.recorder.recorded(4)
    expect(records.map(({ pinned }) => pinned)).toEqual([false, true, true, false])
  })

  it('comes before weights, and after the version that a caller names', async () => {
    rig = await startRig({ spec: endpoint({ rules }), table: split({ v1: 0, v2: 1_000_000 }) })
    rig.gateway.applyFlags(flagsOf([byPlan]))
    expect(await ask({ 'x-plan': 'pro', 'x-cutover-version': 'v1' })).toBe('v1')
  })

  it('keeps a unit on its version while a flag is rolled out', async () => {
    const half = flag({ default: { kind: 'rollout', weights: { on: 500_000, off: 500_000 } } })
    rig = await startRig({ spec: endpoint({ rules }) })
    rig.gateway.applyFlags(flagsOf([half]))
    const units = Array.from({ length: 40 }, (_, index) => `user-${index}`)
    const first = await Promise.all(units.map(unit => ask({ 'x-cutover-unit': unit })))
    const again = await Promise.all(units.map(unit => ask({ 'x-cutover-unit': unit })))
    expect(again).toEqual(first)
    expect(new Set(first)).toEqual(new Set(['v1', 'v2']))
  })

  it('asks for variants of a flag that is not boolean, and passes over a flag that is not there', async () => {
    const tier = flag({
      type: 'string',
      variants: { a: 'a', b: 'b' },
      off: 'a',
      default: { kind: 'variant', variant: 'b' },
    })
    const asked: EndpointRule[] = [
      { flag: 'nothing', version: 'v2' },
      { flag: 'ranker', is: ['b'], version: 'v2' },
    ]
    rig = await startRig({ spec: endpoint({ rules: asked }) })
    expect(await ask()).toBe('v1')
    rig.gateway.applyFlags(flagsOf([tier]))
    expect(await ask()).toBe('v2')
  })

  it('falls back to the stable version where its own is not ready', async () => {
    rig = await startRig({ spec: endpoint({ rules }), fleets: fleetsOf({ v1: naming('v1') }) })
    expect(await ask({ 'x-beta': 'yes' })).toBe('v1')
    const [record] = await rig.recorder.recorded(1)
    expect(record).toMatchObject({ assigned: 'v2', version: 'v1', pinned: true })
  })
})
