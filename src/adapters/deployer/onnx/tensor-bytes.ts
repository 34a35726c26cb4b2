/**
 * Tensors as bytes (the binary tensor extension): least byte first, row after row, without gaps. An element of BYTES is
 * its length in four bytes and its text.
 */
import { isText, type TensorData } from './datatypes.ts'

/** The elements, or what is wrong with the bytes. */
export type FromBytes = TensorData | { problem: string }

/** How many bytes so many elements take; null where that depends on them. */
export function elementBytes(datatype: string): number | null {
  return views.get(datatype)?.BYTES_PER_ELEMENT ?? null
}

export function fromBytes(datatype: string, bytes: Uint8Array, count: number): FromBytes {
  if (datatype === 'BYTES') return textsOf(bytes, count)
  const view = views.get(datatype)
  if (view === undefined) throw new Error(`no such datatype: ${datatype}`)
  const size = view.BYTES_PER_ELEMENT
  if (bytes.byteLength !== count * size) {
    return { problem: `${bytes.byteLength} bytes, where ${count} elements of ${datatype} take ${count * size}` }
  }
  const data = elementsOf(view, bytes, count)
  const bad = datatype === 'BOOL' ? (data as Uint8Array).findIndex(value => value > 1) : -1
  return bad === -1 ? data : { problem: `${data[bad]} as element ${bad}, where BOOL takes 0 or 1` }
}

/** A view of the elements themselves where these are numbers. */
export function toBytes(data: TensorData): Uint8Array {
  if (Array.isArray(data)) return bytesOfTexts(data)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

type NumberView = {
  BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, offset: number, length: number): Exclude<TensorData, string[]>
}

/** FP16 is passed through as its bits: nothing here computes with it. */
const views: ReadonlyMap<string, NumberView> = new Map<string, NumberView>([
  ['BOOL', Uint8Array],
  ['UINT8', Uint8Array],
  ['UINT16', Uint16Array],
  ['UINT32', Uint32Array],
  ['UINT64', BigUint64Array],
  ['INT8', Int8Array],
  ['INT16', Int16Array],
  ['INT32', Int32Array],
  ['INT64', BigInt64Array],
  ['FP16', Uint16Array],
  ['FP32', Float32Array],
  ['FP64', Float64Array],
])

/** Copied where they do not begin at a multiple of their size, as behind a JSON of any length. */
function elementsOf(View: NumberView, bytes: Uint8Array, count: number) {
  const isAligned = bytes.byteOffset % View.BYTES_PER_ELEMENT === 0
  const { buffer, byteOffset } = isAligned ? bytes : new Uint8Array(bytes)
  return new View(buffer, byteOffset, count)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lengthBytes = 4

function textsOf(bytes: Uint8Array, count: number): FromBytes {
  // Before anything is made: the shape may claim billions.
  if (bytes.byteLength < count * lengthBytes) {
    return {
      problem: `${bytes.byteLength} bytes, where ${count} elements of BYTES take at least ${count * lengthBytes}`,
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const texts: string[] = []
  let at = 0
  while (texts.length < count) {
    const start = at + lengthBytes
    if (start > bytes.byteLength) return { problem: `no length before element ${texts.length}` }
    const length = view.getUint32(at, true)
    if (start + length > bytes.byteLength) {
      return { problem: `${length} bytes as the length of element ${texts.length}, which is more than there are` }
    }
    const text = textOf(bytes.subarray(start, start + length))
    if (text === null) return { problem: `element ${texts.length}, which is not valid UTF-8` }
    if (!isText(text)) return { problem: `a NUL in element ${texts.length}, where BYTES takes texts without one` }
    texts.push(text)
    at = start + length
  }
  return at === bytes.byteLength ? texts : { problem: `${bytes.byteLength - at} bytes after its last element` }
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}

function bytesOfTexts(texts: readonly string[]): Uint8Array {
  const encoded = texts.map(text => Buffer.from(text))
  const whole = Buffer.alloc(encoded.reduce((sum, { byteLength }) => sum + lengthBytes + byteLength, 0))
  let at = 0
  for (const text of encoded) {
    whole.writeUInt32LE(text.byteLength, at)
    whole.set(text, at + lengthBytes)
    at += lengthBytes + text.byteLength
  }
  return whole
}
