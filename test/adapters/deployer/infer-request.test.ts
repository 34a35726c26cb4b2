import { describe, expect, test } from 'vitest'
import { ClientFault } from '../../../src/adapters/deployer/onnx/client-fault.ts'
import { readBody } from '../../../src/adapters/deployer/onnx/infer-body.ts'
import { readInferRequest } from '../../../src/adapters/deployer/onnx/infer-request.ts'
import type { ModelMetadata, TensorMetadata } from '../../../src/ports/backend.ts'

const model = (...inputs: TensorMetadata[]): ModelMetadata => ({
  platform: 'onnxruntime_onnx',
  inputs,
  outputs: [
    { name: 'label', datatype: 'INT64', shape: [-1] },
    { name: 'score', datatype: 'FP32', shape: [-1] },
  ],
})
const image = { name: 'image', datatype: 'FP32', shape: [-1, 2] }
const flag = { name: 'flag', datatype: 'BOOL', shape: [1] }
const good = { name: 'image', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] }

const jsonForm = { encoding: '', jsonBytes: null }

function read(text: string, ...specs: TensorMetadata[]) {
  return readInferRequest(readBody(Buffer.from(text), jsonForm, true), model(...(specs.length === 0 ? [image] : specs)))
}

function readOne(datatype: string, data: string) {
  const count = JSON.parse(data).length
  const input = `{"name":"x","datatype":"${datatype}","shape":[${count}],"data":${data}}`
  return read(`{"inputs":[${input}]}`, { name: 'x', datatype, shape: [-1] }).inputs[0]?.data
}

describe('what fits is read', () => {
  test.each([
    ['flat data', [1, 2, 3, 4]],
    [
      'nested data',
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ])('%s', (_, data) => {
    const { inputs } = read(JSON.stringify({ inputs: [{ ...good, data }] }))
    expect(inputs).toEqual([{ name: 'image', type: 'float32', dims: [2, 2], data: new Float32Array([1, 2, 3, 4]) }])
  })

  test('no elements', () => {
    expect(read('{"inputs":[{"name":"image","datatype":"FP32","shape":[0,2],"data":[]}]}').inputs[0]?.dims).toEqual([
      0, 2,
    ])
  })

  test('id, outputs and unknown parameters', () => {
    const body = {
      id: 'a"b',
      parameters: { what: 1 },
      inputs: [{ ...good, parameters: {} }],
      outputs: [{ name: 'score' }],
    }
    const { id, outputs } = read(JSON.stringify(body))
    expect(id).toBe('a"b')
    expect(outputs.map(({ name }) => name)).toEqual(['score'])
  })

  test('all outputs, if none or an empty list is asked for', () => {
    expect(read(JSON.stringify({ inputs: [good] })).outputs).toHaveLength(2)
    expect(read(JSON.stringify({ inputs: [good], outputs: [] })).outputs).toHaveLength(2)
  })

  test.each([
    ['BOOL', '[true,false]', Uint8Array.of(1, 0)],
    ['INT8', '[-128,127]', Int8Array.of(-128, 127)],
    ['INT16', '[-32768,32767]', Int16Array.of(-32768, 32767)],
    ['INT32', '[-2147483648,2147483647]', Int32Array.of(-2147483648, 2147483647)],
    ['UINT8', '[0,255]', Uint8Array.of(0, 255)],
    ['UINT16', '[0,65535]', Uint16Array.of(0, 65535)],
    ['UINT32', '[0,4294967295]', Uint32Array.of(0, 4294967295)],
    ['INT64', '[-9223372036854775808,9007199254740993,1]', BigInt64Array.of(-(2n ** 63n), 9007199254740993n, 1n)],
    ['UINT64', '[0,18446744073709551615]', BigUint64Array.of(0n, 2n ** 64n - 1n)],
    ['FP32', '[0.5,-3,12345678901234567890]', Float32Array.of(0.5, -3, 12345678901234567000)],
    ['FP64', '[0.1,0.30000000000000004]', Float64Array.of(0.1, 0.30000000000000004)],
    ['BYTES', '["","ü"]', ['', 'ü']],
  ])('%s %s', (datatype, data, expected) => {
    expect(readOne(datatype, data)).toEqual(expected)
  })
})

describe('what does not fit is refused by name, with what was given and what is expected', () => {
  test.each([
    ['INT8', '[128]', 'input "x" has 128 as element 0, but INT8 takes integers from -128 to 127'],
    ['INT32', '[1,1.5]', 'input "x" has 1.5 as element 1, but INT32 takes integers from -2147483648 to 2147483647'],
    ['UINT8', '[-1]', 'has -1 as element 0'],
    ['INT64', '[9223372036854775808]', 'has 9223372036854775808 as element 0'],
    ['INT64', '[123456789012345e4]', 'takes integers from -9223372036854775808 to 9223372036854775807 in plain digits'],
    ['UINT64', '[-1]', 'has -1 as element 0'],
    ['INT64', '["1"]', 'has "1" as element 0'],
    ['BOOL', '[1]', 'input "x" has 1 as element 0, but BOOL takes true or false'],
    ['FP32', '[null]', 'input "x" has null as element 0, but FP32 takes finite numbers within FP32'],
    ['FP32', '[1e39]', 'has 1e+39 as element 0'],
    ['FP64', '[1e400]', 'as element 0, but FP64 takes finite numbers'],
    ['FP32', '[true]', 'has true as element 0'],
    ['BYTES', '[1]', 'input "x" has 1 as element 0, but BYTES takes strings'],
    [
      'BYTES',
      '["a","b\\u0000c"]',
      'has "b\\u0000c" as element 1, but BYTES takes strings of whole characters without NUL',
    ],
    ['BYTES', '["\\ud800"]', 'has "\\ud800" as element 0, but BYTES takes strings of whole characters without NUL'],
  ])('%s %s', (datatype, data, message) => {
    expect(() => readOne(datatype, data)).toThrow(message)
  })

  test.each<[string, unknown, string]>([
    ['not an object', [], 'the body must be a JSON object with "inputs"'],
    ['no inputs', {}, '"inputs" must be an array of tensors'],
    ['input not an object', { inputs: [1] }, 'inputs[0] must be an object with name, datatype, shape and data'],
    [
      'unknown input',
      { inputs: [{ ...good, name: 'x' }] },
      'there is no input "x"; this model takes "image" (FP32 [-1,2])',
    ],
    ['missing input', { inputs: [] }, 'input "image" (FP32 [-1,2]) is missing'],
    ['double input', { inputs: [good, good] }, 'input "image" is given twice'],
    [
      'datatype',
      { inputs: [{ ...good, datatype: 'FP64' }] },
      'input "image" has datatype "FP64", but the model takes FP32',
    ],
    ['no datatype', { inputs: [{ ...good, datatype: undefined }] }, 'input "image" has datatype undefined'],
    ['no shape', { inputs: [{ ...good, shape: 4 }] }, 'input "image" needs "shape", an array of integers'],
    ['rank', { inputs: [{ ...good, shape: [4] }] }, 'input "image" has shape [4], but the model takes [-1,2]'],
    ['size', { inputs: [{ ...good, shape: [1, 4] }] }, 'input "image" has shape [1,4], but the model takes [-1,2]'],
    ['negative size', { inputs: [{ ...good, shape: [-1, 2] }] }, 'has shape [-1,2]; sizes are integers of 0 or more'],
    ['fractional size', { inputs: [{ ...good, shape: [1.5, 2] }] }, 'sizes are integers of 0 or more'],
    ['huge shape', { inputs: [{ ...good, shape: [2 ** 40, 2] }] }, 'which is more than 2147483647 elements'],
    ['huge shape times zero', { inputs: [{ ...good, shape: [2 ** 50, 0] }] }, 'which is more than 2147483647 elements'],
    ['no data', { inputs: [{ ...good, data: undefined }] }, 'input "image" needs "data", an array of finite numbers'],
    ['too few', { inputs: [{ ...good, data: [1, 2, 3] }] }, 'has 3 elements in "data", but its shape [2,2] has 4'],
    [
      'ragged',
      { inputs: [{ ...good, data: [[1, 2], [3]] }] },
      'has an array of 1 at depth 1 of "data", where its shape [2,2] has',
    ],
    [
      'too deep',
      {
        inputs: [
          {
            ...good,
            data: [
              [[1], 2],
              [3, 4],
            ],
          },
        ],
      },
      'input "image" has [1] as element 0',
    ],
    ['mixed', { inputs: [{ ...good, data: [[1, 2], 3] }] }, 'has 3 at depth 1 of "data"'],
    [
      'unknown output',
      { inputs: [good], outputs: [{ name: 'y' }] },
      'there is no output "y"; this model gives "label" (INT64 [-1]), "score"',
    ],
    [
      'output twice',
      { inputs: [good], outputs: [{ name: 'score' }, { name: 'score' }] },
      'output "score" is asked for twice',
    ],
    ['id', { id: 5, inputs: [good] }, '"id" must be a string, not 5'],
  ])('%s', (_, body, message) => {
    expect(() => read(JSON.stringify(body))).toThrow(message)
    expect(() => read(JSON.stringify(body))).toThrow(ClientFault)
  })

  test('one input of two is missing', () => {
    expect(() => read(JSON.stringify({ inputs: [good] }), image, flag)).toThrow('input "flag" (BOOL [1]) is missing')
  })

  test.each([
    ['not JSON', Buffer.from('{"inputs": [NaN]}'), '', 'the body is not valid JSON'],
    ['deep nesting', Buffer.from('['.repeat(1_000_000)), '', 'the body is nested more than 256 levels deep'],
    [
      'deep nesting with long integers',
      Buffer.from(`[1234567890123456${',['.repeat(100_000)}${']'.repeat(100_001)}`),
      '',
      'the body is nested more than 256 levels deep',
    ],
    ['not UTF-8', Buffer.of(0xff, 0xfe), '', 'the body is not valid UTF-8'],
    ['not gzip', Buffer.from('{}'), 'gzip', 'the body cannot be unpacked as gzip'],
    [
      'unknown encoding',
      Buffer.from('{}'),
      'zstd',
      'content-encoding "zstd" is not supported; use gzip, deflate or none',
    ],
  ])('%s', (_, body, encoding, message) => {
    expect(() => readBody(body, { encoding, jsonBytes: null }, true)).toThrow(message)
  })
})
