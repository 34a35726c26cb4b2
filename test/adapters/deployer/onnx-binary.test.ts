import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackendResponse } from '../../../src/adapters/deployer/by-promise.ts'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import { fromBytes, toBytes } from '../../../src/adapters/deployer/onnx/tensor-bytes.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import { identityModel, onnxModel } from '../../fixtures/onnx-model.ts'
import { send as sendTo } from '../../support/send.ts'
import { text as bodyText, json, request } from './requests.ts'
import { closing, collectReports, fastClock, pick, silentLogger, temporaryFile, version } from './support.ts'

const bytesOf = (data: ArrayBufferView) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

const text = (value: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(Buffer.byteLength(value))
  return Buffer.concat([length, Buffer.from(value)])
}

/** Two elements of every datatype, as bytes. */
const elements = {
  BOOL: Buffer.from([1, 0]),
  UINT8: Buffer.from([0, 255]),
  UINT16: bytesOf(new Uint16Array([0, 65_535])),
  UINT32: bytesOf(new Uint32Array([0, 4_294_967_295])),
  UINT64: bytesOf(new BigUint64Array([9_007_199_254_740_993n, 18_446_744_073_709_551_615n])),
  INT8: bytesOf(new Int8Array([-128, 127])),
  INT16: bytesOf(new Int16Array([-32_768, 32_767])),
  INT32: bytesOf(new Int32Array([-2_147_483_648, 2_147_483_647])),
  INT64: bytesOf(new BigInt64Array([9_007_199_254_740_993n, -9_223_372_036_854_775_808n])),
  FP16: bytesOf(new Uint16Array([0x3c00, 0xfc00])),
  FP32: bytesOf(new Float32Array([0.1, Number.NaN])),
  FP64: bytesOf(new Float64Array([0.1, Number.NEGATIVE_INFINITY])),
  BYTES: Buffer.concat([text('ü"'), text('')]),
} as const
type Datatype = keyof typeof elements
const datatypes = Object.keys(elements) as Datatype[]

/** Gives each datatype back as it came. */
const echoModel = onnxModel({
  nodes: datatypes.map(type => ({ op: 'Identity', inputs: [type], outputs: [`${type} out`] })),
  inputs: datatypes.map(type => ({ name: type, datatype: type, shape: ['N'] })),
  outputs: datatypes.map(type => ({ name: `${type} out`, datatype: type, shape: ['N'] })),
})

async function serve(model: Uint8Array, finished: (run: () => void | Promise<void>) => void): Promise<Instance> {
  const reports = collectReports()
  const deployer = closing(
    createDeployer({ clock: fastClock(20), logger: silentLogger, report: reports.report }),
    finished,
  )
  const spec = version('v1', { kind: 'onnx', path: temporaryFile('model.onnx', model, finished) })
  deployer.ensure({ endpoint: 'digits', version: spec, readyTimeoutMs: 600_000 })
  await reports.next('ready')
  return pick(deployer, 'v1')
}

type Sent = { document: unknown; tensors?: readonly Uint8Array[]; headers?: string[]; gzip?: boolean }

function ask(instance: Instance, { document, tensors = [], headers, gzip = false }: Sent): Promise<BackendResponse> {
  const head = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
  const whole = Buffer.concat([head, ...tensors])
  return sendTo(
    instance,
    request({
      path: '/v2/models/digits/infer',
      body: gzip ? gzipSync(whole) : whole,
      headers: [
        ...(headers ?? ['Inference-Header-Content-Length', String(head.byteLength)]),
        ...(gzip ? ['content-encoding', 'gzip'] : []),
      ],
    }),
  )
}

const input = (datatype: Datatype, size = elements[datatype].byteLength, name: string = datatype) => ({
  name,
  datatype,
  shape: [2],
  parameters: { binary_data_size: size },
})

type Output = {
  name: string
  datatype: string
  shape: number[]
  data?: unknown
  parameters?: { binary_data_size: number }
}

type Split = { head: { id?: string; outputs: Output[] }; bytes: Map<string, Buffer> }

/** The outputs of an answer with their bytes, by the header field of the extension. */
async function split(answer: BackendResponse): Promise<Split> {
  const body = Buffer.from(await bodyText(answer), 'latin1')
  const at = answer.headers.indexOf('inference-header-content-length')
  let from = Number(answer.headers[at + 1])
  const head = JSON.parse(body.subarray(0, from).toString())
  const bytes = new Map<string, Buffer>()
  for (const { name, parameters } of head.outputs as Output[]) {
    const size = parameters?.binary_data_size
    if (size === undefined) continue
    bytes.set(name, body.subarray(from, from + size))
    from += size
  }
  expect(from).toBe(body.byteLength)
  return { head, bytes }
}

describe('an ONNX instance takes and gives tensors as bytes', () => {
  let echo: Instance

  beforeAll(async () => {
    echo = await serve(echoModel, afterAll)
  })

  test.each([false, true])('every datatype comes back bit by bit (packed: %s)', async gzip => {
    const document = {
      id: 'seven',
      parameters: { binary_data_output: true },
      inputs: datatypes.map(type => input(type)),
    }
    const answer = await ask(echo, { document, tensors: Object.values(elements), gzip })
    expect(answer.status).toBe(200)
    expect(answer.headers.slice(0, 2)).toEqual(['content-type', 'application/octet-stream'])
    const { head, bytes } = await split(answer)
    expect(head.id).toBe('seven')
    expect(head.outputs.map(({ datatype, shape }) => [datatype, shape])).toEqual(datatypes.map(type => [type, [2]]))
    for (const type of datatypes) expect([type, bytes.get(`${type} out`)]).toEqual([type, elements[type]])
  })

  test('each output has the form that it is asked in', async () => {
    const inputs = datatypes.map(type => input(type))
    const outputs = [
      { name: 'INT64 out', parameters: { binary_data: false } },
      { name: 'FP16 out' },
      { name: 'BYTES out', parameters: { binary_data: true } },
    ]
    const document = { parameters: { binary_data_output: true }, inputs, outputs }
    const answer = await ask(echo, { document, tensors: Object.values(elements) })
    const { head, bytes } = await split(answer)
    expect([...bytes]).toEqual([
      ['FP16 out', elements.FP16],
      ['BYTES out', elements.BYTES],
    ])
    expect(head.outputs[0]).toMatchObject({ name: 'INT64 out', datatype: 'INT64', shape: [2] })
  })

  test('JSON and bytes may stand beside each other, and an answer in JSON has no field of the extension', async () => {
    const plain = { name: 'BOOL', datatype: 'BOOL', shape: [2], data: [true, false] }
    const inputs = datatypes.map(type => (type === 'BOOL' ? plain : input(type)))
    const tensors = datatypes.filter(type => type !== 'BOOL').map(type => elements[type])
    const answer = await ask(echo, { document: { inputs, outputs: [{ name: 'BOOL out' }] }, tensors })
    expect(answer.headers).not.toContain('inference-header-content-length')
    expect(await json(answer)).toMatchObject({ outputs: [{ name: 'BOOL out', data: [true, false] }] })
  })

  test('a NaN, which JSON cannot carry, goes as bytes', async () => {
    const one = await serve(identityModel('FP32'), afterAll)
    const document = { inputs: [input('FP32', 8, 'x')], outputs: [{ name: 'y', parameters: { binary_data: true } }] }
    const { bytes } = await split(await ask(one, { document, tensors: [elements.FP32] }))
    expect(bytes.get('y')).toEqual(elements.FP32)
  })

  test('a body without JSON is the only input, and all outputs come as bytes', async () => {
    const one = await serve(identityModel('FP32', ['N', 2]), afterAll)
    const headers = ['Inference-Header-Content-Length', '0']
    const data = bytesOf(new Float32Array([1, 2, 3, 4]))
    const { head, bytes } = await split(await ask(one, { document: '', tensors: [data], headers }))
    expect([head.outputs[0]?.shape, bytes.get('y')]).toEqual([[2, 2], data])
    const odd = await ask(one, { document: '', tensors: [data.subarray(0, 12)], headers })
    expect([odd.status, await json(odd)]).toEqual([
      400,
      { error: expect.stringMatching(/12 bytes are no whole number/) },
    ])
    const several = await ask(echo, { document: '', tensors: [data], headers })
    expect([several.status, await json(several)]).toEqual([400, { error: expect.stringMatching(/with one input/) }])
  })
})

describe('what does not fit is answered 400 with the reason', () => {
  let instance: Instance
  const four = bytesOf(new Float32Array([1, 2, 3, 4]))
  const x = (parts: object = {}) => ({
    name: 'x',
    datatype: 'FP32',
    shape: [4],
    parameters: { binary_data_size: 16 },
    ...parts,
  })

  beforeAll(async () => {
    instance = await serve(identityModel('FP32'), afterAll)
  })

  const nested = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`
  const cases: [string, Sent, RegExp][] = [
    [
      'more bytes than the shape has',
      { document: { inputs: [x({ shape: [3] })] }, tensors: [four] },
      /16 bytes, where 3 elements of FP32 take 12/,
    ],
    [
      'a size beyond the body',
      { document: { inputs: [x()] }, tensors: [four.subarray(4)] },
      /but 12 bytes follow the JSON/,
    ],
    [
      'bytes behind the last tensor',
      { document: { inputs: [x()] }, tensors: [four, four] },
      /16 bytes after the last tensor/,
    ],
    [
      'a negative size',
      { document: { inputs: [x({ parameters: { binary_data_size: -1 } })] } },
      /-1 as "binary_data_size"/,
    ],
    [
      'a size in text',
      { document: { inputs: [x({ parameters: { binary_data_size: '16' } })] } },
      /"16" as "binary_data_size"/,
    ],
    ['data in both forms', { document: { inputs: [x({ data: [1, 2, 3, 4] })] }, tensors: [four] }, /has both/],
    [
      'a JSON longer than the body',
      { document: {}, headers: ['inference-header-content-length', '99'] },
      /but the body has only 2 bytes/,
    ],
    ['bytes without the header field', { document: { inputs: [x()] }, tensors: [four], headers: [] }, /not valid/],
    [
      'a shape beyond 64 bits',
      { document: { inputs: [x({ shape: [2 ** 40, 2 ** 40] })] }, tensors: [four] },
      /more than 2147483647 elements/,
    ],
    [
      'a shape that overflows beside a zero',
      { document: { inputs: [x({ shape: [0, 2 ** 40] })] } },
      /more than 2147483647 elements/,
    ],
    [
      'a negative dimension',
      { document: { inputs: [x({ shape: [-4] })] }, tensors: [four] },
      /sizes are integers of 0 or more/,
    ],
    [
      'thousands of dimensions',
      { document: { inputs: [x({ shape: Array(5_000).fill(1) })] } },
      /5000 dimensions; the most is 32/,
    ],
    [
      'parameters that are no object',
      { document: { parameters: 7, inputs: [x()] }, tensors: [four] },
      /parameters of the request must be an object/,
    ],
    [
      'a parameter that is a list',
      { document: { parameters: { a: [1] }, inputs: [x()] }, tensors: [four] },
      /parameter "a" of the request must be a string, a number or a boolean/,
    ],
    [
      'a flag that is no boolean',
      { document: { parameters: { binary_data_output: 1 }, inputs: [x()] }, tensors: [four] },
      /"binary_data_output" of the request must be true or false/,
    ],
    [
      'classes instead of a tensor',
      { document: { inputs: [x()], outputs: [{ name: 'y', parameters: { classification: 3 } }] }, tensors: [four] },
      /"classification" of output "y" is not supported/,
    ],
    [
      'deep data',
      { document: `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":${nested(200_000)}}]}`, headers: [] },
      /nested more than 256 levels deep/,
    ],
    [
      'deep parameters',
      { document: `{"parameters":{"a":${nested(200_000)}},"inputs":[]}`, headers: [] },
      /nested more than 256 levels deep/,
    ],
    [
      'deep ids',
      {
        document: `{"id":${nested(200_000)},"inputs":[${JSON.stringify({ ...x(), parameters: {}, data: [1, 2, 3, 4] })}]}`,
        headers: [],
      },
      /nested more than 256 levels deep/,
    ],
  ]
  test.each(cases)('%s', async (_, sent, reason) => {
    const answer = await ask(instance, sent)
    expect([answer.status, await json(answer)]).toEqual([400, { error: expect.stringMatching(reason) }])
    const after = await ask(instance, { document: { inputs: [x()] }, tensors: [four] })
    expect(after.status).toBe(200)
  })

  test.each([
    [
      'FP16 has no JSON form going in',
      'FP16',
      { data: [1, 2] },
      undefined,
      /input "x" is FP16, which has no JSON form/,
    ],
    ['nor coming out', 'FP16', input('FP16', 4, 'x'), elements.FP16, /output "y" is FP16, .*"binary_data": true/],
    ['BOOL is 0 or 1', 'BOOL', input('BOOL', 2, 'x'), Buffer.from([1, 2]), /2 as element 1, where BOOL takes 0 or 1/],
    [
      'a text ends in the body',
      'BYTES',
      input('BYTES', 8, 'x'),
      Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]),
      /4294967295 bytes as the length of element 0/,
    ],
    [
      'texts are UTF-8',
      'BYTES',
      input('BYTES', 9, 'x'),
      Buffer.from([1, 0, 0, 0, 0xff, 0, 0, 0, 0]),
      /element 0, which is not valid UTF-8/,
    ],
    [
      'nothing follows the last text',
      'BYTES',
      input('BYTES', 9, 'x'),
      Buffer.alloc(9),
      /1 bytes after its last element/,
    ],
  ] as const)('%s', async (_, datatype, tensor, bytes, reason) => {
    const one = await serve(identityModel(datatype), afterAll)
    const document = { inputs: [{ name: 'x', datatype, shape: [2], ...tensor }] }
    const answer = await ask(one, { document, tensors: bytes === undefined ? [] : [bytes] })
    expect([answer.status, await json(answer)]).toEqual([400, { error: expect.stringMatching(reason) }])
  })
})

describe('bytes of tensors', () => {
  test('any texts survive, wherever they begin', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.nat(9), (texts, offset) => {
        const bytes = Buffer.concat([Buffer.alloc(offset), toBytes(texts)]).subarray(offset)
        expect(fromBytes('BYTES', bytes, texts.length)).toEqual(texts)
      }),
    )
  })

  test('any 64-bit integers survive, wherever they begin', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), fc.nat(9), (values, offset) => {
        const bytes = Buffer.concat([Buffer.alloc(offset), toBytes(BigInt64Array.from(values))]).subarray(offset)
        expect(fromBytes('INT64', bytes, values.length)).toEqual(BigInt64Array.from(values))
      }),
    )
  })

  test('any bytes are elements or a problem, never a failure', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...datatypes),
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(2 ** 31),
        (type, bytes, count) => {
          const read = fromBytes(type, bytes, count)
          expect('problem' in read || read.length === count).toBe(true)
        },
      ),
    )
  })
})
