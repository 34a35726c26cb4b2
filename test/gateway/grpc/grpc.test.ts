/** The gRPC service on a real socket, called by grpc-js with the specification's own definition. */
import { type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import type { BackendRequest } from '../../../src/adapters/deployer/by-promise.ts'
import { CutoverError } from '../../../src/core/errors.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import { echoing, headerOf } from '../../support/echo-server.ts'
import { endpoint, fleetsOf, instance, naming, type Rig, sole, split, startRig } from '../../support/gateway-rig.ts'
import { type GrpcCaller, grpcCaller, inferRequest, type TestTensor } from '../../support/grpc-caller.ts'
import { ask } from '../../support/http-caller.ts'

const code = {
  cancelled: 1,
  invalid: 3,
  deadline: 4,
  notFound: 5,
  denied: 7,
  exhausted: 8,
  internal: 13,
  unavailable: 14,
} as const

let rig: Rig
let caller: GrpcCaller
let grpcPort: number
afterEach(async () => {
  caller.close()
  await rig.close()
})

async function start(setup: Parameters<typeof startRig>[0] = {}): Promise<void> {
  rig = await startRig(setup)
  grpcPort = (await rig.gateway.listenGrpc({ host: '127.0.0.1', port: 0 })).port
  caller = grpcCaller(grpcPort)
}

/** What the model servers were asked, without the questions for their extensions. */
function inferences(asked: readonly BackendRequest[]): BackendRequest[] {
  return asked.filter(({ path }) => path !== '/v2')
}

function startEcho(extensions: readonly string[] | null, rest: Parameters<typeof startRig>[0] = {}) {
  const asked: BackendRequest[] = []
  return start({ fleets: fleetsOf({ v1: instance(echoing(extensions, asked)) }), ...rest }).then(() => asked)
}

const floats: TestTensor = { datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [0.5, -2] } }

describe('the server', () => {
  test('is live however unready it is, and ready once all is', async () => {
    let ready = false
    await start({ options: { isReady: () => ready } })
    const of = async (method: string) => (await caller.call(method)).message
    expect([await of('ServerLive'), await of('ServerReady')]).toEqual([{ live: true }, { ready: false }])
    ready = true
    expect(await of('ServerReady')).toEqual({ ready: true })
  })

  test('tells the same of itself as over REST', async () => {
    await start()
    expect((await caller.call('ServerMetadata')).message).toEqual((await ask(rig.port, { path: '/v2' })).json())
  })

  test('answers the health check of gRPC, and knows no other service', async () => {
    let ready = true
    await start({ options: { isReady: () => ready } })
    const health = grpcCaller(grpcPort, { service: 'grpc.health.v1.Health' })
    const check = async (service: string) => (await health.call('Check', { service })).message
    expect(await check('')).toEqual({ status: 'SERVING' })
    ready = false
    expect(await check('inference.GRPCInferenceService')).toEqual({ status: 'NOT_SERVING' })
    expect((await health.failure('Check', { service: 'other' })).code).toBe(code.notFound)
    health.close()
  })
})

describe('a model', () => {
  const described = {
    platform: 'onnx',
    inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 64] }],
    outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }],
  }

  test('is described with its tensors and the endpoint’s versions', async () => {
    const knowing = instance(() => Promise.reject(new Error('not to be asked')), { metadata: described })
    await start({ fleets: fleetsOf({ v1: knowing }) })
    expect((await caller.call('ModelMetadata', { name: 'digits' })).message).toEqual({
      name: 'digits',
      versions: ['v1', 'v2'],
      platform: 'onnx',
      inputs: [{ name: 'image', datatype: 'FP32', shape: ['-1', '64'] }],
      outputs: [{ name: 'label', datatype: 'INT64', shape: ['-1'] }],
    })
  })

  test('is ready by version; one that is not known is not found', async () => {
    await start({ fleets: fleetsOf({ v1: naming('v1') }) })
    const ready = async (version: string) => (await caller.call('ModelReady', { name: 'digits', version })).message
    expect([await ready(''), await ready('v1'), await ready('v2')]).toEqual([
      { ready: true },
      { ready: true },
      { ready: false },
    ])
    const unknown = await caller.failure('ModelReady', { name: 'digits', version: 'v9' })
    expect(unknown).toMatchObject({ code: code.notFound, details: 'endpoint digits has no version v9; it has v1, v2' })
  })
})

describe('typed contents', () => {
  const cases: readonly [string, (number | string)[], Record<string, readonly unknown[]>][] = [
    ['BOOL', [2], { bool_contents: [true, false] }],
    ['INT8', [2], { int_contents: [-128, 127] }],
    ['INT16', [2], { int_contents: [-32768, 32767] }],
    ['INT32', [2, 1], { int_contents: [-2147483648, 2147483647] }],
    ['INT64', [3], { int64_contents: ['-9223372036854775808', '9007199254740993', '9223372036854775807'] }],
    ['UINT8', [2], { uint_contents: [0, 255] }],
    ['UINT16', [1], { uint_contents: [65535] }],
    ['UINT32', [1], { uint_contents: [4294967295] }],
    ['UINT64', [2], { uint64_contents: ['18446744073709551615', '9007199254740993'] }],
    ['FP32', [1, 2], { fp32_contents: [0.5, -3.5] }],
    ['FP64', [2], { fp64_contents: [0.1, -1e300] }],
    ['BYTES', [2], { bytes_contents: [Buffer.from('é'), Buffer.from('')] }],
    ['FP32', [0], {}],
  ]
  test.each(cases)('of %s %j reach the model as JSON and come back typed', async (datatype, shape, contents) => {
    const asked = await startEcho(null)
    const { message } = await caller.call('ModelInfer', inferRequest([{ datatype, shape, contents }], { id: '7' }))
    expect(message).toMatchObject({ model_name: 'digits', model_version: 'v1', id: '7', raw_output_contents: [] })
    const [output] = message['outputs'] as Record<string, unknown>[]
    expect(output).toMatchObject({ name: 'in0', datatype, shape: shape.map(String), contents })
    expect(inferences(asked).map(one => [one.path, headerOf(one, 'content-type')])).toEqual([
      ['/v2/models/digits/infer', 'application/json'],
    ])
  })

  test('that JSON cannot say go as bytes where the server takes these, and are refused elsewhere', async () => {
    const noText = { datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from([0xff, 0])] } }
    const asked = await startEcho(['binary_tensor_data'])
    const { message } = await caller.call('ModelInfer', inferRequest([noText, floats]))
    expect(message['outputs']).toMatchObject([{ contents: noText.contents }, { contents: floats.contents }])
    expect(inferences(asked).map(one => headerOf(one, 'content-type'))).toEqual(['application/octet-stream'])
    caller.close()
    await rig.close()
    await startEcho([])
    const refused = await caller.failure('ModelInfer', inferRequest([noText]))
    expect(refused.code).toBe(code.invalid)
    expect(refused.details).toMatch(/input "in0" holds bytes that are no text in UTF-8/)
  })
})

describe('raw contents', () => {
  const half = Buffer.from([0x00, 0x3c, 0x00, 0xc0])
  const raw = (datatype: string, ...contents: Buffer[]) =>
    inferRequest(
      contents.map(() => ({ datatype, shape: [2] })),
      { raw_input_contents: contents },
    )

  test.each(['FP16', 'BF16', 'INT16'])(
    'of %s go and come back as bytes where the server says it takes them',
    async datatype => {
      const asked = await startEcho(['binary_tensor_data'])
      const { message } = await caller.call('ModelInfer', raw(datatype, half, half))
      expect(message).toMatchObject({ raw_output_contents: [half, half] })
      expect(message['outputs']).toMatchObject([{ datatype, contents: null }, { datatype }])
      const [sent] = inferences(asked)
      const json = Number(sent === undefined ? null : headerOf(sent, 'inference-header-content-length'))
      const body = Buffer.from(sent?.body as Uint8Array)
      expect(JSON.parse(body.subarray(0, json).toString())).toMatchObject({
        parameters: { binary_data_output: true },
        inputs: [{ datatype, parameters: { binary_data_size: 4 } }, { datatype }],
      })
      expect(body.subarray(json)).toEqual(Buffer.concat([half, half]))
    },
  )

  test('go as JSON elsewhere, and come back raw', async () => {
    const asked = await startEcho(null)
    const { message } = await caller.call('ModelInfer', raw('INT16', half))
    expect(message['raw_output_contents']).toEqual([half])
    expect(inferences(asked).map(one => headerOf(one, 'content-type'))).toEqual(['application/json'])
    const refused = await caller.failure('ModelInfer', raw('FP16', half))
    expect([refused.code, refused.details]).toEqual([
      code.invalid,
      'input "in0" is FP16, which has no JSON form, and not every version here takes tensors as bytes',
    ])
  })

  test('go as JSON as long as one version with traffic takes no bytes; a pinned version is asked alone', async () => {
    const asked: BackendRequest[] = []
    const able = instance(echoing(['binary_tensor_data'], asked), { id: 'able' })
    const unable = instance(echoing([], asked), { id: 'unable' })
    await start({ fleets: fleetsOf({ v1: able, v2: unable }), table: split({ v1: 500_000, v2: 500_000 }) })
    await caller.call('ModelInfer', raw('INT16', half))
    await caller.call('ModelInfer', { ...raw('INT16', half), model_version: 'v1' })
    await caller.call('ModelInfer', raw('INT16', half), { fields: { 'x-cutover-version': 'v1' } })
    const types = inferences(asked).map(one => headerOf(one, 'content-type'))
    expect(types).toEqual(['application/json', 'application/octet-stream', 'application/octet-stream'])
  })

  test('go as JSON where a rule may send them to a version that takes no bytes', async () => {
    const asked: BackendRequest[] = []
    const versions = {
      v1: instance(echoing(['binary_tensor_data'], asked), { id: 'able' }),
      v2: instance(echoing([], asked), { id: 'unable' }),
    }
    const spec = endpoint({ rules: [{ header: 'x-beta', equals: '1', version: 'v2' }] })
    await start({ fleets: fleetsOf(versions), spec })
    const { message } = await caller.call('ModelInfer', raw('INT16', half), { fields: { 'x-beta': '1' } })
    expect(message['model_version']).toBe('v2')
    expect(inferences(asked).map(one => headerOf(one, 'content-type'))).toEqual(['application/json'])
  })

  test('a server is asked once for what it takes', async () => {
    const asked = await startEcho(['binary_tensor_data'])
    for (let call = 0; call < 3; call += 1) await caller.call('ModelInfer', raw('INT16', half))
    expect(asked.filter(({ path }) => path === '/v2')).toHaveLength(1)
  })
})

describe('a call', () => {
  test('has its metadata as fields, without bytes and without what is the call’s own', async () => {
    const asked = await startEcho(null)
    const fields = {
      'x-team': 'blue',
      'x-cutover-unit': 'ann',
      'trace-bin': Buffer.from('x') as unknown as string,
      'accept-encoding': 'gzip',
    }
    await caller.call('ModelInfer', inferRequest([floats]), { fields })
    const [sent] = inferences(asked)
    const of = (name: string) => (sent === undefined ? undefined : headerOf(sent, name))
    expect([of('x-team'), of('trace-bin'), of('accept-encoding'), of('te'), of('x-cutover-unit')]).toEqual([
      'blue',
      null,
      null,
      null,
      null,
    ])
    expect([of('via'), of('x-forwarded-for')]).toEqual(['2 cutover', '127.0.0.1'])
  })

  test('is recorded with unit, id and version, and told these', async () => {
    await startEcho(null)
    const fields = { 'x-cutover-unit': 'ann', 'x-cutover-prediction-id': 'p-1' }
    const { head } = await caller.call('ModelInfer', inferRequest([floats]), { fields })
    expect(head).toMatchObject({
      'x-cutover-prediction-id': 'p-1',
      'x-cutover-version': 'v1',
      'x-cutover-endpoint': 'digits',
    })
    const [record] = await rig.recorder.recorded(1)
    expect(record).toMatchObject({ id: 'p-1', unit: 'ann', version: 'v1', status: 200, failed: false })
  })

  test('has the same unit, and so the same version, as over REST', async () => {
    const unit = { from: 'body', pointer: '/parameters/sequence_id' } as const
    const versions = { v1: instance(echoing(null), { id: 'v1' }), v2: instance(echoing(null), { id: 'v2' }) }
    await start({ fleets: fleetsOf(versions), spec: endpoint({ unit }), table: split({ v1: 500_000, v2: 500_000 }) })
    const sequences = ['9007199254740993', '9007199254740992', '3', '4', '5', '6']
    for (const id of sequences) {
      const parameters = { sequence_id: { int64_param: id } }
      await caller.call('ModelInfer', inferRequest([floats], { parameters }))
      const body = `{"parameters":{"sequence_id":${id}},"inputs":[]}`
      await ask(rig.port, { path: '/v2/models/digits/infer', body })
    }
    const records = await rig.recorder.recorded(2 * sequences.length)
    const told = records.map(({ unit: of, version }) => `${of} ${version}`)
    expect(told.filter((_, at) => at % 2 === 0)).toEqual(told.filter((_, at) => at % 2 === 1))
    expect(records.map(({ unit: of }) => of)).toEqual(sequences.flatMap(id => [id, id]))
    expect(new Set(records.map(({ version }) => version)).size).toBe(2)
  })

  test('may name a version in the message', async () => {
    const versions = { v1: naming('v1'), v2: instance(echoing(null), { id: 'v2' }) }
    await start({ fleets: fleetsOf(versions) })
    const { message, head } = await caller.call('ModelInfer', inferRequest([floats], { model_version: 'v2' }))
    expect([message['model_version'], head['x-cutover-version']]).toEqual(['v2', 'v2'])
  })

  test('is made again where the model server was not reached', async () => {
    let calls = 0
    const failing = instance(request => {
      calls += 1
      if (calls === 1) throw new CutoverError('backend-unreachable', 'not there')
      return echoing(null)(request)
    })
    await start({ fleets: fleetsOf({ v1: failing }) })
    const { message } = await caller.call('ModelInfer', inferRequest([floats]))
    expect([calls, message['model_version']]).toEqual([2, 'v1'])
  })

  test('that its caller gives up is given up at the model server', async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>()
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
    const silent = instance(
      request =>
        new Promise(() => {
          arrive()
          request.signal.addEventListener('abort', () => resolve())
        }),
    )
    await start({ fleets: fleetsOf({ v1: silent }) })
    const client = caller.client as unknown as Record<string, (request: object, done: () => void) => { cancel(): void }>
    const call = client['ModelInfer']?.(inferRequest([floats]), () => {})
    await arrived
    call?.cancel()
    await cancelled
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ status: 0, failed: false })
  })

  test('tells the model server how long its caller waits', async () => {
    const asked = await startEcho(null)
    await caller.call('ModelInfer', inferRequest([floats]), { deadline: Date.now() + 20_000 })
    const [sent] = inferences(asked)
    const ms = Number(sent === undefined ? null : headerOf(sent, 'x-request-timeout-ms'))
    expect(ms).toBeGreaterThan(10_000)
    expect(ms).toBeLessThanOrEqual(20_000)
  })

  test('ends with its deadline', async () => {
    await start({ fleets: fleetsOf({ v1: instance(() => new Promise(() => {})) }) })
    const late = await caller.failure('ModelInfer', inferRequest([floats]), { deadline: Date.now() + 100 })
    expect(late.code).toBe(code.deadline)
  })
})

describe('a failure has a status and a sentence', () => {
  const answering = (status: number, text: string): Instance =>
    instance(() => ({ status, headers: ['content-type', 'application/json'], body: Buffer.from(text) }))
  const failing = (error: CutoverError): Instance => instance(() => Promise.reject(error))
  const lost = (name: 'backend-failed' | 'backend-timeout' | 'overloaded') =>
    failing(new CutoverError(name, 'the model is gone'))
  const cases: readonly [string, Instance | null, object, number, RegExp | string][] = [
    [
      'an endpoint that is not there',
      null,
      { model_name: 'letters' },
      code.notFound,
      'there is no endpoint letters; there are digits',
    ],
    [
      'a name that would be a path',
      null,
      { model_name: 'digits/versions/v1' },
      code.notFound,
      /no endpoint digits%2Fversions%2Fv1/,
    ],
    ['no name', null, { model_name: '' }, code.invalid, /name of the model is empty/],
    ['a version that is not there', null, { model_version: 'v9' }, code.notFound, /has no version v9/],
    [
      'no ready instance',
      null,
      { model_version: 'v2' },
      code.unavailable,
      /version v2 of endpoint digits has no ready/,
    ],
    ['what the model refuses', answering(400, '{"error":"shape is wrong"}'), {}, code.invalid, 'shape is wrong'],
    ['what the model fails at', answering(500, '{"error":"out of memory"}'), {}, code.internal, 'out of memory'],
    [
      'a status without a sentence',
      answering(429, 'slow down'),
      {},
      code.exhausted,
      'the model server answered with the status 429',
    ],
    ['a redirection', answering(302, ''), {}, code.internal, /the status 302/],
    ['a model server that breaks off', lost('backend-failed'), {}, code.unavailable, 'the model is gone'],
    ['a model server that is late', lost('backend-timeout'), {}, code.deadline, 'the model is gone'],
    [
      'an answer that is no inference',
      answering(200, '{"y":1}'),
      {},
      code.internal,
      'the model server answered without "outputs"',
    ],
  ]
  test.each(cases)('%s', async (_name, model, parts, status, details) => {
    await start({ fleets: fleetsOf(model === null ? { v1: naming('v1') } : { v1: model }) })
    const failure = await caller.failure('ModelInfer', inferRequest([floats], parts))
    expect(failure.code).toBe(status)
    expect(failure.details).toMatch(details)
  })

  test('a pin that the endpoint does not allow', async () => {
    await start({ spec: endpoint({ allowPin: false }) })
    const failure = await caller.failure('ModelInfer', inferRequest([floats], { model_version: 'v1' }))
    expect(failure.code).toBe(code.denied)
  })

  test('a message that is longer than bodies may be', async () => {
    await startEcho(null, { spec: endpoint({ bodyBytesMax: 1_000 }) })
    const long = { datatype: 'FP32', shape: [400], contents: { fp32_contents: Array(400).fill(1) } }
    const failure = await caller.failure('ModelInfer', inferRequest([long]))
    expect(failure.code).toBe(code.exhausted)
    const raw = inferRequest([{ datatype: 'FP32', shape: [400] }], { raw_input_contents: [Buffer.alloc(1_600)] })
    expect((await caller.failure('ModelInfer', raw)).code).toBe(code.exhausted)
  })

  test('comes with the version that failed, and counts as its failure', async () => {
    await start({ fleets: fleetsOf({ v1: answering(200, '{"y":1}') }) })
    const failure = await caller.failure('ModelInfer', inferRequest([floats]))
    expect(failure.code).toBe(code.internal)
    expect((await rig.recorder.recorded(1))[0]).toMatchObject({ version: 'v1', failed: true })
  })
})

describe('a stream', () => {
  type Answer = { error_message: string; infer_response: { id: string; model_version: string } | null }
  type Stream = AsyncIterable<Answer> & { write(message: object): void; end(): void }

  async function streamed(messages: readonly object[]): Promise<Answer[]> {
    const metadata = new Metadata()
    metadata.set('x-cutover-prediction-id', 'one-for-all')
    const stream = (caller.client as unknown as { ModelStreamInfer(metadata: Metadata): Stream }).ModelStreamInfer(
      metadata,
    )
    for (const message of messages) stream.write(message)
    stream.end()
    const answers: Answer[] = []
    for await (const answer of stream) answers.push(answer)
    return answers
  }

  test('answers each message, in order, and goes on after one that fails', async () => {
    await startEcho(null)
    const wrong = inferRequest([{ datatype: 'FP32', shape: [9] }], { id: '2' })
    const answers = await streamed([inferRequest([floats], { id: '1' }), wrong, inferRequest([floats], { id: '3' })])
    expect(answers.map(one => one.infer_response?.id)).toEqual(['1', '2', '3'])
    expect(answers.map(one => one.error_message)).toEqual(['', expect.stringMatching(/has 0 elements/), ''])
    expect(new Set((await rig.recorder.recorded(2)).map(({ id }) => id)).size).toBe(2)
  })
})

describe('the end of the server', () => {
  /** Answers once it is let. */
  const holdingInstance = () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
    const holding = instance(async request => {
      arrive()
      await held
      return echoing(null)(request)
    })
    return { holding, arrived, release }
  }

  test('waits for a call under way', async () => {
    const { holding, arrived, release } = holdingInstance()
    await start({ fleets: fleetsOf({ v1: holding }), table: sole() })
    const answer = caller.call('ModelInfer', inferRequest([floats]))
    await arrived
    const closed = rig.gateway.close({ drainMs: 10_000 })
    release()
    expect((await answer).message['model_version']).toBe('v1')
    await closed
  })

  test('tells what takes longer that it ends, and gives up what was asked for it', async () => {
    await start({ fleets: fleetsOf({ v1: instance(() => new Promise(() => {})) }) })
    const failure = caller.failure('ModelInfer', inferRequest([floats]))
    while (rig.gateway.stats().inFlight.every(({ count }) => count === 0)) await new Promise(setImmediate)
    await rig.gateway.close({ drainMs: 0 })
    expect(await failure).toMatchObject({ code: code.unavailable, details: 'the server is shutting down' })
    expect((await rig.recorder.recorded(1)).map(({ status, failed }) => ({ status, failed }))).toEqual([
      { status: 0, failed: false },
    ])
  })

  test('waits for no stream between two messages, and answers the one that it has', async () => {
    const { holding, arrived, release } = holdingInstance()
    await start({ fleets: fleetsOf({ v1: holding }), table: sole() })
    const [idle, busy] = [listening(), listening()]
    busy.stream.write(inferRequest([floats], { id: '1' }))
    await arrived
    const closed = rig.gateway.close({ drainMs: 10_000 })
    expect(await idle.ended).toEqual({ ids: [], code: code.unavailable })
    release()
    expect(await busy.ended).toEqual({ ids: ['1'], code: code.unavailable })
    await closed
  })

  /** A stream that its caller leaves open, and what it ends with. */
  function listening() {
    const { ModelStreamInfer: open } = caller.client as unknown as {
      ModelStreamInfer(): ClientDuplexStream<object, Told>
    }
    const stream = open.call(caller.client)
    const ids: string[] = []
    const ended = new Promise(resolve => {
      stream.on('data', told => ids.push(told.infer_response.id))
      stream.on('error', error => resolve({ ids, code: (error as ServiceError).code }))
    })
    return { stream, ended }
  }
  type Told = { infer_response: { id: string } }

  test('a port that is taken is told', async () => {
    await start()
    await expect(rig.gateway.listenGrpc({ host: '127.0.0.1', port: rig.port })).rejects.toMatchObject({
      code: 'port-in-use',
    })
  })
})
