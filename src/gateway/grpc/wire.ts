/**
 * Protocol Buffers as bytes: fields and varints without an object for each. Tensors of millions of elements, and messages
 * that are made to be costly, are walked through here before anything is allocated by what they say.
 */
import { CutoverError } from '../../core/errors.ts'

export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** `from` up to `to` are the bytes of the value: for `bytes` what it holds, without its length. */
export type FieldVisitor = (field: number, wireType: number, from: number, to: number) => void

export type Range = { from: number; to: number }

/** Calls `visit` for each field of the message. Throws invalid-request for what is no message. */
export function walkFields(bytes: Uint8Array, { from, to }: Range, visit: FieldVisitor): void {
  for (let at = from; at < to; ) {
    const start = readVarint(bytes, at, to)
    const field = varint.low >>> 3
    const wireType = varint.low & 7
    const value = valueRange(bytes, wireType, start, to)
    if (field === 0 || value.to > to) throw malformed()
    visit(field, wireType, value.from, value.to)
    at = value.to
  }
}

export function rangeOf(bytes: Uint8Array): Range {
  return { from: 0, to: bytes.length }
}

function valueRange(bytes: Uint8Array, wireType: number, start: number, end: number): Range {
  switch (wireType) {
    case wireTypes.varint:
      return { from: start, to: readVarint(bytes, start, end) }
    case wireTypes.fixed64:
      return { from: start, to: start + 8 }
    case wireTypes.fixed32:
      return { from: start, to: start + 4 }
    case wireTypes.bytes: {
      const from = readVarint(bytes, start, end)
      if (varint.high !== 0) throw malformed()
      return { from, to: from + (varint.low >>> 0) }
    }
    default:
      // Groups are of the first version of the format, and no message here has one.
      throw malformed()
  }
}

/** The value that was read last, as two halves of 32 bits. One for all: reading must not allocate. */
export const varint = { low: 0, high: 0 }

/** Reads into `varint`; the place after it. Throws invalid-request for one that has no end. */
export function readVarint(bytes: Uint8Array, from: number, end: number): number {
  let low = 0
  let high = 0
  let at = from
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= end) throw malformed()
    const byte = bytes[at++] ?? 0
    const bits = byte & 0x7f
    if (shift < 32) low |= bits << shift
    if (shift === 28) high |= bits >>> 4
    if (shift > 28) high |= bits << (shift - 32)
    if (byte >= 0x80) continue
    varint.low = low
    varint.high = high
    return at
  }
  throw malformed()
}

export function varintLength(low: number, high: number): number {
  const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high)
  return Math.max(1, Math.ceil(bits / 7))
}

/** The place after it. */
export function writeVarint(bytes: Uint8Array, from: number, low: number, high: number): number {
  let at = from
  let lower = low >>> 0
  let upper = high >>> 0
  while (upper !== 0 || lower >= 0x80) {
    bytes[at++] = (lower & 0x7f) | 0x80
    lower = ((lower >>> 7) | (upper << 25)) >>> 0
    upper >>>= 7
  }
  bytes[at++] = lower
  return at
}

export function malformed(): CutoverError {
  return new CutoverError('invalid-request', 'the message is not what its service definition says')
}
