import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { BackendRequest, BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import { answerOf, endpoint, fleetsOf, instance, naming, type Rig, split, startRig } from '../support/gateway-rig.ts'
import { ask, keepAlive } from '../support/http-caller.ts'

let rig: Rig
afterEach(() => rig.close())
afterAll(() => keepAlive.destroy())

const described = {
  platform: 'onnx',
  inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 64] }],
  outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 10] }],
}
const digits = { name: 'digits', versions: ['v1', 'v2'] }

async function get(path: string) {
  const { status, text } = await ask(rig.port, { path })
  return [status, JSON.parse(text) as unknown] as const
}

describe('the server', () => {
  test.each([['/v2'], ['/v2/']])('%s tells name, version and extensions', async path => {
    rig = await startRig()
    expect(await get(path)).toEqual([200, { name: 'cutover', version: '1.2.3', extensions: ['binary_tensor_data'] }])
  })

  test('is live however unready it is', async () => {
    rig = await startRig({ fleets: fleetsOf({}), options: { isReady: () => false } })
    expect(await get('/v2/health/live')).toEqual([200, { live: true }])
  })

  test('is ready once every endpoint’s stable version is, and everything else', async () => {
    let ready = false
    rig = await startRig({ fleets: fleetsOf({ v2: naming('v2') }), options: { isReady: () => ready } })
    const waiting = { error: 'no ready instance of version v1 of endpoint digits' }
    expect(await get('/v2/health/ready')).toEqual([503, waiting])
    rig.fleets.set('v1', [naming('v1')])
    expect(await get('/v2/health/ready')).toEqual([503, { error: 'the server is not ready' }])
    ready = true
    expect(await get('/v2/health/ready')).toEqual([200, { ready: true }])
  })
})

describe('the index of models', () => {
  const index = async (body?: string) => {
    const { status, text } = await ask(rig.port, {
      method: 'POST',
      path: '/v2/repository/index',
      ...(body && { body }),
    })
    return [status, JSON.parse(text) as unknown] as const
  }
  const ready = { name: 'digits', version: 'v1', state: 'READY', reason: '' }
  const missing = { name: 'digits', version: 'v2', state: 'UNAVAILABLE', reason: 'it has no ready instance' }

  test('has every version with its state, or the ready ones alone', async () => {
    rig = await startRig({ fleets: fleetsOf({ v1: naming('v1') }) })
    expect(await index()).toEqual([200, [ready, missing]])
    expect(await index('{}')).toEqual([200, [ready, missing]])
    expect(await index('{"ready":false}')).toEqual([200, [ready, missing]])
    expect(await index('{"ready":true}')).toEqual([200, [ready]])
  })

  test('leaves out what does not speak the protocol', async () => {
    rig = await startRig({ spec: endpoint({ protocol: 'http' }) })
    expect(await index()).toEqual([200, []])
  })

  test.each(['[]', 'null', '"x"', '{"ready":1}', '{'])('is not given for %s', async body => {
    rig = await startRig()
    const error = 'the body must be a JSON object, with "ready" true, false or left out'
    expect(await index(body)).toEqual([400, { error }])
  })

  test('is asked for in few bytes', async () => {
    rig = await startRig()
    expect((await index(`{"x":"${'x'.repeat(4_096)}"}`))[0]).toBe(413)
  })
})

describe('what model servers have beside inference', () => {
  test.each([['infer'], ['infer_stream'], ['generate'], ['generate_stream']])(
    '%s goes to the chosen version as it came, and is recorded',
    async verb => {
      const asked: BackendRequest[] = []
      const answering = instance(request => {
        asked.push(request)
        return { status: 200, headers: ['content-type', 'text/event-stream'], body: Buffer.from('data: {}\n\n') }
      })
      rig = await startRig({ fleets: fleetsOf({ v1: naming('v1'), v2: answering }) })
      const path = `/v2/models/digits/versions/v2/${verb}?x=1`
      const { status, text, headers } = await ask(rig.port, { path, body: '{"text_input":"a"}' })
      expect([status, text, headers['content-type'], headers['x-cutover-version']]).toEqual([
        200,
        'data: {}\n\n',
        'text/event-stream',
        'v2',
      ])
      expect(asked.map(one => [one.path, String(one.body)])).toEqual([
        [`/v2/models/digits/${verb}?x=1`, '{"text_input":"a"}'],
      ])
      expect((await rig.recorder.recorded(1))[0]).toMatchObject({ version: 'v2', status: 200 })
    },
  )
})

test('a sequence stays on its version, whose id is a number of 64 bits or a text', async () => {
  const unit = { from: 'body', pointer: '/parameters/sequence_id' } as const
  rig = await startRig({ spec: endpoint({ unit }), table: split({ v1: 500_000, v2: 500_000 }) })
  const ids = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? `90071992547409${80 + at}` : `"s${at}"`))
  const bodies = ids.map(id => `{"parameters":{"sequence_id":${id}},"inputs":[]}`)
  for (const body of [...bodies, ...bodies]) await ask(rig.port, { path: '/v2/models/digits/infer', body })
  const records = await rig.recorder.recorded(40)
  const versions = records.map(({ version }) => version)
  expect(versions.slice(20)).toEqual(versions.slice(0, 20))
  expect(new Set(versions).size).toBe(2)
  expect(new Set(records.map(record => record.unit)).size).toBe(20)
})

describe('a model', () => {
  test('is described by an instance that knows it, in the name of the endpoint', async () => {
    const knowing = instance(() => Promise.reject(new Error('not to be asked')), { metadata: described })
    rig = await startRig({ fleets: fleetsOf({ v1: knowing }) })
    expect(await get('/v2/models/digits')).toEqual([200, { ...digits, ...described }])
    expect(await get('/v2/models/digits/versions/v1')).toEqual([200, { ...digits, ...described }])
  })

  test('is described by its server where the instance does not know', async () => {
    const asked: BackendRequest[] = []
    const body = Buffer.from(JSON.stringify({ name: 'inner', versions: ['7'], ...described, extra: 1 }))
    const server = instance(request => {
      asked.push(request)
      return { status: 200, headers: [], body }
    })
    rig = await startRig({ fleets: fleetsOf({ v1: server }) })
    expect(await get('/v2/models/digits')).toEqual([200, { ...digits, ...described }])
    expect(asked.map(({ method, path }) => [method, path])).toEqual([['GET', '/v2/models/digits']])
    expect(rig.recorder.records).toEqual([])
  })

  const poor: readonly [string, BackendResponse, string][] = [
    ['404', { status: 404, headers: [], body: Buffer.from('{}') }, 'with the status 404'],
    ['no JSON', { status: 200, headers: [], body: Buffer.from('<html>') }, 'with something that is not a JSON object'],
    ['null', { status: 200, headers: [], body: Buffer.from('null') }, 'with something that is not a JSON object'],
  ]
  test.each(poor)('whose server answers %s is a 502', async (_name, answer, how) => {
    rig = await startRig({ fleets: fleetsOf({ v1: instance(() => answer) }) })
    const error = `the model server answered GET /v2/models/digits ${how}`
    expect(await get('/v2/models/digits')).toEqual([502, { error }])
  })

  test('is ready if its stable version is; a version by itself', async () => {
    rig = await startRig({ fleets: fleetsOf({ v1: naming('v1') }) })
    expect(await get('/v2/models/digits/ready')).toEqual([200, { name: 'digits', ready: true }])
    expect(await get('/v2/models/digits/versions/v1/ready')).toEqual([200, { name: 'digits', ready: true }])
    expect((await get('/v2/models/digits/versions/v2/ready'))[0]).toBe(503)
    expect((await get('/v2/models/digits/versions/v2'))[0]).toBe(503)
  })

  test.each([
    ['/v2/models/letters', 'there is no endpoint letters; there are digits'],
    ['/v2/models/letters/ready', 'there is no endpoint letters; there are digits'],
    ['/v2/models/__proto__', 'there is no endpoint __proto__; there are digits'],
    ['/v2/models/%64igits', 'there is no endpoint %64igits; there are digits'],
    ['/v2/models/digits/versions/v9', 'endpoint digits has no version v9; it has v1, v2'],
    ['/v2/models/digits/versions/constructor/ready', 'endpoint digits has no version constructor; it has v1, v2'],
  ])('%s does not exist', async (path, error) => {
    rig = await startRig()
    expect(await get(path)).toEqual([404, { error }])
  })

  test('that does not speak the protocol says where it is', async () => {
    rig = await startRig({ spec: endpoint({ protocol: 'http' }) })
    const error = 'endpoint digits does not speak the Open Inference Protocol; call /endpoints/digits/{path}'
    expect(await get('/v2/models/digits')).toEqual([404, { error }])
  })
})

test.each([
  ['/v2/model'],
  ['/v2//'],
  ['/v2/health'],
  ['/v2/models'],
  ['/v2/models/'],
  ['/v2/models/digits/'],
  ['/v2/models/digits/metadata'],
  ['/v2/models/digits/versions'],
  ['/v2/models/digits/versions/'],
  ['/v2/models/digits/infer/x'],
  ['/v2/models/digits/stats'],
  ['/v2/repository/models/digits/load'],
  ['/v2/models/digits/versions/v1/infer/x'],
  ['/v2/health/ready/'],
])('%s is nothing', async path => {
  rig = await startRig()
  const [status, body] = await get(path)
  expect([status, Object.keys(body as object)]).toEqual([404, ['error']])
})

test.each([
  ['POST', '/v2', 'GET, HEAD'],
  ['POST', '/v2/health/live', 'GET, HEAD'],
  ['DELETE', '/v2/models/digits', 'GET, HEAD'],
  ['GET', '/v2/models/digits/infer', 'POST'],
  ['GET', '/v2/models/digits/generate_stream', 'POST'],
  ['GET', '/v2/repository/index', 'POST'],
])('%s %s is refused with what is allowed', async (method, path, allow) => {
  rig = await startRig()
  const reply = await ask(rig.port, { method, path })
  expect([reply.status, reply.headers.allow]).toEqual([405, allow])
})

test('HEAD is answered wherever GET is', async () => {
  rig = await startRig()
  const head = await ask(rig.port, { method: 'HEAD', path: '/v2' })
  const { text } = await ask(rig.port, { path: '/v2' })
  expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(text.length)])
})

describe('an answer with binary tensors', () => {
  const json = Buffer.from(
    JSON.stringify({ outputs: [{ name: 'y', datatype: 'INT64', shape: [1], parameters: { binary_data_size: 8 } }] }),
  )
  const body = Buffer.concat([json, new Uint8Array(BigInt64Array.from([9_007_199_254_740_993n]).buffer)])
  const length = ['Inference-Header-Content-Length', String(json.length)]

  test.each([
    ['plain', body, []],
    ['packed', gzipSync(body), ['Content-Encoding', 'gzip']],
  ])('is passed on as it is and recorded with its value (%s)', async (_, sent, encoding) => {
    const headers = ['Content-Type', 'application/octet-stream', ...length, ...encoding]
    const v1 = instance(() => ({ status: 200, headers, body: sent }))
    const spec = endpoint({ answer: { output: 'y', read: 'value' } })
    rig = await startRig({ fleets: fleetsOf({ v1 }), spec })
    const answer = await ask(rig.port, { method: 'POST', path: '/v2/models/digits/infer', body: '{}' })
    expect(answer.raw).toEqual(Buffer.from(sent))
    const [record] = await rig.recorder.recorded(1)
    expect(answerOf(record)).toEqual(['9007199254740993'])
  })
})
