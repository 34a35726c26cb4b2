import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, sendRaw } from '../support/http-caller.ts'
import { chat, client, read, useProviders } from '../support/openai-client.ts'
import { beginStream, chatting, chunkOf, sendEvent, sendJson } from '../support/providers.ts'

const { provider, gateway } = useProviders()

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
    ['a model that is not there', '/v1/chat/completions', {}, 404],
    ['a path that is not there', '/v1/rerank', {}, 404],
    ['a header that is not as it should be', '/v1/chat/completions', { 'x-cutover-prediction-id': 'a b' }, 400],
  ])('%s is told with an id of the request, whoever reads it', async (_, path, headers, status) => {
    const upstream = await provider(chatting(['Hi']))
    const rig = await gateway({ v1: { url: upstream.url } })
    const body = JSON.stringify({ ...chat, model: status === 404 ? 'gpt-9' : 'support' })
    // A connection that says TE is read by node:http.
    for (const more of [{}, { te: 'x' }]) {
      const reply = await ask(rig.port, { path, body, headers: { ...headers, ...more } })
      expect([reply.status, reply.headers['x-request-id']]).toEqual([status, expect.stringMatching(/^[\w-]+\.[\w-]+$/)])
    }
    const own = { 'x-cutover-prediction-id': 'mine' }
    const refused = await ask(rig.port, { path: '/v1/rerank', headers: own })
    expect(refused.headers['x-request-id']).toBe('mine')
  })

  test('what node:http refuses before it is looked at has one too', async () => {
    const rig = await gateway({ v1: { url: (await provider(chatting(['Hi']))).url } })
    const text = await sendRaw(rig.port, 'GET /v1/models HTTP/1.1\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\nx-request-id: [\w-]+\.[\w-]+\r\n/i)
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
