import { ClientFault } from '../../../src/adapters/deployer/onnx/client-fault.ts'
import { readBody } from '../../../src/adapters/deployer/onnx/infer-body.ts'
import { readInferRequest } from '../../../src/adapters/deployer/onnx/infer-request.ts'
import { fromBytes, toBytes } from '../../../src/adapters/deployer/onnx/tensor-bytes.ts'
import { readAnswer } from '../../../src/core/answer.ts'
import { CutoverError } from '../../../src/core/errors.ts'
import { readTensors } from '../../../src/core/tensors.ts'
import type { ModelMetadata } from '../../../src/ports/backend.ts'
import type { Draw } from '../answer-bytes.ts'
import { type Fuzzer, unforeseen } from '../fuzzer.ts'
import { drawObject, type Words } from '../json-text.ts'

const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
]
const words: Words = {
  names: [
    'inputs',
    'outputs',
    'name',
    'shape',
    'datatype',
    'data',
    'parameters',
    'binary_data_size',
    'binary_data',
    'id',
  ],
  values: [
    ...datatypes.map(type => `"${type}"`),
    '"x"',
    '[1,2]',
    '[2,2]',
    '[-1]',
    '[4294967296,4294967296]',
    '8',
    '4',
    '[[1,2],[3,4]]',
  ],
}
const model: ModelMetadata = {
  platform: 'onnx',
  inputs: datatypes.map(datatype => ({ name: datatype, datatype, shape: [-1, -1] })),
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
} as unknown as ModelMetadata

/** The length of the JSON in two bytes, the JSON, the tensors behind it. */
function drawRequest(draw: Draw): Buffer {
  const json = Buffer.from(draw.chance(0.3) ? drawObject(draw, words, 0.02, 4) : JSON.stringify(drawInputs(draw)))
  const binary = Buffer.from(Array.from({ length: draw.below(24) }, () => (draw.chance(0.5) ? 0 : draw.below(256))))
  return Buffer.concat([Buffer.of(json.length >> 8, json.length & 0xff), json, binary])
}

function drawInputs(draw: Draw): object {
  const input = () => {
    const datatype = draw.of(datatypes)
    const shape = draw.of([[1, 2], [2, 1], [0, 1], [1], [2, 2], [1, 1, 1], [2 ** 31, 2 ** 31], [-1, 2]])
    const sized = { parameters: { binary_data_size: draw.of([0, 1, 2, 4, 8, 16, 1e9, -1]) } }
    const data = {
      data: draw.of<unknown>([
        [1, 2],
        [[1], [2]],
        [true, false],
        ['a', 'b'],
        [1e300],
        [],
        [[]],
        [null],
        'x',
        [-1, 256],
      ]),
    }
    return { name: datatype, datatype, shape, ...(draw.chance(0.5) ? sized : data) }
  }
  return { inputs: Array.from({ length: draw.below(4) }, input), outputs: draw.of([undefined, [], [{ name: 'y' }]]) }
}

/** A request or an answer with tensors that throws anything but what a caller can be told. */
export const tensors: Fuzzer = {
  name: 'tensors',
  make: drawRequest,
  check: input => {
    if (input.length < 2) return null
    const jsonBytes = input.readUInt16BE(0)
    const body = input.subarray(2)
    const isMeant = (thrown: unknown) => thrown instanceof ClientFault || thrown instanceof CutoverError
    return (
      unforeseen(() => readInferRequest(readBody(body, { encoding: '', jsonBytes }, true), model), isMeant) ??
      unforeseen(
        () => readFirstRows(body, jsonBytes),
        () => false,
      ) ??
      unforeseen(
        () => readAnswers(body, jsonBytes),
        () => false,
      ) ??
      roundTripFault(body.subarray(jsonBytes))
    )
  },
}

function readFirstRows(body: Buffer, jsonBytes: number): void {
  const document = parse(body.subarray(0, jsonBytes))
  const read = readTensors(document, body.subarray(jsonBytes))
  for (const tensor of read?.values() ?? [])
    if (tensor !== 'malformed') for (let at = 0; at < Math.min(tensor.width, 10); at += 1) tensor.firstRow(at)
}

function readAnswers(body: Buffer, jsonBytes: number): void {
  const contentType = 'application/json'
  for (const protocol of ['open-inference', 'http', 'openai'] as const)
    for (const read of ['value', 'argmax'] as const)
      for (const length of [jsonBytes, null])
        readAnswer({
          body,
          contentType,
          jsonBytes: length,
          protocol,
          rule: { output: protocol === 'http' ? '/outputs/0/data' : 'y', read } as never,
        })
}

/** What was read from bytes is written as the same bytes. */
function roundTripFault(binary: Buffer): string | null {
  for (const datatype of datatypes)
    for (let count = 0; count <= binary.length; count += 1) {
      const data = fromBytes(datatype, binary, count)
      if (!('problem' in data) && !Buffer.from(toBytes(data)).equals(binary))
        return `${datatype} is written otherwise than it was read`
    }
  return null
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
