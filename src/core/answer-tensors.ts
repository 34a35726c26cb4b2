/**
 * The rows of an output tensor in an Open Inference Protocol answer, as JSON or in the binary extension: there the JSON
 * names each tensor's size under `parameters.binary_data_size`, and the bytes follow it in the order of the outputs.
 */
import type { AnswerRule } from './endpoint.ts'
import { tensorElements } from './tensor-elements.ts'

export type TensorAnswer = { document: unknown; binary: Uint8Array }

type Place = { output: string; read: AnswerRule['read'] }

/** The rows of the named output tensor: cut along the first dimension, each row flat. Null if it cannot be read. */
export function tensorRows({ document, binary }: TensorAnswer, { output, read }: Place): unknown[][] | null {
  const outputs = field(document, 'outputs')
  if (!Array.isArray(outputs)) return null
  const tensor: unknown = outputs.find(one => field(one, 'name') === output)
  const shape = field(tensor, 'shape')
  if (!isShape(shape)) return null
  if (read !== 'value' && shape.length !== 2) return null
  const bytes = bytesOf(tensor, outputs, binary)
  const plain = read === 'argmax' ? nearest : exact
  const elements = bytes === null ? jsonElements(tensor, shape) : binaryElements(tensor, { bytes, shape, plain })
  return elements === null ? null : cutRows(elements, shape)
}

/** In JSON, flat or nested. */
function jsonElements(tensor: unknown, shape: readonly number[]): readonly unknown[] | null {
  const data = field(tensor, 'data')
  if (!Array.isArray(data)) return null
  return data.some(Array.isArray) ? flatten(data, shape) : data
}

/** Tensors of more dimensions are not read. */
const rankMax = 8

function isShape(shape: unknown): shape is number[] {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > rankMax) return false
  return shape.every(size => Number.isSafeInteger(size) && size >= 0)
}

function flatten(data: readonly unknown[], shape: readonly number[]): unknown[] | null {
  return hasShape(data, shape) ? data.flat(shape.length) : null
}

function hasShape(data: unknown, shape: readonly number[]): boolean {
  const [size, ...inner] = shape
  if (size === undefined) return !Array.isArray(data)
  return Array.isArray(data) && data.length === size && data.every(item => hasShape(item, inner))
}

function cutRows(elements: readonly unknown[], shape: readonly number[]): unknown[][] | null {
  const [rowCount = 0, ...inner] = shape
  const width = inner.reduce((product, size) => product * size, 1)
  if (elements.length !== rowCount * width) return null
  if (width === 0 && rowCount > 0) return null
  return Array.from({ length: rowCount }, (_, row) => elements.slice(row * width, (row + 1) * width))
}

/** The bytes of a tensor, null if it is in JSON; none at all if the sizes are not those of what was sent. */
function bytesOf(tensor: unknown, outputs: readonly unknown[], binary: Uint8Array): Uint8Array | null {
  if (binarySize(tensor) === undefined) return null
  let at = 0
  let found: Uint8Array = malformed
  for (const output of outputs) {
    const size = binarySize(output)
    if (size === undefined) continue
    if (!isCount(size) || at + size > binary.byteLength) return malformed
    if (output === tensor) found = binary.subarray(at, at + size)
    at += size
  }
  return at === binary.byteLength ? found : malformed
}

const malformed = new Uint8Array()

function binarySize(output: unknown): unknown {
  return field(field(output, 'parameters'), 'binary_data_size')
}

type Bytes = { bytes: Uint8Array; shape: readonly number[]; plain: (value: number | boolean | bigint) => unknown }

function binaryElements(tensor: unknown, { bytes, shape, plain }: Bytes): unknown[] | null {
  const count = shape.reduce((product, size) => product * size, 1)
  const datatype = field(tensor, 'datatype')
  if (bytes === malformed || typeof datatype !== 'string' || !Number.isSafeInteger(count)) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (datatype === 'BYTES') return texts(view, bytes, count)
  const element = tensorElements.get(datatype)
  if (element === undefined || bytes.byteLength !== count * element.bytes) return null
  return Array.from({ length: count }, (_, index) => plain(element.read(view, index * element.bytes)))
}

/** As in JSON: whole numbers that a double cannot hold are their decimal text. */
function exact(value: number | boolean | bigint): number | boolean | string {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

/** Scores are numbers, and two that a double cannot tell apart are equal. */
function nearest(value: number | boolean | bigint): number | boolean {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Each element is its length, four bytes, least first, and its text; nothing may be left. */
function texts(view: DataView, bytes: Uint8Array, count: number): string[] | null {
  const found: string[] = []
  let at = 0
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > bytes.byteLength) return null
    const end = at + 4 + view.getUint32(at, true)
    const text = end > bytes.byteLength ? null : decode(bytes.subarray(at + 4, end))
    if (text === null) return null
    found.push(text)
    at = end
  }
  return at === bytes.byteLength ? found : null
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export function field(container: unknown, key: string): unknown {
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) return undefined
  return (container as Record<string, unknown>)[key]
}
