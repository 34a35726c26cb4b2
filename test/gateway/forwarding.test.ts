import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { BackendRequest, BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import { CutoverError, type ErrorCode } from '../../src/core/errors.ts'
import type { Answer } from '../../src/core/prediction.ts'
import type { Instance } from '../../src/ports/backend.ts'
import { answerOf, endpoint, fleetsOf, instance, type Rig, startRig } from '../support/gateway-rig.ts'
import { ask, inferPath, keepAlive, type Question, sendRaw } from '../support/http-caller.ts'
import { startUpstream, type Upstream } from '../support/http-instance.ts'

let rig: Rig
let upstream: Upstream | undefined
afterEach(async () => {
  await rig.close()
  await upstream?.close()
  upstream = undefined
})
afterAll(() => keepAlive.destroy())

type Seen = { method: string; url: string; rawHeaders: string[]; body: string }

/** A real server behind the gateway that keeps what it saw. */
async function startEcho(): Promise<Seen[]> {
  const seen: Seen[] = []
  upstream = await startUpstream(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const { method = '', url = '', rawHeaders } = req
    seen.push({ method, url, rawHeaders, body: Buffer.concat(chunks).toString('latin1') })
    res.writeHead(200, ['Content-Type', 'text/plain', 'X-Model', 'a', 'X-Model', 'b']).end('fine')
  })
  rig = await startRig({ fleets: fleetsOf({ v1: upstream.instance }) })
  return seen
}

function fieldsOf(raw: readonly string[], name: string): string[] {
  return raw.filter((_value, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name)
}

describe('what the model server gets', () => {
  test.each([
    ['/endpoints/digits/a/b', '/a/b'],
    ['/endpoints/digits', '/'],
    ['/endpoints/digits/', '/'],
    ['/endpoints/digits?x=1', '/?x=1'],
    ['/endpoints/digits/%7Eu/..//%2e/x%2Fy?q=%20a+b&q=?', '/%7Eu/..//%2e/x%2Fy?q=%20a+b&q=?'],
    ['http://other.example/endpoints/digits/p?x', '/p?x'],
  ])('the path %s as %s', async (path, expected) => {
    const seen = await startEcho()
    await ask(rig.port, { path })
    expect(seen[0]?.url).toBe(expected)
  })

  test('an inference without its version, with its query', async () => {
    const seen = await startEcho()
    await ask(rig.port, { path: '/v2/models/digits/versions/v1/infer?a=b', body: '{}' })
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/v2/models/digits/infer?a=b', body: '{}' })
  })

  test.each([['PUT'], ['DELETE'], ['PATCH'], ['OPTIONS'], ['GET']])('the method %s', async method => {
    const seen = await startEcho()
    expect((await ask(rig.port, { path: '/endpoints/digits/x', method })).status).toBe(200)
    expect(seen[0]?.method).toBe(method)
  })

  test.each([
    ['OPTIONS', 0],
    ['HEAD', 0],
    ['GET', 1],
    ['PUT', 1],
  ])('a request by %s, of which %i predictions are recorded', async (method, predictions) => {
    const seen = await startEcho()
    expect((await ask(rig.port, { path: '/endpoints/digits/x', method })).status).toBe(200)
    expect(seen).toHaveLength(1)
    expect(rig.recorder.records).toHaveLength(predictions)
  })

  test('bodies byte by byte, of a stated length and in chunks', async () => {
    const seen = await startEcho()
    const bytes = Buffer.from(Array.from({ length: 256 * 1_000 }, (_, index) => index % 256))
    await ask(rig.port, { path: '/endpoints/digits/x', method: 'POST', body: bytes })
    await ask(rig.port, {
      path: '/endpoints/digits/x',
      method: 'POST',
      body: bytes,
      headers: { 'transfer-encoding': 'chunked' },
    })
    expect(seen.map(({ body }) => body === bytes.toString('latin1'))).toEqual([true, true])
    expect(fieldsOf(seen[0]?.rawHeaders ?? [], 'content-length')).toEqual(['256000'])
    expect(fieldsOf(seen[1]?.rawHeaders ?? [], 'transfer-encoding')).toEqual(['chunked'])
  })

  test('header fields with their spelling, order and repetition', async () => {
    const seen = await startEcho()
    const head =
      'POST /endpoints/digits/x HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-TWO:  2 \r\nX-One: 3\r\nContent-Length: 0\r\n'
    await sendRaw(rig.port, `${head}Connection: close\r\n\r\n`)
    const raw = seen[0]?.rawHeaders ?? []
    const own = raw.slice(raw.indexOf('X-One'), raw.indexOf('X-One') + 6)
    expect(own).toEqual(['X-One', '1', 'x-TWO', '2', 'X-One', '3'])
  })

  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const headerCases: readonly [string, Record<string, string | string[]>, Record<string, string[]>][] = [
    [
      'connection fields are taken out',
      { te: 'trailers', 'keep-alive': 'x', 'proxy-authorization': 'b' },
      { te: [], 'keep-alive': [], 'proxy-authorization': [] },
    ],
    [
      'fields that Connection names are taken out',
      { connection: 'X-Hop, keep-alive', 'x-hop': '1', 'x-stay': '2' },
      { 'x-hop': [], 'x-stay': ['2'] },
    ],
    [
      'Connection cannot take out what the gateway adds',
      { connection: 'via, x-cutover-prediction-id', 'x-cutover-prediction-id': 'p1' },
      { via: ['1.1 cutover'], 'x-cutover-prediction-id': ['p1'] },
    ],
    [
      'of our own only the prediction id goes on',
      { 'x-cutover-unit': 'u', 'x-cutover-version': 'v1', 'x-cutover-prediction-id': 'p2', 'x-cutover-else': '1' },
      { 'x-cutover-unit': [], 'x-cutover-version': [], 'x-cutover-else': [], 'x-cutover-prediction-id': ['p2'] },
    ],
    ['a Via before ours stays', { via: '1.0 front' }, { via: ['1.0 front', '1.1 cutover'] }],
    [
      'the caller’s address is added',
      { 'x-forwarded-for': '10.1.1.1' },
      { 'x-forwarded-for': ['10.1.1.1', '127.0.0.1'] },
    ],
    [
      'a valid trace is passed on untouched',
      { traceparent: parent, tracestate: 'a=b,c=d', baggage: 'k=v' },
      { traceparent: [parent], tracestate: ['a=b,c=d'], baggage: ['k=v'] },
    ],
    [
      'a trace of a later version too',
      { traceparent: `01${parent.slice(2)}-more` },
      { traceparent: [`01${parent.slice(2)}-more`] },
    ],
    [
      'an all-zero trace is dropped with its state',
      { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, tracestate: 'a=b' },
      { traceparent: [], tracestate: [] },
    ],
    ['an upper-case trace is dropped', { traceparent: parent.toUpperCase() }, { traceparent: [] }],
    ['a trace of version ff is dropped', { traceparent: `ff${parent.slice(2)}` }, { traceparent: [] }],
    ['two traces are dropped', { traceparent: [parent, parent] }, { traceparent: [] }],
    ['a state without a trace is dropped', { tracestate: 'a=b' }, { tracestate: [] }],
  ]
  test.each(headerCases)('%s', async (_name, headers, expected) => {
    const seen = await startEcho()
    expect((await ask(rig.port, { path: '/endpoints/digits/x', headers })).status).toBe(200)
    const raw = seen[0]?.rawHeaders ?? []
    const found = Object.keys(expected).map(name => [name, fieldsOf(raw, name)])
    expect(Object.fromEntries(found)).toEqual(expected)
    expect(fieldsOf(raw, 'host')[0]).not.toBe(`127.0.0.1:${rig.port}`)
  })

  test('a whole body, where an instance takes no other', async () => {
    const bodies: BackendRequest['body'][] = []
    const keep = (request: BackendRequest) => {
      bodies.push(request.body)
      return { status: 200, headers: [], body: Buffer.from('{}') }
    }
    rig = await startRig({ fleets: fleetsOf({ v1: instance(keep, { wantsWholeBody: true }) }) })
    const body = Buffer.alloc(200_000, 'x')
    await ask(rig.port, { path: inferPath, body })
    await ask(rig.port, { path: inferPath, body: 'short', headers: { 'transfer-encoding': 'chunked' } })
    await ask(rig.port, { path: '/endpoints/digits/none' })
    expect(bodies.map(one => (one instanceof Uint8Array ? one.length : one))).toEqual([200_000, 5, null])
  })
})

describe('what the caller gets', () => {
  async function answered(answer: Partial<BackendResponse>, question: Partial<Question> = {}) {
    const fixed = { status: 200, headers: [], body: Buffer.from('body'), ...answer }
    rig = await startRig({ fleets: fleetsOf({ v1: instance(() => fixed) }) })
    return ask(rig.port, { path: '/endpoints/digits/x', ...question })
  }

  test('fields with their spelling, order and repetition, ours at the end', async () => {
    const headers = ['X-B', '1', 'Set-Cookie', 'a=1', 'x-a', '2', 'Set-Cookie', 'b=2']
    const reply = await answered({ headers }, { headers: { 'x-cutover-prediction-id': 'p' } })
    const own = ['x-cutover-prediction-id', 'p', 'x-cutover-version', 'v1', 'x-cutover-endpoint', 'digits']
    expect(reply.rawHeaders.slice(0, 14)).toEqual([...headers, ...own])
  })

  test('no connection fields of the model server and none of ours from it', async () => {
    const headers = ['Connection', 'X-Hop', 'X-Hop', '1', 'Keep-Alive', 'timeout=1', 'Upgrade', 'h2c', 'Trailer', 'x']
    const reply = await answered({ headers: [...headers, 'X-Cutover-Version', 'fake', 'x-stay', '1'] })
    expect(fieldsOf(reply.rawHeaders, 'x-cutover-version')).toEqual(['v1'])
    expect(['x-hop', 'upgrade', 'trailer'].filter(name => name in reply.headers)).toEqual([])
    expect(reply.headers).toMatchObject({ 'x-stay': '1' })
    expect(fieldsOf(reply.rawHeaders, 'connection')).not.toContain('X-Hop')
  })

  test.each([[201], [204], [304], [404], [418], [500], [503], [599]])('the status %i as it is', async status => {
    const reply = await answered({ status, headers: ['content-length', '4'] })
    expect([reply.status, reply.headers['x-cutover-version']]).toEqual([status, 'v1'])
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status, failed: status >= 500 })
  })

  test.each([[99], [100], [101], [199], [600], [Number.NaN], [200.5]])(
    'a 502 in place of the status %d',
    async status => {
      const reply = await answered({ status })
      expect([reply.status, reply.headers['x-cutover-version']]).toEqual([502, 'v1'])
      expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 502, failed: true })
    },
  )

  test.each([
    ['a value with a line end', ['x-bad', 'a\r\nx-evil: 1']],
    ['a name with a space', ['x bad', '1']],
    ['a value beyond Latin-1', ['x-bad', '\u4e2d']],
  ])('a 502 in place of %s', async (_name, headers) => {
    const reply = await answered({ headers })
    expect([reply.status, reply.headers['x-evil']]).toEqual([502, undefined])
    expect((await ask(rig.port, { path: '/v2/health/live' })).status).toBe(200)
  })

  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const carriers: readonly [string, () => Partial<BackendResponse>][] = [
    ['whole', () => ({ body: everyByte })],
    ['whole and long', () => ({ body: Buffer.concat(Array(200).fill(everyByte)) })],
    ['in chunks', () => ({ body: Readable.from([everyByte, everyByte]) })],
    [
      'streamed to a stated length',
      () => ({ headers: ['content-length', '512'], body: Readable.from([everyByte, everyByte]) }),
    ],
  ]
  test.each(carriers)('every byte of a body that comes %s', async (_name, answer) => {
    const { raw } = await answered(answer())
    expect(raw.length % 256).toBe(0)
    expect(raw.every((byte, index) => byte === index % 256)).toBe(true)
    expect(raw.length).toBeGreaterThan(0)
  })

  test('HEAD: the length, no body', async () => {
    const reply = await answered({ headers: ['content-length', '4'] }, { method: 'HEAD' })
    expect([reply.status, reply.headers['content-length'], reply.text]).toEqual([200, '4', ''])
  })

  const failures: readonly [ErrorCode, number, boolean][] = [
    ['backend-unreachable', 502, true],
    ['backend-failed', 502, true],
    ['backend-timeout', 504, true],
    ['overloaded', 503, true],
    ['tensor-invalid', 400, false],
  ]
  test.each(failures)('%s as %i in the shape of the path', async (code, status, failed) => {
    const fail = instance(() => Promise.reject(new CutoverError(code, 'what went wrong')))
    rig = await startRig({ fleets: fleetsOf({ v1: fail }) })
    const [inference, other] = [
      await ask(rig.port, { path: inferPath, body: '{}' }),
      await ask(rig.port, { path: '/endpoints/digits/x' }),
    ]
    expect([inference.status, inference.json()]).toEqual([status, { error: 'what went wrong' }])
    expect(other.json()).toMatchObject({ type: `urn:cutover:${code}`, status, detail: 'what went wrong', code })
    expect([inference, other].map(reply => reply.headers['x-cutover-version'])).toEqual(['v1', 'v1'])
    expect((await rig.recorder.recorded(2))[1]).toMatchObject({ status, failed })
    expect(rig.gateway.stats().errors).toEqual([{ code, count: 2 }])
  })

  test('a 502 for an instance that throws something unforeseen, and a word in the log', async () => {
    const told: string[] = []
    const logger = { warn: () => {}, error: (_fields: object, message: string) => void told.push(message) }
    const broken: Instance = {
      ...instance(() => ({ status: 200, headers: [], body: Buffer.alloc(0) })),
      dispatch: () => {
        throw new TypeError('secret detail')
      },
    }
    rig = await startRig({ fleets: fleetsOf({ v1: broken }), options: { logger } })
    const reply = await ask(rig.port, { path: inferPath, body: '{}' })
    expect([reply.status, reply.text.includes('secret')]).toEqual([502, false])
    expect(told).toEqual(['an instance failed'])
  })
})

describe('what is kept of the answer', () => {
  const rule = { output: 'label', read: 'value' } as const
  const json = Buffer.from('{"outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[7]}]}')
  const big = Buffer.alloc(256 * 1024 + 1, ' ')
  const cases: readonly [string, Partial<BackendResponse>, readonly Answer[] | null][] = [
    ['JSON', { headers: ['Content-Type', 'application/json'] }, [7]],
    ['JSON with a charset', { headers: ['content-type', 'application/json; charset=utf-8'] }, [7]],
    ['JSON of a suffix type', { headers: ['content-type', 'application/vnd.x+json'] }, [7]],
    [
      'compressed JSON, unpacked',
      { headers: ['content-type', 'application/json', 'content-encoding', 'gzip'], body: gzipSync(json) },
      [7],
    ],
    ['nothing of other types', { headers: ['content-type', 'text/event-stream'] }, null],
    ['nothing without a type', {}, null],
    ['nothing of a failure', { status: 500, headers: ['content-type', 'application/json'] }, null],
    ['nothing over the limit', { headers: ['content-type', 'application/json'], body: big }, null],
    [
      'nothing of a compression that is none',
      { headers: ['content-type', 'application/json', 'content-encoding', 'gzip'] },
      null,
    ],
    [
      'nothing that unpacks to more than the limit',
      { headers: ['content-type', 'application/json', 'content-encoding', 'gzip'], body: gzipSync(big) },
      null,
    ],
  ]
  test.each(cases)('%s', async (_name, answer, kept) => {
    const fixed = { status: 200, headers: [], body: json, ...answer }
    rig = await startRig({ fleets: fleetsOf({ v1: instance(() => fixed) }), spec: endpoint({ answer: rule }) })
    await ask(rig.port, { path: inferPath, body: '{}' })
    const [record] = await rig.recorder.recorded(1)
    expect(answerOf(record)).toEqual(kept)
  })

  test('both bodies for the sampled share of units, independent of the version', async () => {
    const spec = endpoint({ payloadSamplePpm: 250_000 })
    rig = await startRig({ spec })
    for (let i = 0; i < 200; i++) {
      await ask(rig.port, { path: inferPath, body: `{"n":${i}}`, headers: { 'x-cutover-unit': `u${i}` } })
    }
    const records = await rig.recorder.recorded(200)
    const sampled = records.filter(record => record.payload !== null)
    expect(sampled.length).toBeGreaterThan(30)
    expect(sampled.length).toBeLessThan(70)
    const { unit, payload } = sampled[0] ?? { unit: '', payload: null }
    expect(Buffer.from(payload?.request ?? []).toString()).toBe(`{"n":${unit.slice(1)}}`)
    expect(Buffer.from(payload?.response ?? []).toString()).toContain('answeredBy')
  })

  test('beside them how the request was sent, without what may be a credential', async () => {
    rig = await startRig({ spec: endpoint({ payloadSamplePpm: 1_000_000 }) })
    const headers = { 'Content-Type': 'application/json', authorization: 'Bearer k', cookie: 'a=b', 'x-api-key': 'k' }
    await ask(rig.port, { path: inferPath, body: '{}', headers })
    await ask(rig.port, { path: `${inferPath}?key=k`, body: '{}', headers })
    await ask(rig.port, { path: inferPath, body: '{}', headers: { accept: 'x'.repeat(300) } })
    const sent = (await rig.recorder.recorded(3)).map(({ payload }) => payload?.sent)
    expect(sent).toEqual([
      { method: 'POST', path: '/v2/models/digits/infer', headers: [['content-type', 'application/json']] },
      undefined,
      undefined,
    ])
  })

  test('what is to be read of a request, with the length of its JSON, only where its body is kept', async () => {
    const features = { age: { source: { from: 'pointer', pointer: '/age' }, type: 'number' } } as const
    const headers = { 'inference-header-content-length': '9', 'content-encoding': 'GZIP' }
    const askedOf = async (payloadSamplePpm: number) => {
      rig = await startRig({ spec: endpoint({ payloadSamplePpm, features }) })
      await ask(rig.port, { method: 'POST', path: '/endpoints/digits/x', headers, body: '{"age":1}' })
      const [record] = await rig.recorder.recorded(1)
      await rig.close()
      return record?.asked
    }
    expect(await askedOf(1_000_000)).toEqual({ features, encoding: 'gzip', jsonBytes: 9 })
    expect(await askedOf(0)).toBeUndefined()
  })

  test('no payload if the answer came before the request was complete', async () => {
    rig = await startRig({ spec: endpoint({ payloadSamplePpm: 1_000_000 }) })
    expect((await ask(rig.port, { path: inferPath, body: Buffer.alloc(200 * 1024, 'x') })).status).toBe(200)
    expect((await rig.recorder.recorded(1))[0]?.payload).toBe(null)
  })

  test('no payload if one of the bodies is over the limit', async () => {
    const take = instance(() => ({ status: 200, headers: [], body: Buffer.from('{}') }), { wantsWholeBody: true })
    rig = await startRig({ fleets: fleetsOf({ v1: take }), spec: endpoint({ payloadSamplePpm: 1_000_000 }) })
    await ask(rig.port, { path: inferPath, body: Buffer.alloc(256 * 1024 + 1, 'x') })
    await ask(rig.port, { path: inferPath, body: Buffer.alloc(256 * 1024, 'x') })
    const records = await rig.recorder.recorded(2)
    expect(records.map(record => record.payload?.request.length)).toEqual([undefined, 256 * 1024])
  })
})
