/** Tensors of every datatype through both forms of an HTTP body and back: the same bytes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { linesOf } from '../../../src/core/http/field-lines.ts'
import { type Datatype, datatypes, elementCount } from '../../../src/gateway/grpc/datatypes.ts'
import { inferResponse } from '../../../src/gateway/grpc/infer-answer.ts'
import { binaryBody, type InferBody, jsonBody, readRequest } from '../../../src/gateway/grpc/infer-body.ts'
import { type InferRequestMessage, refuseCostly, type TensorMessage } from '../../../src/gateway/grpc/messages.ts'
import { jsonProblem } from '../../../src/gateway/grpc/tensor-json.ts'
import { packContents, unpackContents } from '../../../src/gateway/grpc/typed-contents.ts'
import { echoAnswer } from '../../support/echo-server.ts'
import { thrownBy } from '../../support/thrown.ts'

const bytesMax = 1_000_000

function request(parts: Partial<InferRequestMessage>): InferRequestMessage {
  const empty = { parameters: {}, inputs: [], outputs: [], raw_input_contents: [] }
  return { model_name: 'digits', model_version: '', id: '', ...empty, ...parts }
}

function input(
  datatype: string,
  shape: readonly (number | string)[],
  parts: Partial<TensorMessage> = {},
): TensorMessage {
  const contents = new Uint8Array()
  return { name: 'x', datatype, shape: shape.map(String), parameters: {}, contents, ...parts }
}

/** What a model that gives back its inputs makes of the body, as the answer of the call. */
function answered({ body, jsonBytes }: InferBody, isRaw: boolean) {
  const { status, headers, body: bytes } = echoAnswer(body, jsonBytes === null ? null : String(jsonBytes))
  const answer = { status, lines: linesOf(headers), body: bytes as Buffer }
  return inferResponse(answer, { model: 'digits', version: 'v1', isRaw })
}

/** A tensor as its elements are packed: any bytes for numbers, 0 or 1 for booleans. */
function packedOf(datatype: Datatype, count: number): fc.Arbitrary<Uint8Array> {
  if (datatype.kind === 'bytes') {
    return fc.array(fc.uint8Array({ maxLength: 12 }), { minLength: count, maxLength: count }).map(texts => {
      const parts = texts.flatMap(text => [lengthOf(text), text])
      return new Uint8Array(Buffer.concat(parts))
    })
  }
  const max = datatype.kind === 'bool' ? 1 : 255
  const length = count * datatype.width
  return fc.uint8Array({ min: 0, max, minLength: length, maxLength: length })
}

function lengthOf(text: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return length
}

const shapes = fc.array(fc.nat({ max: 4 }), { maxLength: 3 })

const tensors = fc
  .tuple(fc.constantFrom(...datatypes.values()), shapes)
  .chain(([datatype, shape]) => packedOf(datatype, elementCount(shape) ?? 0).map(bytes => ({ datatype, shape, bytes })))

describe('every tensor', () => {
  test('comes back as it went, as bytes', () => {
    fc.assert(
      fc.property(fc.array(tensors, { minLength: 1, maxLength: 3 }), all => {
        const inputs = all.map(({ datatype, shape }, at) => input(datatype.name, shape, { name: `in${at}` }))
        const raw = all.map(({ bytes }) => bytes)
        const read = readRequest(request({ inputs, raw_input_contents: raw }), bytesMax)
        const response = answered(binaryBody(read, bytesMax), true)
        expect(response.raw_output_contents.map(bytes => [...bytes])).toEqual(raw.map(bytes => [...bytes]))
        expect(response.outputs.map(({ datatype, shape }) => [datatype, shape])).toEqual(
          all.map(({ datatype, shape }) => [datatype.name, shape]),
        )
      }),
    )
  })

  test('that JSON can say comes back as it went, as JSON', () => {
    fc.assert(
      fc.property(tensors, ({ datatype, shape, bytes }) => {
        fc.pre(jsonProblem(bytes, datatype) === null)
        const message = request({ inputs: [input(datatype.name, shape)], raw_input_contents: [bytes] })
        const response = answered(jsonBody(readRequest(message, bytesMax), bytesMax), true)
        expect([...(response.raw_output_contents[0] ?? [])]).toEqual([...bytes])
      }),
      { numRuns: 300 },
    )
  })

  test('with typed contents is the same in raw ones, and the other way round', () => {
    fc.assert(
      fc.property(tensors, ({ datatype, bytes }) => {
        const typed = unpackContents(bytes, datatype)
        if (typed === null) expect(datatype.contents).toBeNull()
        else expect([...(packContents(typed, datatype, bytesMax).bytes ?? [])]).toEqual([...bytes])
      }),
    )
  })
})

test('a negative number is written as long as the protocol has it', () => {
  const contents = unpackContents(Buffer.from([0xff]), datatypes.get('INT8') as Datatype)
  expect([...(contents ?? [])]).toEqual([0x12, 10, ...Array(9).fill(0xff), 1])
})

test('a datatype without a JSON form, and values without one, are told from those that have one', () => {
  const float = Buffer.alloc(4)
  float.writeFloatLE(Number.NaN)
  const of = (name: string, bytes: Uint8Array) => jsonProblem(bytes, datatypes.get(name) as Datatype) === null
  expect([of('FP16', Buffer.alloc(2)), of('BF16', Buffer.alloc(2)), of('FP32', float)]).toEqual([false, false, false])
  expect([of('BYTES', Buffer.from([1, 0, 0, 0, 0xff])), of('BYTES', Buffer.from([1, 0, 0, 0, 0x41]))]).toEqual([
    false,
    true,
  ])
})

test('integers of 64 bits are digits, texts are texts, and minus zero keeps its sign', () => {
  const typed = (name: string, bytes: Buffer) => unpackContents(bytes, datatypes.get(name) as Datatype) as Buffer
  const long = Buffer.alloc(8)
  long.writeBigInt64LE(-9_007_199_254_740_993n)
  const unsigned = Buffer.alloc(8, 0xff)
  const zero = Buffer.alloc(8)
  zero.writeDoubleLE(-0)
  const inputs = [
    input('INT64', [1], { contents: typed('INT64', long) }),
    input('UINT64', [1], { contents: typed('UINT64', unsigned) }),
    input('FP64', [1], { contents: typed('FP64', zero) }),
    input('BYTES', [1], {
      contents: typed('BYTES', Buffer.concat([lengthOf(Buffer.from('"é"')), Buffer.from('"é"')])),
    }),
  ]
  const { body } = jsonBody(readRequest(request({ inputs }), bytesMax), bytesMax)
  const data = [...body.toString().matchAll(/"data":(\[.*?\])/g)].map(match => match[1])
  expect(data).toEqual(['[-9007199254740993]', '[18446744073709551615]', '[-0.0]', '["\\"é\\""]'])
})

test('ids, parameters and asked outputs are in the JSON; what shapes HTTP bodies is not carried over', () => {
  const message = request({
    id: 'a"b',
    parameters: {
      sequence_id: { parameter_choice: 'uint64_param', uint64_param: '18446744073709551615' },
      binary_data_output: { parameter_choice: 'bool_param', bool_param: true },
    },
    inputs: [input('BOOL', [0], { parameters: { note: { parameter_choice: 'string_param', string_param: 'x' } } })],
    outputs: [{ name: 'out', parameters: { classification: { parameter_choice: 'int64_param', int64_param: '2' } } }],
  })
  const { body } = jsonBody(readRequest(message, bytesMax), bytesMax)
  expect(body.toString()).toBe(
    '{"id":"a\\"b","parameters":{"sequence_id":18446744073709551615},' +
      '"inputs":[{"name":"x","shape":[0],"datatype":"BOOL","parameters":{"note":"x"},"data":[]}],' +
      '"outputs":[{"name":"out","parameters":{"classification":2}}]}',
  )
})

describe('parameters keep what they are', () => {
  test.each([
    [2, '2.0'],
    [-0, '-0.0'],
    [1.5, '1.5'],
    [1e300, '1e+300'],
  ])('a double of %d is written %s, so that no whole number comes of it', (double_param, text) => {
    const parameters = { limit: { parameter_choice: 'double_param' as const, double_param } }
    const { body } = jsonBody(readRequest(request({ parameters }), bytesMax), bytesMax)
    expect(body.toString()).toContain(`"parameters":{"limit":${text}}`)
  })

  test('whole numbers of an answer keep all of their digits', () => {
    const parameters =
      '{"a":9007199254740993,"b":18446744073709551615,"c":-3,"d":36893488147419103232,"e":1e300,"f":"9007199254740993"}'
    const output = `{"name":"y","datatype":"BOOL","shape":[0],"data":[],"parameters":{"a":-9007199254740993}}`
    const body = Buffer.from(`{"parameters":${parameters},"outputs":[${output}]}`)
    const { parameters: read, outputs } = inferResponse(
      { status: 200, lines: '', body },
      { model: 'digits', version: 'v1', isRaw: false },
    )
    expect(read).toEqual({
      a: { int64_param: '9007199254740993' },
      b: { uint64_param: '18446744073709551615' },
      c: { int64_param: '-3' },
      d: { double_param: 2 ** 65 },
      e: { double_param: 1e300 },
      f: { string_param: '9007199254740993' },
    })
    expect(outputs[0]?.parameters).toEqual({ a: { int64_param: '-9007199254740993' } })
  })
})

describe('a request is refused before anything is made of it', () => {
  const two = Buffer.from([0x3a, 0x02, 1, 1])
  const cases: readonly [string, Partial<InferRequestMessage>, RegExp][] = [
    ['a negative size', { inputs: [input('INT8', [-1])], raw_input_contents: [Buffer.alloc(1)] }, /no tensor has/],
    [
      'an overflow',
      { inputs: [input('INT8', ['4294967296', '4294967296'])], raw_input_contents: [Buffer.alloc(0)] },
      /no tensor has/,
    ],
    [
      'a size past doubles',
      { inputs: [input('INT8', ['9223372036854775807'])], raw_input_contents: [Buffer.alloc(0)] },
      /no tensor has/,
    ],
    [
      'too few elements',
      { inputs: [input('INT32', [2])], raw_input_contents: [Buffer.alloc(4)] },
      /has 1 elements where its shape \[2\] has 2/,
    ],
    [
      'half an element',
      { inputs: [input('INT32', [1])], raw_input_contents: [Buffer.alloc(5)] },
      /5 bytes that are not whole/,
    ],
    [
      'a text past the end',
      { inputs: [input('BYTES', [1])], raw_input_contents: [Buffer.from([9, 0, 0, 0, 1])] },
      /not whole elements of BYTES/,
    ],
    [
      'an unknown datatype',
      { inputs: [input('FP8', [1])], raw_input_contents: [Buffer.alloc(1)] },
      /has the datatype "FP8", not BOOL, INT8/,
    ],
    [
      'typed beside raw',
      { inputs: [input('FP32', [1], { contents: two })], raw_input_contents: [Buffer.alloc(4)] },
      /typed contents beside raw/,
    ],
    [
      'raw for some',
      { inputs: [input('BOOL', [1]), input('BOOL', [1])], raw_input_contents: [Buffer.alloc(1)] },
      /no entry of raw_input_contents/,
    ],
    [
      'raw for none',
      { inputs: [input('BOOL', [1])], raw_input_contents: [Buffer.alloc(1), Buffer.alloc(1)] },
      /raw_input_contents has 2; one for each/,
    ],
    [
      'contents of another field',
      { inputs: [input('FP32', [1], { contents: Buffer.from([0x0a, 1, 1]) })] },
      /belong in fp32_contents alone/,
    ],
    ['half floats in typed contents', { inputs: [input('FP16', [1])] }, /only raw_input_contents can hold/],
    [
      'an integer out of range',
      { inputs: [input('INT8', [1], { contents: Buffer.from([0x12, 2, 0x80, 0x01]) })] },
      /holds 128; it may be from -128 to 127/,
    ],
    ['no contents', { inputs: [input('FP32', [1])] }, /has 0 elements where its shape \[1\] has 1/],
  ]
  test.each(cases)('%s', (_name, parts, detail) => {
    expect(() => readRequest(request(parts), bytesMax)).toThrow(detail)
  })

  test('varints that would unfold to more than a body may have', () => {
    const ones = Buffer.concat([Buffer.from([0x1a, 100]), Buffer.alloc(100, 1)])
    const message = request({ inputs: [input('INT64', [100], { contents: ones })] })
    expect(() => readRequest(message, 799)).toThrow(/longer than 799 bytes/)
    expect(readRequest(message, 800).inputs[0]?.bytes.length).toBe(800)
  })

  test('a JSON that would be longer than a body may be', () => {
    const read = readRequest(
      request({ inputs: [input('UINT8', [100])], raw_input_contents: [Buffer.alloc(100, 255)] }),
      300,
    )
    expect(thrownBy(() => jsonBody(read, 300)).code).toBe('body-too-large')
    expect(thrownBy(() => jsonBody(read, 150)).code).toBe('body-too-large')
    expect(jsonBody(read, 1_000).body.length).toBeGreaterThan(400)
  })
})

describe('bytes that are no message, or one that is built to be costly', () => {
  test('many fields', () => {
    const emptyInputs = Buffer.alloc(2 * 20_001)
    for (let at = 0; at < emptyInputs.length; at += 2) emptyInputs[at] = 0x2a
    expect(() => refuseCostly(emptyInputs)).toThrow(/more than 20000 fields/)
    expect(() => refuseCostly(emptyInputs.subarray(0, 40_000))).not.toThrow()
  })

  test('a long shape', () => {
    const shape = Buffer.concat([Buffer.from([0x1a, 0xc1, 0x02]), Buffer.alloc(321, 1)])
    const message = Buffer.concat([Buffer.from([0x2a, 0xc4, 0x02]), shape])
    expect(() => refuseCostly(message)).toThrow(/more than 320 bytes of one shape/)
  })

  test.each([
    ['a length past the end', [0x0a, 5, 1]],
    ['a varint without an end', [0x80, 0x80]],
    ['a length of 64 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ['a group', [0x0b]],
    ['a field of number 0', [0x00, 0]],
    ['contents of a tensor in two parts', [0x2a, 4, 0x2a, 0, 0x2a, 0]],
    ['a name that is a number', [0x08, 1]],
    ['a tensor that is a number', [0x28, 1]],
    ['a name of a parameter of a tensor past its end', [0x2a, 6, 0x22, 2, 0x0a, 9, 0x1a, 0]],
    ['a value of a parameter that is another type', [0x22, 4, 0x12, 2, 0x18, 1]],
  ])('%s', (_name, bytes) => {
    expect(() => refuseCostly(Buffer.from(bytes))).toThrow(/not what its service definition says/)
  })

  test('never does more than refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        for (const datatype of datatypes.values()) {
          try {
            packContents(bytes, datatype, bytesMax)
          } catch (thrown) {
            expect((thrown as Error).message).toMatch(/service definition/)
          }
        }
      }),
    )
  })
})

describe('an answer that is not of the protocol', () => {
  const of =
    (document: object, lines = '') =>
    () =>
      inferResponse(
        { status: 200, lines, body: Buffer.from(JSON.stringify(document)) },
        { model: 'digits', version: 'v1', isRaw: false },
      )
  const output = { name: 'y', datatype: 'INT8', shape: [2], data: [1, 2] }
  test.each([
    ['no outputs', of({}), /without "outputs"/],
    ['no JSON object', of([]), /not a JSON object/],
    [
      'a count that is not the shape’s',
      of({ outputs: [{ ...output, shape: [3] }] }),
      /has 2 elements where its shape \[3\] has 3/,
    ],
    [
      'a shape that overflows',
      of({ outputs: [{ ...output, shape: [2 ** 40, 2 ** 40] }] }),
      /no name, datatype or shape/,
    ],
    ['a number out of range', of({ outputs: [{ ...output, data: [1, 300] }] }), /not INT8 of shape \[2\]/],
    ['no data', of({ outputs: [{ ...output, data: undefined }] }), /without the data of output "y"/],
    [
      'bytes that are not there',
      of({ outputs: [{ ...output, data: undefined, parameters: { binary_data_size: 2 } }] }),
      /0 bytes follow/,
    ],
    [
      'a length past its body',
      of({ outputs: [] }, 'Inference-Header-Content-Length: 99\r\n'),
      /Inference-Header-Content-Length 99/,
    ],
    ['an encoding', of({ outputs: [] }, 'content-encoding: gzip\r\n'), /in the encoding gzip/],
  ])('with %s is the model server’s failure', (_name, read, detail) => {
    expect(read).toThrow(detail)
  })

  test('that is nested too deeply is not read, which would hold up everybody', () => {
    const body = Buffer.from(`{"outputs":${'['.repeat(5_000)}${']'.repeat(5_000)}}`)
    const read = () => inferResponse({ status: 200, lines: '', body }, { model: 'digits', version: 'v1', isRaw: false })
    expect(read).toThrow('the model server answered with JSON that is nested more than 256 levels deep')
  })

  test('may be nested', () => {
    const response = of({ outputs: [{ ...output, shape: [1, 2], data: [[1, 2]] }] })()
    expect([...(response.outputs[0]?.contents ?? [])]).toEqual([0x12, 2, 1, 2])
  })
})
