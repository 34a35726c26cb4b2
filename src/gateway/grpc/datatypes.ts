/** The datatypes of the Open Inference Protocol as gRPC has them: in which field typed contents stand, and how long an element is as bytes. */
import { CutoverError } from '../../core/errors.ts'

/** How elements of one datatype are read, written and checked. */
export type ElementKind = 'bool' | 'int' | 'uint' | 'int64' | 'uint64' | 'float' | 'half' | 'bytes'

export type Datatype = {
  name: string
  kind: ElementKind
  /** Bytes of an element, least byte first; 0 where each has a length of its own. */
  width: number
  /** The field of `InferTensorContents`; null where only raw contents can hold it. */
  contents: { field: number; name: string } | null
}

const field = (number: number, name: string) => ({ field: number, name })
const ints = field(2, 'int_contents')
const uints = field(4, 'uint_contents')

const list: readonly Datatype[] = [
  { name: 'BOOL', kind: 'bool', width: 1, contents: field(1, 'bool_contents') },
  { name: 'INT8', kind: 'int', width: 1, contents: ints },
  { name: 'INT16', kind: 'int', width: 2, contents: ints },
  { name: 'INT32', kind: 'int', width: 4, contents: ints },
  { name: 'INT64', kind: 'int64', width: 8, contents: field(3, 'int64_contents') },
  { name: 'UINT8', kind: 'uint', width: 1, contents: uints },
  { name: 'UINT16', kind: 'uint', width: 2, contents: uints },
  { name: 'UINT32', kind: 'uint', width: 4, contents: uints },
  { name: 'UINT64', kind: 'uint64', width: 8, contents: field(5, 'uint64_contents') },
  { name: 'FP16', kind: 'half', width: 2, contents: null },
  { name: 'BF16', kind: 'half', width: 2, contents: null },
  { name: 'FP32', kind: 'float', width: 4, contents: field(6, 'fp32_contents') },
  { name: 'FP64', kind: 'float', width: 8, contents: field(7, 'fp64_contents') },
  { name: 'BYTES', kind: 'bytes', width: 0, contents: field(8, 'bytes_contents') },
]

export const datatypes: ReadonlyMap<string, Datatype> = new Map(list.map(one => [one.name, one]))

/** A tensor in the one form that all others are made from and into: its elements as the binary extension has them. */
export type PackedTensor = {
  name: string
  datatype: Datatype
  shape: readonly number[]
  bytes: Uint8Array
}

/** The product of the sizes; null if one is negative or no whole number, or if the product is no exact number. */
export function elementCount(shape: readonly number[]): number | null {
  let count = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return null
    count *= size
    if (!Number.isSafeInteger(count)) return null
  }
  return count
}

/** What is wrong with the bytes, null if they are as many elements as they should be. Allocates nothing. */
export function packedProblem({ datatype, shape, bytes }: Omit<PackedTensor, 'name'>): string | null {
  const count = elementCount(shape)
  if (count === null) return `has the shape ${shapeText(shape)}, which no tensor has`
  const found = packedCount(bytes, datatype)
  if (found === null) return `has ${bytes.length} bytes that are not whole elements of ${datatype.name}`
  return found === count ? null : `has ${found} elements where its shape ${shapeText(shape)} has ${count}`
}

export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** Null for bytes that are no whole elements. */
function packedCount(bytes: Uint8Array, { width }: Datatype): number | null {
  if (width > 0) return bytes.length % width === 0 ? bytes.length / width : null
  const view = viewOf(bytes)
  let count = 0
  let at = 0
  for (; at + 4 <= bytes.length; count += 1) at += 4 + view.getUint32(at, true)
  return at === bytes.length ? count : null
}

/** Each element of BYTES, as a view. */
export function* textsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const view = viewOf(bytes)
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + view.getUint32(at, true)
    yield bytes.subarray(at + 4, end)
    at = end
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Of whole numbers that are shorter than 64 bits. */
export function integerRange({ kind, width }: Datatype): { least: number; most: number } {
  const values = 2 ** (8 * width)
  return kind === 'uint' ? { least: 0, most: values - 1 } : { least: -values / 2, most: values / 2 - 1 }
}

export function badInput(name: string, problem: string): CutoverError {
  return new CutoverError('tensor-invalid', `input ${JSON.stringify(name.slice(0, 100))} ${problem}`)
}
