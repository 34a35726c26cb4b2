/** Packed elements of a tensor to JSON, and back. Integers of 64 bits are digits, never a double. */
import { tensorElements } from '../../core/tensor-elements.ts'
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

function* numberTexts(bytes: Uint8Array, { name, kind }: Datatype): Generator<string> {
  const element = kind === 'half' ? undefined : tensorElements.get(name)
  if (element === undefined) throw new NoJsonForm(`is ${name}`)
  const view = viewOf(bytes)
  for (let at = 0; at < bytes.length; at += element.bytes) {
    const value = element.read(view, at)
    yield kind === 'float' ? floatText(Number(value)) : String(value)
  }
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
