/** Paths of TensorFlow Serving, KServe v1, MLflow and SageMaker, in front of servers that speak as those do. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Weights } from '../../src/core/traffic.ts'
import { parseModelPath } from '../../src/gateway/protocols/tensorflow-serving.ts'
import { answerOf, type Rig } from '../support/gateway-rig.ts'
import { type Provider, sendJson, specFrom, startBefore, startProvider, tableOf } from '../support/providers.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function provider(answer: Parameters<typeof startProvider>[0]): Promise<Provider> {
  const started = await startProvider(answer)
  open.push(started)
  return started
}

async function gateway(document: object, weights?: Weights): Promise<Rig> {
  const rig = await startBefore(specFrom({ name: 'flowers', ...document }), tableOf('flowers', weights))
  open.push(rig)
  return rig
}

const ready = { ready: { path: '/models' } }

async function ask(rig: Rig, path: string, init: RequestInit = {}) {
  const response = await fetch(`http://127.0.0.1:${rig.port}${path}`, init)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const post = (body: string, type = 'application/json') => ({ method: 'POST', body, headers: { 'content-type': type } })

describe('paths of TensorFlow Serving', () => {
  test.each([
    ['/v1/models/m:predict', { endpoint: 'm', version: null, label: null, verb: 'predict' }],
    ['/v1/models/m/versions/3:classify', { endpoint: 'm', version: '3', label: null, verb: 'classify' }],
    ['/v1/models/m/labels/stable:regress', { endpoint: 'm', version: null, label: 'stable', verb: 'regress' }],
    ['/v1/models/m.x-1:explain', { endpoint: 'm.x-1', version: null, label: null, verb: 'explain' }],
    ['/v1/models/m', { endpoint: 'm', version: null, label: null, verb: 'status' }],
    ['/v1/models/m/versions/3', { endpoint: 'm', version: '3', label: null, verb: 'status' }],
    ['/v1/models/m/versions/3/metadata', { endpoint: 'm', version: '3', label: null, verb: 'metadata' }],
    ['/v1/models/m:train', null],
    ['/v1/models/', null],
    ['/v1/models/m/versions/:predict', null],
    ['/v1/models/m/other/x:predict', null],
    ['/v1/models/m:predict/more', null],
  ])('%s is %j', (path, expected) => {
    expect(parseModelPath(path)).toEqual(expected)
  })
})

describe('TensorFlow Serving and KServe v1', () => {
  const scores = '{"predictions": [[0.1, 0.9], [0.7, 0.3]]}'
  const prediction = { output: '/predictions', read: 'argmax' }

  async function two(weights?: Weights) {
    const [first, second] = [await provider((_, res) => sendJson(res, scores)), await provider(predictNan)]
    const versions = { v1: { url: first.url, ...ready }, v2: { url: second.url, ...ready } }
    const rig = await gateway({ protocol: 'tensorflow-serving', prediction, versions }, weights)
    return { rig, first, second }
  }

  const predictNan: Parameters<typeof startProvider>[0] = (_, res) => sendJson(res, '{"predictions": [[NaN, 1.0]]}')

  test('predicts; the answer’s rows are read where the endpoint says', async () => {
    const { rig, first } = await two()
    const { status, text, headers } = await ask(rig, '/v1/models/flowers:predict', post('{"instances": [[1], [2]]}'))
    expect([status, text, headers.get('x-cutover-version')]).toEqual([200, scores, 'v1'])
    expect(first.met[0]).toMatchObject({ path: '/v1/models/flowers:predict', text: '{"instances": [[1], [2]]}' })
    expect(answerOf((await rig.recorder.recorded(1))[0])).toEqual([1, 0])
  })

  test('numbers that JSON does not have pass both ways', async () => {
    const { rig, second } = await two({ v1: 0, v2: 1_000_000 })
    const sent = '{"instances": [[NaN, Infinity, -Infinity]]}'
    const { text } = await ask(rig, '/v1/models/flowers:predict', post(sent))
    expect([second.met[0]?.text, text]).toEqual([sent, '{"predictions": [[NaN, 1.0]]}'])
  })

  test('versions and labels choose; the labels follow the release', async () => {
    const { rig, first, second } = await two({ v1: 900_000, v2: 100_000 })
    for (const [place, met] of [
      ['/versions/v2', second],
      ['/labels/canary', second],
      ['/labels/stable', first],
    ] as const) {
      const before = met.met.length
      await ask(rig, `/v1/models/flowers${place}:predict`, post('{}'))
      expect([met.met.length, met.met.at(-1)?.path]).toEqual([before + 1, '/v1/models/flowers:predict'])
    }
    expect((await rig.recorder.recorded(3)).every(({ pinned }) => pinned)).toBe(true)
    expect((await ask(rig, '/v1/models/flowers/labels/best:predict', post('{}'))).status).toBe(404)
  })

  test('without a release nobody is the canary', async () => {
    const { rig } = await two()
    const { status, text } = await ask(rig, '/v1/models/flowers/labels/canary:predict', post('{}'))
    expect([status, JSON.parse(text)]).toEqual([404, { error: expect.stringContaining('no version canary') }])
  })

  test('status is told in both dialects, and metadata by the model server', async () => {
    const { rig, first } = await two()
    rig.fleets.set('v2', [], 'flowers')
    const told = JSON.parse((await ask(rig, '/v1/models/flowers')).text)
    expect(told).toMatchObject({ name: 'flowers', ready: true })
    expect(told.model_version_status).toMatchObject([
      { version: 'v1', state: 'AVAILABLE' },
      { version: 'v2', state: 'END' },
    ])
    expect((await ask(rig, '/v1/models/flowers/metadata')).text).toBe(scores)
    expect(first.met[0]).toMatchObject({ method: 'GET', path: '/v1/models/flowers/metadata' })
    expect(rig.recorder.records).toEqual([])
  })

  test.each([
    ['/v1/models/nothing:predict', 404, 'there is no endpoint nothing'],
    ['/v1/models/flowers/versions/v9:predict', 404, 'has no version v9'],
  ])('%s is refused with %i in its own dialect', async (path, status, message) => {
    const { rig } = await two()
    const answer = await ask(rig, path, post('{}'))
    expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { error: expect.stringContaining(message) }])
  })

  test('servers of any HTTP are called by these paths too, and answer as the endpoint says', async () => {
    const upstream = await provider((_, res) => sendJson(res, scores))
    const versions = { v1: { url: upstream.url, ...ready } }
    const rig = await gateway({ protocol: 'http', prediction, versions })
    expect((await ask(rig, '/v1/models/flowers:predict?x=1', post('{"instances": []}'))).text).toBe(scores)
    expect((await ask(rig, '/v1/models/flowers/versions/v1:predict', post('{}'))).status).toBe(200)
    expect(upstream.met.map(({ path }) => path)).toEqual([
      '/v1/models/flowers:predict?x=1',
      '/v1/models/flowers:predict',
    ])
    expect(answerOf((await rig.recorder.recorded(2))[0])).toEqual([1, 0])
    expect(JSON.parse((await ask(rig, '/v1/models/flowers')).text).error.code).toBe('model_not_found')
  })

  test('servers of another protocol are not called by these paths', async () => {
    const { url } = await provider((_, res) => sendJson(res, scores))
    const rig = await gateway({ protocol: 'openai', versions: { v1: { url } } })
    const { status, text } = await ask(rig, '/v1/models/flowers:predict', post('{}'))
    expect([status, JSON.parse(text).error]).toEqual([404, expect.stringContaining('it speaks openai')])
  })

  test('an endpoint of this protocol is no model of OpenAI’s', async () => {
    const { rig } = await two()
    expect(JSON.parse((await ask(rig, '/v1/models')).text)).toEqual({ object: 'list', data: [] })
    const { status, text } = await ask(rig, '/v1/chat/completions', post('{"model":"flowers"}'))
    expect([status, JSON.parse(text).error.code]).toEqual([404, 'model_not_found'])
    expect((await ask(rig, '/openai/v1/models/flowers')).status).toBe(404)
  })
})

describe('MLflow and SageMaker, by the path of the endpoint', () => {
  test('MLflow’s scoring server', async () => {
    const upstream = await provider((met, res) => {
      if (met.path === '/invocations') sendJson(res, '{"predictions": ["setosa"]}')
      else if (met.path === '/version') res.end('2.9.2')
      else sendJson(res, { error_code: 'BAD_REQUEST', message: 'no such type' }, 415)
    })
    const prediction = { output: '/predictions' }
    const rig = await gateway({ protocol: 'http', prediction, versions: { v1: { url: upstream.url, ...ready } } })
    const csv = 'sepal,petal\n5.1,1.4\n'
    const { status, text } = await ask(rig, '/endpoints/flowers/invocations', post(csv, 'text/csv'))
    expect([status, text]).toEqual([200, '{"predictions": ["setosa"]}'])
    expect(upstream.met[0]).toMatchObject({ text: csv, headers: { 'content-type': 'text/csv' } })
    expect(answerOf((await rig.recorder.recorded(1))[0])).toEqual(['setosa'])
    expect((await ask(rig, '/endpoints/flowers/version')).text).toBe('2.9.2')
  })

  test('SageMaker’s container, whose ping says that it is ready', async () => {
    const upstream = await provider((met, res) => {
      if (met.path === '/ping') res.end()
      else res.writeHead(200, { 'x-amzn-sagemaker-custom-attributes': 'trace=1' }).end(met.text)
    })
    const rig = await gateway({ protocol: 'http', versions: { v1: { url: upstream.url, ready: { path: '/ping' } } } })
    const headers = { 'x-amzn-sagemaker-custom-attributes': 'trace=1' }
    const init = { method: 'POST', body: 'opaque', headers }
    const { text, headers: answered } = await ask(rig, '/endpoints/flowers/invocations', init)
    expect([text, answered.get('x-amzn-sagemaker-custom-attributes')]).toEqual(['opaque', 'trace=1'])
    expect(upstream.met.at(-1)?.headers).toMatchObject(headers)
    expect((await ask(rig, '/endpoints/flowers/ping')).status).toBe(200)
  })
})
