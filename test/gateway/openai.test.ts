import type OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { chat, client, read, useProviders } from '../support/openai-client.ts'
import { beginStream, chatting, sendJson, specFrom, type startProvider, tableOf, usage } from '../support/providers.ts'

const { provider, gateway } = useProviders()
afterEach(() => {
  delete process.env['TEST_PROVIDER_KEY']
})

describe('the openai package through the gateway', () => {
  test('chats; the model that callers name is the endpoint', async () => {
    const upstream = await provider(chatting(['Hi', ' there']))
    const rig = await gateway({
      v1: { url: `${upstream.url}/v1`, model: 'gpt-x', price: { input: '2/1M', output: '8/1M' } },
    })
    const { data, response, request_id } = await client(rig).chat.completions.create(chat).withResponse()
    expect(data.choices[0]?.message.content).toBe('Hi there')
    expect(request_id).toBe('req_upstream')
    expect(response.headers.get('x-cutover-version')).toBe('v1')
    expect(upstream.met[0]).toMatchObject({ path: '/v1/chat/completions', method: 'POST' })
    expect(JSON.parse(upstream.met[0]?.text ?? '')).toEqual({ ...chat, model: 'gpt-x' })
    const [record] = await rig.recorder.recorded(1)
    expect(record?.measures).toMatchObject({
      'input-tokens': 7,
      'output-tokens': 5,
      tokens: 12,
      cost: expect.closeTo(7 * 2e-6 + 5 * 8e-6, 12),
    })
    expect(record?.measures?.['tokens-per-second']).toBeGreaterThan(0)
    expect(record?.measures).not.toHaveProperty('time-to-first-token-ms')
  })

  test('streams, without the usage that only the gateway asked for', async () => {
    const upstream = await provider(chatting(['Hi', ' there']))
    const rig = await gateway({ v1: { url: `${upstream.url}/v1` } })
    const { chunks, text } = await read(await client(rig).chat.completions.create({ ...chat, stream: true }))
    expect(text).toBe('Hi there')
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true)
    expect(JSON.parse(upstream.met[0]?.text ?? '').stream_options).toEqual({ include_usage: true })
    const [record] = await rig.recorder.recorded(1)
    expect(record?.measures).toMatchObject({ tokens: 12 })
    expect(record?.measures?.['time-to-first-token-ms']).toBeLessThanOrEqual(record?.latencyMs ?? 0)
  })

  test('streams with usage, where the caller asked for it', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: `${upstream.url}/v1` } })
    const asked = { ...chat, stream: true as const, stream_options: { include_usage: true } }
    const { chunks } = await read(await client(rig).chat.completions.create(asked))
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage })
  })

  test('a server that refuses the question for usage is not asked', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: `${upstream.url}/v1`, 'stream-usage': false } })
    await read(await client(rig).chat.completions.create({ ...chat, stream: true }))
    expect(upstream.met[0]?.text).not.toContain('stream_options')
    const [record] = await rig.recorder.recorded(1)
    expect(Object.keys(record?.measures ?? {})).toEqual(['time-to-first-token-ms'])
  })

  test('embeds: numbers that travel in base64 pass as they are', async () => {
    const numbers = Buffer.from(new Float32Array([0.5, -1]).buffer).toString('base64')
    const answer = {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: numbers }],
      model: 'e',
      usage: { prompt_tokens: 3, total_tokens: 3 },
    }
    const upstream = await provider((_, res) => sendJson(res, answer))
    const rig = await gateway({ v1: { url: upstream.url, model: 'e', price: { input: '1/1K' } } })
    const embedded = await client(rig).embeddings.create({ model: 'support', input: 'hello' })
    expect(embedded.data[0]?.embedding).toEqual([0.5, -1])
    expect(upstream.met[0]).toMatchObject({ path: '/v1/embeddings' })
    expect(JSON.parse(upstream.met[0]?.text ?? '').encoding_format).toBe('base64')
    const [record] = await rig.recorder.recorded(1)
    expect(record?.measures).toEqual({ 'input-tokens': 3, tokens: 3, cost: expect.closeTo(0.003, 12) })
  })

  test('lists and retrieves endpoints as models, also under /openai/v1', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: upstream.url } })
    for (const base of ['/v1', '/openai/v1', '/endpoints/support/v1']) {
      const one = client(rig, { baseURL: `http://127.0.0.1:${rig.port}${base}` })
      if (!base.startsWith('/endpoints')) {
        expect((await one.models.list()).data.map(({ id }) => id)).toEqual(['support'])
        expect(await one.models.retrieve('support')).toMatchObject({ id: 'support', object: 'model' })
      }
      expect((await one.chat.completions.create(chat)).choices[0]?.message.content).toBe('Hi')
    }
  })
})

describe('versions that are different providers', () => {
  test('get their own model and key; the caller’s key and account stay behind', async () => {
    process.env['TEST_PROVIDER_KEY'] = 'sk-secret-1'
    const [first, second] = [await provider(chatting(['first'])), await provider(chatting(['second']))]
    const headers = { authorization: { env: 'TEST_PROVIDER_KEY', prefix: 'Bearer ' }, 'x-team': 'support' }
    const rig = await gateway(
      { v1: { url: `${first.url}/v1`, model: 'gpt-x', headers }, v2: { url: `${second.url}/api/v2`, model: 'llama' } },
      {},
      { v1: 500_000, v2: 500_000 },
    )
    const one = client(rig, { organization: 'org-of-the-caller' })
    const user = async (name: string) =>
      (await one.chat.completions.create({ ...chat, user: name })).choices[0]?.message.content
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => user(`u${index}`)))
    expect(new Set(answers)).toEqual(new Set(['first', 'second']))
    expect(first.met[0]?.headers).toMatchObject({ authorization: 'Bearer sk-secret-1', 'x-team': 'support' })
    expect(first.met[0]?.headers).not.toHaveProperty('openai-organization')
    expect(second.met[0]?.headers).toMatchObject({ authorization: 'Bearer sk-of-the-caller' })
    expect(second.met[0]?.path).toBe('/api/v2/chat/completions')
    expect([first, second].map(({ met }) => JSON.parse(met[0]?.text ?? '').model)).toEqual(['gpt-x', 'llama'])
    expect(JSON.stringify(await rig.recorder.recorded(20))).not.toContain('sk-secret-1')
  })

  test('keep the users and the conversations that they have', async () => {
    const [first, second] = [await provider(chatting(['first'])), await provider(chatting(['second']))]
    const rig = await gateway({ v1: { url: first.url }, v2: { url: second.url } }, {}, { v1: 500_000, v2: 500_000 })
    const one = client(rig)
    const said = async (content: string, ...more: OpenAI.ChatCompletionMessageParam[]) => {
      const talk = [{ role: 'user' as const, content }, ...more]
      return (await one.chat.completions.create({ model: 'support', messages: talk })).choices[0]?.message.content ?? ''
    }
    const starts = await Promise.all(Array.from({ length: 20 }, (_, index) => said(`question ${index}`)))
    expect(new Set(starts).size).toBe(2)
    for (const [index, start] of starts.entries()) {
      const goesOn = await said(
        `question ${index}`,
        { role: 'assistant', content: start },
        { role: 'user', content: 'and?' },
      )
      expect(goesOn).toBe(start)
    }
  })
})

describe('the Responses API', () => {
  const responding = (name: string): Parameters<typeof startProvider>[0] => {
    let count = 0
    return (met, res) => {
      count += 1
      const id = `resp_${name}_${count}`
      const tokens = { input_tokens: 3, output_tokens: 4, total_tokens: 7 }
      const content = [{ type: 'output_text', text: name, annotations: [] }]
      const output = [{ type: 'message', id: 'm', role: 'assistant', status: 'completed', content }]
      const response = {
        id,
        object: 'response',
        created_at: 1,
        status: 'completed',
        model: name,
        output,
        usage: tokens,
      }
      if (JSON.parse(met.text).stream !== true) {
        sendJson(res, response)
        return
      }
      beginStream(res)
      const events = [
        { type: 'response.created', response: { ...response, usage: null } },
        { type: 'response.output_text.delta', delta: name, item_id: 'm', output_index: 0, content_index: 0 },
        { type: 'response.completed', response },
      ]
      for (const event of events) res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      res.end()
    }
  }

  async function two() {
    const [first, second] = [await provider(responding('first')), await provider(responding('second'))]
    const rig = await gateway({ v1: { url: first.url }, v2: { url: second.url } }, {}, { v1: 500_000, v2: 500_000 })
    return { rig, one: client(rig), first, second }
  }

  test('what follows an answer goes to the version that made it, whatever becomes of the weights', async () => {
    const { rig, one } = await two()
    const starts = await Promise.all(
      Array.from({ length: 12 }, () => one.responses.create({ model: 'support', input: 'hello' })),
    )
    expect(new Set(starts.map(({ output_text }) => output_text))).toEqual(new Set(['first', 'second']))
    const spec = specFrom({
      name: 'support',
      protocol: 'openai',
      versions: { v1: { url: 'http://127.0.0.1:1' }, v2: { url: 'http://127.0.0.1:2' } },
    })
    rig.gateway.apply({ spec, table: { ...tableOf('support', { v1: 0, v2: 1_000_000 }), epoch: 9 } })
    for (const start of starts) {
      const next = await one.responses.create({ model: 'support', input: 'and?', previous_response_id: start.id })
      expect(next.output_text).toBe(start.output_text)
    }
    const records = await rig.recorder.recorded(24)
    const moved = records.slice(12).filter(({ pinned }) => pinned)
    expect(moved.length).toBe(starts.filter(({ output_text }) => output_text === 'first').length)
  })

  test('streams its events, and tells its tokens', async () => {
    const { rig, one, first, second } = await two()
    const stream = await one.responses.create({ model: 'support', input: 'hello', stream: true })
    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    expect(types).toEqual(['response.created', 'response.output_text.delta', 'response.completed'])
    expect([...first.met, ...second.met][0]?.text).not.toContain('stream_options')
    expect((await rig.recorder.recorded(1))[0]?.measures).toMatchObject({
      'input-tokens': 3,
      'output-tokens': 4,
      tokens: 7,
    })
  })
})
