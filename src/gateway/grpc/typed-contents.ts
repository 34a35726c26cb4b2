/** Typed contents of a tensor (`InferTensorContents`, as bytes of the message) to packed elements, and back. */
import { tooLarge } from '../request-body.ts'
import { type Datatype, integerRange, textsOf, viewOf } from './datatypes.ts'
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
  return pack(contents, datatype, Buffer.alloc(bytes))
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

function pack(contents: Uint8Array, datatype: Datatype, into: Buffer): Packed {
  let at = 0
  let problem: string | null = null
  walkFields(contents, rangeOf(contents), (_field, _wireType, from, to) => {
    if (datatype.kind === 'bytes') {
      into.writeUInt32LE(to - from, at)
      into.set(contents.subarray(from, to), at + 4)
      at += 4 + to - from
    } else if (datatype.kind === 'float') {
      into.set(contents.subarray(from, to), at)
      at += to - from
    } else {
      for (let next = from; next < to; at += datatype.width) {
        next = readVarint(contents, next, to)
        problem ??= putInteger(into, at, datatype)
      }
    }
  })
  return problem === null ? { bytes: into, problem } : { bytes: null, problem }
}

/** Writes what `varint` holds; what is wrong with it otherwise. */
function putInteger(into: Buffer, at: number, datatype: Datatype): string | null {
  const { kind, width, name } = datatype
  const { low, high } = varint
  if (kind === 'bool') into[at] = low !== 0 || high !== 0 ? 1 : 0
  else if (width === 8) {
    into.writeInt32LE(low | 0, at)
    into.writeInt32LE(high | 0, at + 4)
  } else {
    const value = kind === 'uint' ? low >>> 0 : low | 0
    const { least, most } = integerRange(datatype)
    if (value < least || value > most) return `is ${name} and holds ${value}; it may be from ${least} to ${most}`
    if (kind === 'uint') into.writeUIntLE(value, at, width)
    else into.writeIntLE(value, at, width)
  }
  return null
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
