/** The base address of one endpoint, copies for challengers, and what conversations are remembered. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { Conversations, type Remembered } from '../../src/gateway/conversations.ts'
import { ask, dial } from '../support/http-caller.ts'
import { chat, client, useProviders } from '../support/openai-client.ts'
import { chatting, specFrom, startBefore, tableOf } from '../support/providers.ts'
import { mirror } from './mirror/rig.ts'

const { provider, gateway } = useProviders()

describe('the base address of one endpoint', () => {
  test('names the endpoint, whatever the model is; the unit is read all the same', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: `${upstream.url}/v1`, model: 'gpt-x' } })
    const one = client(rig, { baseURL: `http://127.0.0.1:${rig.port}/endpoints/support/v1` })
    await one.chat.completions.create({ ...chat, model: 'whatever', user: 'u-7' })
    expect(JSON.parse(upstream.met[0]?.text ?? '')).toMatchObject({ model: 'gpt-x' })
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ unit: 'u-7', measures: { tokens: 12 } })
    await expect(one.chat.completions.create({ ...chat, model: '' })).resolves.toBeTruthy()
  })

  test('hands on what cannot be read: packed bodies, and what is no JSON', async () => {
    const upstream = await provider((met, res) => void res.end(`${met.path} ${met.text.length}`))
    const rig = await gateway({ v1: { url: upstream.url } })
    const send = async (path: string, body: Buffer<ArrayBuffer> | string, headers: Record<string, string> = {}) => {
      const response = await fetch(`http://127.0.0.1:${rig.port}${path}`, { method: 'POST', body, headers })
      return { status: response.status, text: await response.text() }
    }
    const packed = Buffer.from(gzipSync(JSON.stringify(chat)))
    const encoding = { 'content-encoding': 'gzip' }
    expect((await send('/endpoints/support/v1/chat/completions', packed, encoding)).status).toBe(200)
    expect((await send('/endpoints/support/v1/chat/completions', 'no JSON')).text).toBe('/v1/chat/completions 7')
    expect((await send('/endpoints/support/v1/rerank', '{"model":"r"}')).text).toBe('/v1/rerank 13')
    expect(await send('/v1/chat/completions', packed, encoding)).toMatchObject({
      status: 400,
      text: expect.stringContaining('content-encoding'),
    })
  })
})

describe('a challenger of another provider', () => {
  test('gets its own model and key with the copy, and what it takes is measured beside it', async () => {
    const [first, second] = [await provider(chatting(['first'])), await provider(chatting(['second']))]
    const price = { input: '1/1M', output: '1/1M' }
    const rig = await gateway({
      v1: { url: first.url, model: 'small', price },
      v2: { url: second.url, model: 'large', price, headers: { 'x-team': 'second' } },
    })
    const spec = specFrom({
      name: 'support',
      protocol: 'openai',
      versions: { v1: { url: first.url }, v2: { url: second.url } },
    })
    rig.gateway.apply({ spec, table: { ...tableOf('support'), epoch: 2, mirrors: [mirror()] } })
    const stream = await client(rig).chat.completions.create({ ...chat, stream: true })
    for await (const _ of stream);
    const records = await rig.recorder.recorded(2)
    const shadow = records.find(({ shadowOf }) => shadowOf !== undefined)
    expect(JSON.parse(second.met[0]?.text ?? '')).toMatchObject({
      model: 'large',
      stream_options: { include_usage: true },
    })
    expect(second.met[0]?.headers).toMatchObject({ 'x-team': 'second', 'x-cutover-shadow': 'v2' })
    expect(shadow).toMatchObject({ version: 'v2', measures: { tokens: 12, cost: expect.closeTo(12e-6, 12) } })
  })
})

describe('conversations that are remembered', () => {
  test('are the newest of all endpoints, each by its own ids', () => {
    const conversations = new Conversations({ max: 2 })
    const said = (version: string) => ({ unit: 'u', version })
    conversations.remember('a', 'r1', said('v1'))
    conversations.remember('b', 'r1', said('v2'))
    conversations.remember('a', 'r1', said('v3'))
    conversations.remember('a', 'r2', said('v4'))
    expect(conversations.find('a', 'r1')?.version).toBe('v3')
    expect(conversations.find('a', 'r2')?.version).toBe('v4')
    expect(conversations.find('b', 'r1')).toBeNull()
  })

  test('are asked for elsewhere where they are not known, and once', async () => {
    const asked: unknown[] = []
    const recall = async (one: { endpoint: string; id: string }) => {
      asked.push(one)
      return one.id === 'r1' ? { unit: 'u', version: 'v2' } : null
    }
    const conversations = new Conversations({ recall })
    expect(await conversations.findAnywhere('a', 'r1')).toEqual({ unit: 'u', version: 'v2' })
    expect(await conversations.findAnywhere('a', 'r1')).toEqual({ unit: 'u', version: 'v2' })
    expect(await conversations.findAnywhere('a', 'r2')).toBeNull()
    expect(asked).toEqual([
      { endpoint: 'a', id: 'r1' },
      { endpoint: 'a', id: 'r2' },
    ])
    expect(await new Conversations().findAnywhere('a', 'r1')).toBeNull()
  })

  test('a caller that leaves while it is asked for is no request of any version', async () => {
    const upstream = await provider(chatting(['Hi']))
    const asked = Promise.withResolvers<void>()
    const told = Promise.withResolvers<null>()
    const recall = () => {
      asked.resolve()
      return told.promise
    }
    const spec = specFrom({ name: 'support', protocol: 'openai', versions: { v1: { url: upstream.url } } })
    const rig = await startBefore(spec, tableOf('support'), { recall })
    const body = JSON.stringify({ model: 'support', input: 'x', previous_response_id: 'r1' })
    const socket = await dial(rig.port)
    socket.write(`POST /v1/responses HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await asked.promise
    socket.resetAndDestroy()
    // Who comes after it is answered once it has been seen to leave.
    for (let nth = 0; nth < 3; nth += 1) await ask(rig.port, { path: '/v2/health/live' })
    told.resolve(null)
    await ask(rig.port, { path: '/v2/health/live' })
    expect([upstream.met, rig.recorder.records, rig.gateway.stats().inFlight]).toEqual([
      [],
      [],
      [{ endpoint: 'support', count: 0 }],
    ])
    await rig.close()
  })

  test('are kept and told by ids of bounded length, however long those of callers are', () => {
    const told: Remembered[] = []
    const conversations = new Conversations({ onRemembered: remembered => told.push(remembered) })
    const others = new Conversations()
    const ids = ['1', '2'].map(end => 'x'.repeat(2_000_000) + end)
    for (const [index, id] of ids.entries()) conversations.remember('a', id, { unit: 'u', version: `v${index}` })
    for (const remembered of told) others.learn(remembered)
    expect(told.every(({ id }) => Buffer.byteLength(id) <= limits.unitKeyBytesMax)).toBe(true)
    for (const known of [conversations, others])
      expect(ids.map(id => known.find('a', id)?.version)).toEqual(['v0', 'v1'])
  })
})
