/**
 * The input tensors of an Open Inference Protocol v2 request, as JSON or in the binary extension: the JSON names each
 * tensor's size under `parameters.binary_data_size`, and the bytes follow the JSON in the order of the inputs. Only the
 * first row of a tensor is looked at: what comes after it costs nothing.
 */
import { tensorElements } from './tensor-elements.ts'

/** `malformed` if its data are not what its shape and datatype say. */
export type Tensor = FirstRow | 'malformed'

/** The elements of the first row, flat. Shapes are cut along their first dimension, as those of answers are. */
type FirstRow = { width: number; firstRow(index: number): unknown }

/** Tensors of more dimensions are not read. */
const rankMax = 8

/** By name; null if the request has no list of inputs. A tensor without data here, as in shared memory, is left out. */
export function readTensors(document: unknown, binary: Uint8Array): ReadonlyMap<string, Tensor> | null {
  const inputs = field(document, 'inputs')
  if (!Array.isArray(inputs)) return null
  const tensors = new Map<string, Tensor>()
  let offset = 0
  for (const input of inputs) {
    const name = field(input, 'name')
    const size = field(field(input, 'parameters'), 'binary_data_size')
    if (typeof name !== 'string') return null
    if (size === undefined) {
      if (field(input, 'data') !== undefined) tensors.set(name, jsonTensor(input))
      continue
    }
    if (!isCount(size) || offset + size > binary.byteLength) return null
    tensors.set(name, binaryTensor(input, binary.subarray(offset, offset + size)))
    offset += size
  }
  return tensors
}

function jsonTensor(input: unknown): Tensor {
  const shape = shapeOf(input)
  const data = field(input, 'data')
  if (shape === null || !Array.isArray(data)) return 'malformed'
  if (shape.rows === 0) return emptyRow
  const isNested = shape.rank > 1 && Array.isArray(data[0])
  const row: unknown[] = isNested ? data[0].flat(shape.rank - 1) : data
  if (isNested ? row.length !== shape.width : row.length !== shape.rows * shape.width) return 'malformed'
  return { width: shape.width, firstRow: index => (index < shape.width ? row[index] : undefined) }
}

function binaryTensor(input: unknown, bytes: Uint8Array): Tensor {
  const shape = shapeOf(input)
  const datatype = field(input, 'datatype')
  if (shape === null) return 'malformed'
  if (shape.rows === 0) return emptyRow
  if (datatype === 'BYTES') return textTensor(bytes, shape.width)
  const element = typeof datatype === 'string' ? tensorElements.get(datatype) : undefined
  if (element === undefined || bytes.byteLength !== shape.rows * shape.width * element.bytes) return 'malformed'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = (index: number) =>
    index < shape.width ? asFeature(element.read(view, index * element.bytes)) : undefined
  return { width: shape.width, firstRow: read }
}

/** 64-bit integers become the nearest double. */
function asFeature(value: number | boolean | bigint): number | boolean {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Each element is its length, four bytes, least first, and its text. */
function textTensor(bytes: Uint8Array, width: number): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const starts: number[] = []
  let offset = 0
  for (let index = 0; index < width; index += 1) {
    if (offset + 4 > bytes.byteLength) return 'malformed'
    starts.push(offset)
    offset += 4 + view.getUint32(offset, true)
  }
  if (offset > bytes.byteLength) return 'malformed'
  const read = (index: number) => {
    const start = starts[index]
    if (start === undefined) return undefined
    return utf8.decode(bytes.subarray(start + 4, start + 4 + view.getUint32(start, true)))
  }
  return { width, firstRow: read }
}

const utf8 = new TextDecoder()
const emptyRow: Tensor = { width: 0, firstRow: () => undefined }

type Shape = { rank: number; rows: number; width: number }

function shapeOf(input: unknown): Shape | null {
  const shape = field(input, 'shape')
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > rankMax || !shape.every(isCount)) return null
  const [rows = 0, ...inner] = shape
  const width = inner.reduce((product, size) => product * size, 1)
  return Number.isSafeInteger(rows * width) ? { rank: shape.length, rows, width } : null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function field(container: unknown, key: string): unknown {
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) return undefined
  return (container as Record<string, unknown>)[key]
}
