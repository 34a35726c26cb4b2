/** What a message of `ModelInfer` is by the specification's own definition, and what a gateway before an echoing model must make of it. */
import { isDeepStrictEqual } from 'node:util'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { specification } from '../support/grpc-caller.ts'

type Contents = Readonly<Record<string, readonly unknown[]>>
type Tensor = {
  name: string
  datatype: string
  shape: readonly string[]
  contents: Contents | null
  parameters: Readonly<Record<string, { parameter_choice?: string; double_param?: number }>>
}
export type InferRequest = {
  model_name: string
  model_version: string
  id: string
  inputs: readonly Tensor[]
  outputs: readonly { parameters: Tensor['parameters'] }[]
  parameters: Tensor['parameters']
  raw_input_contents: readonly Buffer[]
}
export type InferResponse = {
  model_version: string
  id: string
  outputs: readonly Tensor[]
  raw_output_contents: readonly Buffer[]
}

const service = (specification as Readonly<Record<string, ServiceDefinition>>)['inference.GRPCInferenceService']

export const decodeAnswer = (bytes: Buffer) => method('ModelInfer').responseDeserialize(bytes) as InferResponse
export const decodeStreamed = (bytes: Buffer) =>
  method('ModelStreamInfer').responseDeserialize(bytes) as {
    error_message: string
    infer_response: InferResponse | null
  }

/** Null for what is no such message. The library reads a text that ends too early as a shorter one. */
export function decodeRequest(bytes: Buffer): InferRequest | null {
  try {
    if (!isWellFormed(bytes, infer)) return null
    return method('ModelInfer').requestDeserialize(bytes) as InferRequest
  } catch {
    return null
  }
}

function method(name: string) {
  const found = service?.[name]
  if (found === undefined) throw new Error(`the specification has no ${name}`)
  return found
}

/** The wire types of each field, and the fields of what it holds. */
type Nested = { readonly [field: number]: { types: string; inside?: Nested; once?: true }; readonly others?: 'none' }
const parameter = {
  types: '2',
  inside: {
    1: { types: '2' },
    2: { types: '2', inside: Object.fromEntries(['0', '0', '2', '1', '0'].map((types, at) => [at + 1, { types }])) },
  },
}
/** A field that the specification lacks could hold the tensor: what has one is refused. */
const contents: Nested = {
  ...Object.fromEntries(['02', '02', '02', '02', '02', '25', '12', '2'].map((types, at) => [at + 1, { types }])),
  others: 'none',
}
const text = { types: '2' }
const infer: Nested = {
  ...{ 1: text, 2: text, 3: text, 4: parameter, 7: text },
  5: {
    types: '2',
    inside: { 1: text, 2: text, 3: { types: '02' }, 4: parameter, 5: { types: '2', inside: contents, once: true } },
  },
  6: { types: '2', inside: { 1: text, 2: parameter } },
}

/** Tags and lengths as the encoding has them; groups are of no message here. */
function isWellFormed(bytes: Buffer, nested: Nested): boolean {
  const fields = fieldsOf(bytes)
  if (fields === null) return false
  let hasOne = false
  for (const { number, type, content } of fields) {
    const { types, inside, once = false } = nested[number] ?? { types: nested.others === 'none' ? '' : '0125' }
    if (!types.includes(String(type)) || (once && hasOne)) return false
    hasOne ||= once
    if (inside !== undefined && !isWellFormed(content, inside)) return false
  }
  return true
}

/**
 * The library takes a varint of six to nine bytes for one of ten where it expects a bool or 32 bits, and reads on behind the
 * wrong byte; the encoding allows any length. Of such a message it has nothing to say.
 */
export function isMisread(bytes: Buffer): boolean {
  const isOdd = ({ type, content }: Field): boolean =>
    (type === 0 && content.length > 5 && content.length < 10) ||
    (type === 2 && oddVarints.test(content.toString('latin1')))
  return (fieldsOf(bytes) ?? []).some(isOdd)
}

/** Wherever such bytes stand, so that some messages are passed over that it reads well. */
const oddVarints = /(?:^|[\0-\x7f])[\x80-\xff]{5,8}[\0-\x7f]/

type Field = { number: number; type: number; content: Buffer }

/** Null where the bytes are no fields. */
function fieldsOf(bytes: Buffer): Field[] | null {
  const fields: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const key = varintAt(bytes, at)
    if (key === null || key.value >> 3n === 0n || key.value >= 2n ** 32n) return null
    const type = Number(key.value & 7n)
    const value = type === 0 || type === 2 ? varintAt(bytes, key.end) : null
    const end = type === 0 ? value?.end : type === 1 ? key.end + 8 : type === 5 ? key.end + 4 : endOf(type, value)
    if (end === undefined || end > bytes.length) return null
    const from = type === 2 ? value?.end : key.end
    fields.push({ number: Number(key.value >> 3n), type, content: bytes.subarray(from, end) })
    at = end
  }
  return fields
}

function endOf(type: number, length: { value: bigint; end: number } | null): number | undefined {
  return type === 2 && length !== null && length.value < 2n ** 32n ? length.end + Number(length.value) : undefined
}

function varintAt(bytes: Buffer, from: number): { value: bigint; end: number } | null {
  let value = 0n
  for (let at = from; at < Math.min(bytes.length, from + 10); at += 1) {
    const byte = bytes[at] ?? 0
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - from))
    if (byte < 0x80) return { value, end: at + 1 }
  }
  return null
}

const kinds: Readonly<Record<string, { field: string; width: number; least?: number; most?: number }>> = {
  BOOL: { field: 'bool_contents', width: 1 },
  INT8: { field: 'int_contents', width: 1, least: -128, most: 127 },
  INT16: { field: 'int_contents', width: 2, least: -32_768, most: 32_767 },
  INT32: { field: 'int_contents', width: 4 },
  INT64: { field: 'int64_contents', width: 8 },
  UINT8: { field: 'uint_contents', width: 1, least: 0, most: 255 },
  UINT16: { field: 'uint_contents', width: 2, least: 0, most: 65_535 },
  UINT32: { field: 'uint_contents', width: 4 },
  UINT64: { field: 'uint64_contents', width: 8 },
  FP16: { field: '', width: 2 },
  BF16: { field: '', width: 2 },
  FP32: { field: 'fp32_contents', width: 4 },
  FP64: { field: 'fp64_contents', width: 8 },
  BYTES: { field: 'bytes_contents', width: 0 },
}

/** Whether a model that takes everything must be asked. */
export function isSound(request: InferRequest): boolean {
  const { inputs, raw_input_contents: raw, model_name: name, model_version: version } = request
  const all = [request.parameters, ...inputs.map(one => one.parameters), ...request.outputs.map(one => one.parameters)]
  if (name !== 'digits' || !['', 'v1', 'v2'].includes(version)) return false
  if (!all.flatMap(parameters => Object.entries(parameters)).every(isParameter)) return false
  if (raw.length > 0 && raw.length !== inputs.length) return false
  return inputs.every((input, at) => isSoundTensor(input, raw[at] ?? null))
}

const unsent: ReadonlySet<string> = new Set(['binary_data_size', 'binary_data', 'binary_data_output'])

function isParameter([name, { parameter_choice: choice, double_param: double }]: [
  string,
  Tensor['parameters'][string],
]): boolean {
  return unsent.has(name) || (choice !== undefined && (choice !== 'double_param' || Number.isFinite(double)))
}

function isSoundTensor({ datatype, shape, contents }: Tensor, raw: Buffer | null): boolean {
  const kind = kinds[datatype]
  if (kind === undefined) return false
  const sizes = shape.map(Number)
  const count = sizes.reduce((product, size) => product * size, 1)
  if (sizes.some(size => size < 0 || !Number.isSafeInteger(size)) || !Number.isSafeInteger(count)) return false
  const filled = Object.entries(contents ?? {}).filter(([, values]) => Array.isArray(values) && values.length > 0)
  if (raw !== null) return filled.length === 0 && elementsIn(raw, kind.width) === count
  if (kind.field === '' || filled.some(([field]) => field !== kind.field)) return false
  const values = contents?.[kind.field] ?? []
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = kind
  return values.length === count && values.every(value => typeof value !== 'number' || isWithin(value, least, most))
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isNaN(value) || (value >= least && value <= most)
}

function elementsIn(bytes: Buffer, width: number): number | null {
  if (width > 0) return bytes.length % width === 0 ? bytes.length / width : null
  let count = 0
  let at = 0
  for (; at + 4 <= bytes.length; count += 1) at += 4 + bytes.readUInt32LE(at)
  return at === bytes.length ? count : null
}

/** What is wrong with an answer of a model that gives back what it gets; null for nothing. */
export function foreignIn(request: InferRequest, answer: InferResponse): string | null {
  if (answer.id !== request.id) return `the id ${answer.id} answers ${request.id}`
  if (answer.model_version !== (request.model_version || 'v1')) return `version ${answer.model_version} answered`
  const told = (tensors: readonly Tensor[]) => tensors.map(one => [one.name, one.datatype, one.shape])
  if (!isDeepStrictEqual(told(answer.outputs), told(request.inputs))) return 'the tensors are others'
  const { raw_input_contents: raw } = request
  if (raw.length > 0) return isDeepStrictEqual(answer.raw_output_contents, raw) ? null : 'raw contents are others'
  // NaN and the like have no JSON form: such an answer is raw as a whole.
  if (answer.raw_output_contents.length > 0) return null
  const values = (tensors: readonly Tensor[]) =>
    tensors.map(one => Object.entries(one.contents ?? {}).filter(([, some]) => some.length > 0))
  return isDeepStrictEqual(values(answer.outputs), values(request.inputs)) ? null : 'typed contents are others'
}
