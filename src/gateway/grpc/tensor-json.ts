/** Packed elements of a tensor to JSON, and back. Integers of 64 bits are digits, never a double. */
import { type Datatype, integerRange, textsOf, viewOf } from './datatypes.ts'

/** A JSON array is made in pieces of so many elements, and its length is looked at between these. */
const pieceElements = 4_096

export class NoJsonForm extends Error {}
export class TooLong extends Error {}

/** Throws `NoJsonForm` for elements that JSON cannot say, `TooLong` past `charactersMax`. */
export function elementsJson(bytes: Uint8Array, datatype: Datatype, charactersMax: number): string {
  // An element takes a character and its comma.
  if (datatype.width > 0 && (2 * bytes.length) / datatype.width > charactersMax + 1) throw new TooLong()
  const texts = datatype.kind === 'bytes' ? quotedTexts(bytes) : numberTexts(bytes, datatype)
  const pieces: string[] = []
  let piece: string[] = []
  let length = 0
  const flush = () => {
    const text = piece.join(',')
    length += text.length + 1
    if (length > charactersMax + 1) throw new TooLong()
    pieces.push(text)
    piece = []
  }
  for (const text of texts) {
    piece.push(text)
    if (piece.length === pieceElements) flush()
  }
  if (piece.length > 0) flush()
  return `[${pieces.join(',')}]`
}

/** Whether every element has a JSON form. */
export function hasJsonForm(bytes: Uint8Array, datatype: Datatype): boolean {
  const { kind } = datatype
  if (kind === 'half') return false
  if (kind !== 'float' && kind !== 'bytes') return true
  try {
    for (const _ of kind === 'bytes' ? quotedTexts(bytes) : numberTexts(bytes, datatype));
    return true
  } catch (thrown) {
    if (thrown instanceof NoJsonForm) return false
    throw thrown
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function* quotedTexts(bytes: Uint8Array): Generator<string> {
  for (const text of textsOf(bytes)) yield JSON.stringify(decoded(text))
}

function decoded(text: Uint8Array): string {
  try {
    return strictUtf8.decode(text)
  } catch {
    throw new NoJsonForm('holds bytes that are no text in UTF-8')
  }
}

function* numberTexts(bytes: Uint8Array, datatype: Datatype): Generator<string> {
  const view = viewOf(bytes)
  const read = readers[datatype.kind]
  if (read === null) throw new NoJsonForm(`is ${datatype.name}`)
  for (let at = 0; at < bytes.length; at += datatype.width) yield read(view, at, datatype.width)
}

type Reader = (view: DataView, at: number, width: number) => string

const readers: Readonly<Record<Datatype['kind'], Reader | null>> = {
  bool: (view, at) => (view.getUint8(at) === 0 ? 'false' : 'true'),
  int: (view, at, width) => String(signed(view, at, width)),
  uint: (view, at, width) => String(unsigned(view, at, width)),
  int64: (view, at) => String(view.getBigInt64(at, true)),
  uint64: (view, at) => String(view.getBigUint64(at, true)),
  float: (view, at, width) => floatText(width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true)),
  half: null,
  bytes: null,
}

function signed(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getInt8(at)
  return width === 2 ? view.getInt16(at, true) : view.getInt32(at, true)
}

function unsigned(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at)
  return width === 2 ? view.getUint16(at, true) : view.getUint32(at, true)
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) throw new NoJsonForm(`holds ${value}`)
  return Object.is(value, -0) ? '-0.0' : String(value)
}

/** Null if an element is not of the datatype. Whole numbers may come as bigint. */
export function packElements(elements: readonly unknown[], datatype: Datatype): Buffer | null {
  if (datatype.kind === 'bytes') return packTexts(elements)
  if (datatype.kind === 'half') return null
  const into = Buffer.alloc(elements.length * datatype.width)
  for (const [index, element] of elements.entries()) {
    if (!put(into, index * datatype.width, element, datatype)) return null
  }
  return into
}

function packTexts(elements: readonly unknown[]): Buffer | null {
  const parts: Buffer[] = []
  for (const element of elements) {
    if (typeof element !== 'string') return null
    const length = Buffer.alloc(4)
    const text = Buffer.from(element, 'utf8')
    length.writeUInt32LE(text.length)
    parts.push(length, text)
  }
  return Buffer.concat(parts)
}

function put(into: Buffer, at: number, element: unknown, datatype: Datatype): boolean {
  switch (datatype.kind) {
    case 'bool':
      into[at] = Number(element)
      return typeof element === 'boolean' || element === 0 || element === 1
    case 'float':
      if (typeof element !== 'number' && typeof element !== 'bigint') return false
      if (datatype.width === 4) into.writeFloatLE(Number(element), at)
      else into.writeDoubleLE(Number(element), at)
      return true
    case 'int64':
    case 'uint64':
      return putLong(into, at, element, datatype.kind === 'int64')
    default:
      return putInteger(into, at, element, datatype)
  }
}

function putInteger(into: Buffer, at: number, element: unknown, datatype: Datatype): boolean {
  const { least, most } = integerRange(datatype)
  if (typeof element !== 'number' || !Number.isInteger(element) || element < least || element > most) return false
  if (datatype.kind === 'int') into.writeIntLE(element, at, datatype.width)
  else into.writeUIntLE(element, at, datatype.width)
  return true
}

function putLong(into: Buffer, at: number, element: unknown, isSigned: boolean): boolean {
  const isWhole = typeof element === 'bigint' || Number.isSafeInteger(element)
  const value = isWhole ? BigInt(element as number | bigint) : null
  if (value === null || value !== (isSigned ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value))) return false
  if (isSigned) into.writeBigInt64LE(value, at)
  else into.writeBigUInt64LE(value, at)
  return true
}
