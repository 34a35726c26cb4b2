/** Typed contents of a tensor (`InferTensorContents`, as bytes of the message) to packed elements, and back. */
import { tooLarge } from '../request-body.ts'
import { type Datatype, integerRange, textsOf, viewOf } from './datatypes.ts'
import { newArray } from './typed-arrays.ts'
import { malformed, rangeOf, readVarint, varint, varintLength, walkFields, wireTypes, writeVarint } from './wire.ts'

export type Packed = { bytes: Uint8Array; problem: null } | { bytes: null; problem: string }

/**
 * The elements of the one field that the datatype has. `bytesMax` bounds what is allocated, which is known before: a
 * varint of one byte may stand for eight. Throws body-too-large.
 */
export function packContents(contents: Uint8Array, datatype: Datatype, bytesMax: number): Packed {
  const own = datatype.contents
  if (own === null) return { bytes: null, problem: `is ${datatype.name}, which only raw_input_contents can hold` }
  let bytes = 0
  let isForeign = false
  walkFields(contents, rangeOf(contents), (field, wireType, from, to) => {
    if (field === own.field) bytes += packedBytes(contents, datatype, { wireType, from, to })
    else isForeign = true
  })
  if (isForeign) return { bytes: null, problem: `is ${datatype.name}; its contents belong in ${own.name} alone` }
  if (bytes > bytesMax) throw tooLarge(bytesMax)
  return packRuns(contents, datatype, bytes)
}

type Run = { wireType: number; from: number; to: number }

/** Of one occurrence of the field: one element, or in the packed form several. */
function packedBytes(contents: Uint8Array, { kind, width }: Datatype, { wireType, from, to }: Run): number {
  if (kind === 'bytes') {
    if (wireType !== wireTypes.bytes) throw malformed()
    return 4 + to - from
  }
  if (kind === 'float') {
    const isPlain = wireType === (width === 4 ? wireTypes.fixed32 : wireTypes.fixed64)
    if ((!isPlain && wireType !== wireTypes.bytes) || (to - from) % width !== 0) throw malformed()
    return to - from
  }
  if (wireType !== wireTypes.varint && wireType !== wireTypes.bytes) throw malformed()
  let count = 0
  for (let at = from; at < to; at += 1) if ((contents[at] ?? 0) < 0x80) count += 1
  return count * width
}

function packRuns(contents: Uint8Array, datatype: Datatype, bytes: number): Packed {
  const isCopied = datatype.kind === 'float' || datatype.kind === 'bytes'
  return isCopied ? packCopied(contents, datatype, bytes) : packIntegers(contents, datatype, bytes / datatype.width)
}

/** What stands in the message as it stands packed, but for the lengths of texts. */
function packCopied(contents: Uint8Array, { kind }: Datatype, bytes: number): Packed {
  const into = Buffer.alloc(bytes)
  let at = 0
  walkFields(contents, rangeOf(contents), (_field, _wireType, from, to) => {
    if (kind === 'bytes') at = into.writeUInt32LE(to - from, at)
    into.set(contents.subarray(from, to), at)
    at += to - from
  })
  return { bytes: into, problem: null }
}

function packIntegers(contents: Uint8Array, datatype: Datatype, count: number): Packed {
  const { kind, width, name } = datatype
  const { least, most } = integerRange(datatype)
  // Halves of 32 bits, since a bigint for each would cost ten times as much.
  const array = width === 8 ? new Int32Array(2 * count) : newArray(count, datatype)
  let at = 0
  let outside: number | null = null
  walkFields(contents, rangeOf(contents), (_field, _wireType, from, to) => {
    for (let next = from; next < to; ) {
      next = readVarint(contents, next, to)
      if (width === 8) {
        array[at++] = varint.low
        array[at++] = varint.high
        continue
      }
      const value =
        kind === 'bool' ? Number((varint.low | varint.high) !== 0) : kind === 'uint' ? varint.low >>> 0 : varint.low | 0
      if (value < least || value > most) outside ??= value
      array[at++] = value
    }
  })
  if (outside === null) return { bytes: new Uint8Array(array.buffer), problem: null }
  return { bytes: null, problem: `is ${name} and holds ${outside}; it may be from ${least} to ${most}` }
}

/** Null where the datatype has no typed contents. */
export function unpackContents(bytes: Uint8Array, datatype: Datatype): Buffer | null {
  const own = datatype.contents
  if (own === null) return null
  if (bytes.length === 0) return Buffer.alloc(0)
  const tag = (own.field << 3) | wireTypes.bytes
  if (datatype.kind === 'bytes') return unpackTexts(bytes, tag)
  if (datatype.kind === 'float') return underTag(tag, bytes.length, (into, at) => into.set(bytes, at))
  const length = eachInteger(bytes, datatype, varintLength)
  return underTag(tag, length, (into, start) => {
    let at = start
    eachInteger(bytes, datatype, (low, high) => {
      at = writeVarint(into, at, low, high)
      return 0
    })
  })
}

function underTag(tag: number, length: number, fill: (into: Buffer, at: number) => void): Buffer {
  const into = Buffer.alloc(1 + varintLength(length, 0) + length)
  into[0] = tag
  fill(into, writeVarint(into, 1, length, 0))
  return into
}

function unpackTexts(bytes: Uint8Array, tag: number): Buffer {
  const parts: Uint8Array[] = []
  for (const text of textsOf(bytes)) parts.push(underTag(tag, text.length, (into, at) => into.set(text, at)))
  return Buffer.concat(parts)
}

/** The sum of what `use` says of each element, as a varint has it: negative ones are 64 bits long. */
function eachInteger(bytes: Uint8Array, { kind, width }: Datatype, use: (low: number, high: number) => number): number {
  const view = viewOf(bytes)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let sum = 0
  for (let at = 0; at < bytes.length; at += width) {
    if (width === 8) sum += use(view.getUint32(at, true), view.getUint32(at + 4, true))
    else if (kind === 'int') {
      const value = buffer.readIntLE(at, width)
      sum += use(value >>> 0, value < 0 ? 0xffffffff : 0)
    } else sum += use(kind === 'bool' ? Number(bytes[at] !== 0) : buffer.readUIntLE(at, width), 0)
  }
  return sum
}
