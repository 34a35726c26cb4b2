/** OFREP where keys are asked for: a key's limits are its 429, which OpenFeature's own provider keeps to. */
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { OpenFeature } from '@openfeature/server-sdk'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../src/adapters/access/keyring.ts'
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { type ApiKey, writeKey } from '../../src/core/access/api-key.ts'
import { flag, flagsOf } from '../core/flags/support.ts'
import { fleetsOf, instance, startRig } from '../support/gateway-rig.ts'

const flags = flagsOf([flag({ default: { kind: 'variant', variant: 'on' } })])
const evaluate = '/ofrep/v1/evaluate/flags'

afterEach(() => OpenFeature.close())

/** The model answers once `hold` is over. */
async function guarded(limits: Pick<ApiKey, 'rate' | 'concurrencyMax'>, hold?: Promise<void>) {
  const { id, secret } = nodeSecrets.make()
  const hash = nodeSecrets.hash(secret)
  const key = { id, name: 'app', hash, role: 'call', endpoints: null, createdAtMs: 0, expiresAtMs: null } as const
  const clock = createManualClock(1_750_000_000_000)
  const access = createKeyring({ secrets: nodeSecrets, clock, fixed: [{ ...key, ...limits }] })
  const server = instance(async () => {
    await hold
    return { status: 200, headers: [], body: Buffer.from('served') }
  })
  const rig = await startRig({ fleets: fleetsOf({ v1: server }), options: { access } })
  onTestFinished(() => rig.close())
  rig.gateway.applyFlags(flags)
  return { base: `http://127.0.0.1:${rig.port}`, access, clock, text: writeKey({ id, secret }) }
}

type Guarded = Awaited<ReturnType<typeof guarded>>

/** Counts what it sends. */
async function connected({ base: baseUrl, text }: Pick<Guarded, 'base' | 'text'>) {
  const statuses: number[] = []
  const fetchImplementation: typeof fetch = async (...asked) => {
    const response = await fetch(...asked)
    statuses.push(response.status)
    return response
  }
  const provider = new OFREPProvider({ baseUrl, headers: [['x-api-key', text]], fetchImplementation })
  await OpenFeature.setProviderAndWait(provider)
  return { client: OpenFeature.getClient(), statuses }
}

function bulk({ base, text }: Pick<Guarded, 'base' | 'text'>) {
  const headers = { 'x-api-key': text, 'content-type': 'application/json' }
  return fetch(`${base}${evaluate}`, { method: 'POST', headers, body: '{"context":{"targetingKey":"ann"}}' })
}

describe('a key that is held to a rate', () => {
  it('is told when to come back, for one flag and for all, and served again then', async () => {
    const place = await guarded({ rate: { perSecond: 0.5, burst: 1 }, concurrencyMax: null })
    expect((await bulk(place)).status).toBe(200)
    const refused = await bulk(place)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2'])
    const one = await fetch(`${place.base}${evaluate}/ranker`, { method: 'POST', headers: { 'x-api-key': place.text } })
    expect([one.status, one.headers.get('retry-after')]).toEqual([429, '2'])
    place.clock.advance(2_000)
    expect((await bulk(place)).status).toBe(200)
  })

  it('is left alone by the provider until then: it serves the value in the code and asks nothing', async () => {
    const place = await guarded({ rate: { perSecond: 0.01, burst: 1 }, concurrencyMax: null })
    const { client, statuses } = await connected(place)
    expect(await client.getBooleanDetails('ranker', false)).toMatchObject({ value: true, reason: 'STATIC' })
    for (let i = 0; i < 3; i += 1)
      expect(await client.getBooleanDetails('ranker', false)).toMatchObject({ value: false, errorCode: 'GENERAL' })
    expect(statuses).toEqual([200, 429])
  })
})

describe('a key that is held to requests at once', () => {
  it('is told to come back while a model answers it, and served after that', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const place = await guarded({ rate: null, concurrencyMax: 1 }, promise)
    const headers = { 'x-api-key': place.text }
    const predicted = fetch(`${place.base}/endpoints/digits/anything`, { headers })
    const inFlight = () => place.access.counts()[0]?.inFlight
    await expect.poll(inFlight).toBe(1)
    const refused = await bulk(place)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    resolve()
    expect((await predicted).status).toBe(200)
    await expect.poll(inFlight).toBe(0)
    expect((await bulk(place)).status).toBe(200)
  })
})
