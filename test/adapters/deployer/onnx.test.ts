import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import { FleetDeployer } from '../../../src/adapters/deployer/fleet-deployer.ts'
import { createOnnxDriver } from '../../../src/adapters/deployer/onnx/onnx-driver.ts'
import type { VersionSpec } from '../../../src/core/endpoint.ts'
import { limits } from '../../../src/core/limits.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import { deployerContract } from '../../contract/deployer.contract.ts'
import { identityModel, onnxModel } from '../../fixtures/onnx-model.ts'
import { send as ask } from '../../support/send.ts'
import { json, request, text } from './requests.ts'
import {
  closing,
  collectReports,
  type Finished,
  fastClock,
  pick,
  silentLogger,
  temporaryFile,
  temporaryFolder,
  until,
  version,
} from './support.ts'

const infer = '/v2/models/digits/infer'
const onnx = (name: string, model: Uint8Array, instances = 1, finished?: Finished) =>
  version(name, { kind: 'onnx', path: temporaryFile('model.onnx', model, finished) }, instances)

function inferBody(datatype: string, shape: number[], data: string, rest = ''): Buffer {
  return Buffer.from(
    `{"inputs":[{"name":"x","datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":${data}}]${rest}}`,
  )
}

const plainBody = inferBody('FP32', [1], '[1]')

function deployerOf(finished?: Finished) {
  const reports = collectReports()
  const options = { clock: fastClock(20), logger: silentLogger, report: reports.report }
  return { reports, deployer: closing(createDeployer(options), finished) }
}

async function serve(spec: VersionSpec, finished?: Finished): Promise<Instance> {
  const { deployer, reports } = deployerOf(finished)
  deployer.ensure({ endpoint: 'digits', version: spec, readyTimeoutMs: 600_000 })
  await reports.next('ready')
  return pick(deployer, 'v1')
}

deployerContract('onnx', async finished => ({
  create: report => createDeployer({ clock: fastClock(20), logger: silentLogger, report }),
  good: (name, instances) => onnx(name, identityModel('FP32'), instances, finished),
  bad: name => onnx(name, Buffer.from('not a model'), 1, finished),
  hold: (instance, signal = new AbortController().signal) => ({
    answer: ask(instance, request({ path: infer, body: plainBody, signal })),
    release: () => {},
  }),
}))

describe('an ONNX instance answers the Open Inference Protocol', () => {
  let instance: Instance
  const model = onnx('v1', identityModel('FP32'), 1, afterAll)

  beforeAll(async () => {
    instance = await serve(model, afterAll)
  })

  test('names model and version, and gives the id back', async () => {
    const answer = await ask(
      instance,
      request({ path: infer, body: inferBody('FP32', [2], '[1,0.5]', ',"id":"a\\"b"') }),
    )
    expect(answer.headers.slice(0, 2)).toEqual(['content-type', 'application/json'])
    expect(await json(answer)).toEqual({
      model_name: 'digits',
      model_version: 'v1',
      id: 'a"b',
      outputs: [{ name: 'y', datatype: 'FP32', shape: [2], data: [1, 0.5] }],
    })
  })

  test('every datatype goes through unchanged', async () => {
    const elements = {
      BOOL: '[true,false]',
      INT8: '[-128,127]',
      INT16: '[-32768]',
      INT32: '[-2147483648]',
      INT64: '[9007199254740993,-9223372036854775808]',
      UINT8: '[255]',
      UINT16: '[65535]',
      UINT32: '[4294967295]',
      UINT64: '[18446744073709551615]',
      FP32: '[0.5,1e+30,-3,-0.0]',
      FP64: '[0.1,1e+300,-0.0]',
      BYTES: '["a\\"b","ü"]',
    }
    const datatypes = Object.keys(elements) as (keyof typeof elements)[]
    const echo = await serve(
      onnx(
        'v1',
        onnxModel({
          nodes: datatypes.map(type => ({ op: 'Identity', inputs: [type], outputs: [`${type} out`] })),
          inputs: datatypes.map(type => ({ name: type, datatype: type, shape: ['N'] })),
          outputs: datatypes.map(type => ({ name: `${type} out`, datatype: type, shape: ['N'] })),
        }),
      ),
    )
    const tensor = (type: keyof typeof elements, suffix: string) =>
      `{"name":"${type}${suffix}","datatype":"${type}","shape":[${JSON.parse(elements[type]).length}],"data":${elements[type]}}`
    const inputs = datatypes.map(type => tensor(type, '')).join(',')
    const answer = await ask(echo, request({ path: infer, body: Buffer.from(`{"inputs":[${inputs}]}`) }))
    const outputs = datatypes.map(type => tensor(type, ' out')).join(',')
    // 1e30 is not an FP32: what comes back is its nearest neighbour.
    const expected = outputs.replace('1e+30', String(Math.fround(1e30)))
    expect(Buffer.from(await text(answer), 'latin1').toString()).toContain(`"outputs":[${expected}]}`)
  })

  test('metadata has protocol names and -1 for any size', async () => {
    const other = await serve(onnx('v1', identityModel('INT64', ['N', 3])))
    const tensor = { datatype: 'INT64', shape: [-1, 3] }
    expect(other.metadata()).toEqual({
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'x', ...tensor }],
      outputs: [{ name: 'y', ...tensor }],
      extensions: ['binary_tensor_data'],
    })
  })

  test.each([
    ['a fault in the request', { body: inferBody('FP64', [1], '[1]') }, 400, /input "x" has datatype "FP64"/],
    ['no body', { body: null }, 400, /not valid JSON/],
    ['another method', { method: 'GET', body: null }, 405, /takes POST, not GET/],
    [
      'a length of the JSON that is no number',
      { headers: ['Inference-Header-Content-Length', '-5'], body: plainBody },
      400,
      /is a number of bytes, not "-5"/,
    ],
    ['an unknown encoding', { headers: ['content-encoding', 'br'], body: plainBody }, 415, /use gzip, deflate or none/],
  ])('%s is an answer in the shape of the protocol, not a failure of the version', async (_, parts, status, error) => {
    const answer = await ask(instance, request({ path: infer, ...parts }))
    expect(answer.status).toBe(status)
    expect(await json(answer)).toEqual({ error: expect.stringMatching(error) })
  })

  test('a packed body is unpacked', async () => {
    const headers = ['Content-Encoding', 'gzip']
    expect((await ask(instance, request({ path: infer, headers, body: gzipSync(plainBody) }))).status).toBe(200)
  })

  test('the bytes of the request stay usable', async () => {
    const body = new Uint8Array(plainBody)
    await ask(instance, request({ path: infer, body }))
    expect(Buffer.from(body).equals(plainBody)).toBe(true)
  })

  test('a NaN in an output is a failure that names the tensor', async () => {
    const broken = onnxModel({
      nodes: [{ op: 'Sqrt', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['N'] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: ['N'] }],
    })
    const answer = await ask(
      await serve(onnx('v1', broken)),
      request({ path: infer, body: inferBody('FP32', [2], '[4,-1]') }),
    )
    expect(answer.status).toBe(500)
    expect(await json(answer)).toEqual({ error: 'output "y" has NaN as element 1, which JSON cannot carry' })
  })

  test('a model that fails on a request that fits answers 500', async () => {
    const broken = onnxModel({
      nodes: [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }],
      inputs: [
        { name: 'table', datatype: 'FP32', shape: [2] },
        { name: 'x', datatype: 'INT64', shape: ['N'] },
      ],
      outputs: [{ name: 'y', datatype: 'FP32', shape: ['N'] }],
    })
    const inputs = [
      { name: 'table', datatype: 'FP32', shape: [2], data: [1, 2] },
      { name: 'x', datatype: 'INT64', shape: [1], data: [7] },
    ]
    const answer = await ask(
      await serve(onnx('v1', broken)),
      request({ path: infer, body: Buffer.from(JSON.stringify({ inputs })) }),
    )
    expect(answer.status).toBe(500)
    expect(await json(answer)).toEqual({ error: expect.stringMatching(/^the model failed: .*out of/) })
  })

  test('a request that is given up while it waits is dropped, and the others are answered', async () => {
    const caller = new AbortController()
    const others = [1, 2, 3].map(() => ask(instance, request({ path: infer, body: plainBody })))
    const dropped = ask(instance, request({ path: infer, body: plainBody, signal: caller.signal }))
    // The first three fill the worker and the queue once their bodies are read, in the next turn.
    await Promise.resolve()
    caller.abort()
    await expect(dropped).rejects.toMatchObject({ code: 'client-closed' })
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(instance.inFlight).toBe(0)
  })

  test('more requests than may wait are refused', async () => {
    const send = () => ask(instance, request({ path: infer, body: plainBody }))
    const accepted = Array.from({ length: limits.instanceQueueMax }, send)
    await expect(send()).rejects.toMatchObject({ code: 'overloaded' })
    expect(new Set((await Promise.all(accepted)).map(({ status }) => status))).toEqual(new Set([200]))
  })

  test('a request that takes too long rejects with backend-timeout', async () => {
    const timeouts = { connectMs: 1, firstByteMs: 1, idleMs: 1 }
    const data = `[${'1,'.repeat(500_000)}1]`
    const sent = ask(instance, request({ path: infer, body: inferBody('FP32', [500_001], data), timeouts }))
    await expect(sent).rejects.toMatchObject({ code: 'backend-timeout' })
    await until(() => instance.inFlight === 0)
  })
})

describe('a model that cannot be served is refused before it is used', () => {
  const sequence = onnxModel({
    nodes: [{ op: 'SequenceConstruct', inputs: ['x'], outputs: ['y'] }],
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['N'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['N'], sequence: true }],
  })

  test.each([
    ['missing', () => '/nowhere/model.onnx', /\/nowhere\/model.onnx cannot be served: there is no such file/],
    ['a folder', () => temporaryFolder(), /it is not a file/],
    ['empty', () => temporaryFile('m.onnx', ''), /the file is empty/],
    ['corrupt', () => temporaryFile('m.onnx', 'not a model'), /m\.onnx cannot be served: .*Protobuf parsing failed/],
    ['cut off', () => temporaryFile('m.onnx', identityModel('FP32').subarray(0, 40)), /cannot be served: .*failed/i],
    ['sequences', () => temporaryFile('m.onnx', sequence), /its output "y" is not a tensor but a sequence or a map/],
  ])('%s', async (_, path, message) => {
    const { deployer } = deployerOf()
    const checked = deployer.check(version('v1', { kind: 'onnx', path: path() }))
    await expect(checked).rejects.toMatchObject({ code: 'model-invalid', message: expect.stringMatching(message) })
  })
})

describe('a model thread that dies', () => {
  function fragile() {
    const reports = collectReports()
    const driver = createOnnxDriver(new URL('../../fixtures/fragile-worker.ts', import.meta.url))
    const drivers = { onnx: driver, command: driver, url: driver }
    const clock = fastClock(20)
    const deployer = closing(new FleetDeployer({ clock, logger: silentLogger, report: reports.report, drivers }))
    deployer.ensure({ endpoint: 'digits', version: onnx('v1', Buffer.from('x')), readyTimeoutMs: 60_000 })
    const send = (text: string) => ask(pick(deployer, 'v1'), request({ path: infer, body: Buffer.from(text) }))
    return { deployer, reports, send }
  }

  test('fails what it had, and is started again', async () => {
    const { deployer, reports, send } = fragile()
    await reports.next('ready')
    const lost = [send('die'), send('waits'), send('waits too')]
    for (const sent of lost)
      await expect(sent).rejects.toMatchObject({ code: 'backend-failed', message: /out of luck/ })
    expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
    await until(() => deployer.fleets.readyCount('digits', 'v1') === 1)
    expect(await text(await send('again'))).toBe('again')
  })

  test('is let end while it works, since onnxruntime aborts the process otherwise', async () => {
    const { deployer, reports } = deployerOf()
    deployer.ensure({ endpoint: 'digits', version: onnx('v1', identityModel('FP32')), readyTimeoutMs: 600_000 })
    await reports.next('ready')
    const sent = Array.from({ length: 200 }, () => {
      return ask(pick(deployer, 'v1'), request({ path: infer, body: plainBody })).then(
        ({ status }) => status,
        ({ code }) => code,
      )
    })
    await deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 0 })
    expect([200, 'backend-failed']).toEqual(expect.arrayContaining([...new Set(await Promise.all(sent))]))
  })

  test('again and again fails the fleet', async () => {
    const { deployer, reports, send } = fragile()
    await reports.next('ready')
    for (let deaths = 0; deaths <= limits.restartsMax; deaths += 1) {
      await until(() => deployer.fleets.readyCount('digits', 'v1') === 1)
      await send('die').catch(() => {})
    }
    expect((await reports.next('failed')).reason).toMatch(/out of luck \(ended 6 times within 60 s\)/)
  })
})
