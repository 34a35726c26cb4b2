import OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import type { Rig } from '../support/gateway-rig.ts'
import {
  beginStream,
  chatting,
  chunkOf,
  type Provider,
  sendEvent,
  sendJson,
  specFrom,
  startBefore,
  startProvider,
  tableOf,
  usage,
} from '../support/providers.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
  delete process.env['TEST_PROVIDER_KEY']
})

async function provider(answer: Parameters<typeof startProvider>[0]): Promise<Provider> {
  const started = await startProvider(answer)
  open.push(started)
  return started
}

type Versions = Readonly<Record<string, Readonly<Record<string, unknown>>>>

async function gateway(versions: Versions, more: object = {}, weights?: Parameters<typeof tableOf>[1]): Promise<Rig> {
  const spec = specFrom({ name: 'support', protocol: 'openai', versions, ...more })
  const rig = await startBefore(spec, tableOf('support', weights))
  open.push(rig)
  return rig
}

function client(rig: Rig, options: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}): OpenAI {
  return new OpenAI({
    apiKey: 'sk-of-the-caller',
    baseURL: `http://127.0.0.1:${rig.port}/v1`,
    maxRetries: 0,
    ...options,
  })
}

const messages = [{ role: 'user' as const, content: 'hello' }]
const chat = { model: 'support', messages }

async function read(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  const chunks: OpenAI.ChatCompletionChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return { chunks, text: chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('') }
}

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

describe('errors, as the package sees them', () => {
  const refusing = (status: number, headers: Record<string, string> = {}) =>
    provider((_, res) =>
      sendJson(res, { error: { message: 'not now', type: 't', param: null, code: 'c' } }, status, headers),
    )

  test.each([
    [400, OpenAI.BadRequestError],
    [401, OpenAI.AuthenticationError],
    [403, OpenAI.PermissionDeniedError],
    [422, OpenAI.UnprocessableEntityError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
  ])('a refusal of the model server by %i passes through', async (status, kind) => {
    const upstream = await refusing(status)
    const rig = await gateway({ v1: { url: upstream.url } })
    const error = await client(rig)
      .chat.completions.create(chat)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ status, code: 'c', message: expect.stringContaining('not now') })
  })

  test('an unknown model is told with those that exist', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: upstream.url } })
    const one = client(rig)
    const error = await one.chat.completions.create({ ...chat, model: 'gpt-9' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({
      code: 'model_not_found',
      param: 'model',
      message: expect.stringContaining('support'),
    })
    await expect(one.models.retrieve('gpt-9')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(one.post('/rerank', { body: {} })).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(one.get('/chat/completions')).rejects.toMatchObject({ status: 405 })
  })

  test.each([
    ['no JSON', '{"model":', 'ends too early'],
    ['no model', '{"messages":[]}', 'needs `model`'],
    ['two models', '{"model":"support","model":"other"}', 'more than once'],
  ])('a body with %s is a bad request', async (_, body, message) => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: upstream.url } })
    const sent = await fetch(`http://127.0.0.1:${rig.port}/v1/chat/completions`, { method: 'POST', body })
    expect(sent.status).toBe(400)
    expect(await sent.json()).toMatchObject({
      error: { type: 'invalid_request_error', message: expect.stringContaining(message) },
    })
    expect(upstream.met).toEqual([])
  })

  test('a long body is refused by its endpoint’s own limit', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: upstream.url } }, { 'body-limit': 100_000 })
    const content = 'x'.repeat(200_000)
    const error = await client(rig)
      .chat.completions.create({ messages: [{ role: 'user', content }], model: 'support' })
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 413, type: 'invalid_request_error' })
    const fits = { messages: [{ role: 'user' as const, content: 'x'.repeat(90_000) }], model: 'support' }
    expect((await client(rig).chat.completions.create(fits)).choices.length).toBe(1)
  })

  test('a version that is not there is an error of the server with a time to come back', async () => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: upstream.url } })
    rig.fleets.set('v1', [], 'support')
    const error = await client(rig)
      .chat.completions.create(chat)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 503, code: 'not-ready', type: 'server_error' })
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('1')
  })

  test('only the client tries again, as the model server asks it to', async () => {
    let calls = 0
    const upstream = await provider((met, res) => {
      calls += 1
      if (calls < 3) sendJson(res, { error: { message: 'busy' } }, 429, { 'retry-after-ms': '1' })
      else void chatting(['Hi'])(met, res)
    })
    const rig = await gateway({ v1: { url: upstream.url } })
    expect((await client(rig, { maxRetries: 2 }).chat.completions.create(chat)).choices[0]?.message.content).toBe('Hi')
    expect(upstream.met.length).toBe(3)
    calls = 0
    const firm = await provider((_, res) => sendJson(res, { error: {} }, 500, { 'x-should-retry': 'false' }))
    const second = await gateway({ v1: { url: firm.url } })
    await expect(client(second, { maxRetries: 2 }).chat.completions.create(chat)).rejects.toMatchObject({ status: 500 })
    expect(firm.met.length).toBe(1)
  })
})

describe('streams that end before their end', () => {
  test('a model server that breaks off is never taken for done', async () => {
    const upstream = await provider((_, res) => {
      beginStream(res)
      sendEvent(res, chunkOf({ content: 'Hi' }))
      res.write('data: {"choices":[')
      setImmediate(() => res.destroy())
    })
    const rig = await gateway({ v1: { url: upstream.url } })
    const stream = await client(rig).chat.completions.create({ ...chat, stream: true })
    const seen: string[] = []
    const reading = (async () => {
      for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? '')
    })()
    await expect(reading).rejects.toThrow()
    expect(seen).toEqual(['Hi'])
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ failed: true, status: 200 })
  })

  test('an error within a stream reaches the caller, and is the version’s failure', async () => {
    const upstream = await provider((_, res) => {
      beginStream(res)
      sendEvent(res, chunkOf({ content: 'Hi' }))
      sendEvent(res, { error: { message: 'out of memory', type: 'server_error' } })
      res.end()
    })
    const rig = await gateway({ v1: { url: upstream.url } })
    const stream = await client(rig).chat.completions.create({ ...chat, stream: true })
    await expect(read(stream)).rejects.toThrow('out of memory')
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ failed: true, status: 200 })
  })

  test('a caller that leaves the loop, or aborts, ends the work of the model server', async () => {
    const upstream = await provider((_, res) => {
      beginStream(res)
      sendEvent(res, chunkOf({ content: 'Hi' }))
    })
    const rig = await gateway({ v1: { url: upstream.url } })
    for await (const _ of await client(rig).chat.completions.create({ ...chat, stream: true })) break
    await upstream.met[0]?.left
    const controller = new AbortController()
    const stream = await client(rig).chat.completions.create({ ...chat, stream: true }, { signal: controller.signal })
    const reading = read(stream)
    controller.abort()
    await reading
    await upstream.met[1]?.left
    const records = await rig.recorder.recorded(2)
    expect(records.map(({ status, failed }) => ({ status, failed }))).toEqual([
      { status: 0, failed: false },
      { status: 0, failed: false },
    ])
  })

  test('a caller that leaves before the first byte ends it too', async () => {
    const upstream = await provider(() => {})
    const rig = await gateway({ v1: { url: upstream.url } })
    const controller = new AbortController()
    const asked = client(rig).chat.completions.create(chat, { signal: controller.signal })
    const failed = expect(asked).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    while (upstream.met.length === 0) await new Promise(resolve => setImmediate(resolve))
    controller.abort()
    await failed
    await upstream.met[0]?.left
  })
})
