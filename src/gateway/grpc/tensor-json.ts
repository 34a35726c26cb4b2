/** Packed elements of a tensor to JSON, and back. Integers of 64 bits are digits, never a double. */
import { isUtf8 } from 'node:buffer'
import { type Datatype, integerRange, textsOf, viewOf } from './datatypes.ts'
import { arrayOver, newArray } from './typed-arrays.ts'

/** A JSON array is made in pieces of so many elements, and its length is looked at between these. */
const pieceElements = 4_096

export class NoJsonForm extends Error {}
export class TooLong extends Error {}

/** Throws `NoJsonForm` for elements that JSON cannot say, `TooLong` past `charactersMax`. */
export function elementsJson(bytes: Uint8Array, datatype: Datatype, charactersMax: number): string {
  const problem = jsonProblem(bytes, datatype)
  if (problem !== null) throw new NoJsonForm(problem)
  // An element takes a character and its comma.
  if (datatype.width > 0 && (2 * bytes.length) / datatype.width > charactersMax + 1) throw new TooLong()
  const pieces: string[] = []
  let length = 0
  for (const piece of datatype.kind === 'bytes' ? textPieces(bytes) : numberPieces(bytes, datatype)) {
    length += piece.length + 1
    if (length > charactersMax + 1) throw new TooLong()
    pieces.push(piece)
  }
  return `[${pieces.join(',')}]`
}

/** Why the elements have no JSON form; null if they have one. */
export function jsonProblem(bytes: Uint8Array, { name, kind, width }: Datatype): string | null {
  if (kind === 'half') return `is ${name}`
  if (kind === 'bytes') {
    for (const text of textsOf(bytes)) if (!isUtf8(text)) return 'holds bytes that are no text in UTF-8'
  }
  if (kind === 'float') {
    const view = viewOf(bytes)
    for (let at = 0; at < bytes.length; at += width) {
      const value = width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true)
      if (!Number.isFinite(value)) return `holds ${value}`
    }
  }
  return null
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function* textPieces(bytes: Uint8Array): Generator<string> {
  let piece: string[] = []
  for (const text of textsOf(bytes)) {
    piece.push(JSON.stringify(utf8.decode(text)))
    if (piece.length < pieceElements) continue
    yield piece.join(',')
    piece = []
  }
  if (piece.length > 0) yield piece.join(',')
}

function* numberPieces(bytes: Uint8Array, datatype: Datatype): Generator<string> {
  const pieceBytes = pieceElements * datatype.width
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const array = arrayOver(bytes.subarray(at, at + pieceBytes), datatype)
    if (datatype.kind === 'bool') yield Array.from(array, value => String(Boolean(value))).join(',')
    else if (datatype.kind === 'float' && array.some(isMinusZero)) yield Array.from(array, signedText).join(',')
    else yield array.join(',')
  }
}

function isMinusZero(value: unknown): boolean {
  return Object.is(value, -0)
}

function signedText(value: unknown): string {
  return isMinusZero(value) ? '-0.0' : String(value)
}

/** Null if an element is not of the datatype. Whole numbers of 64 bits may come as their digits. */
export function packElements(elements: readonly unknown[], datatype: Datatype): Uint8Array | null {
  if (datatype.kind === 'bytes') return packTexts(elements)
  if (datatype.kind === 'half') return null
  const array = newArray(elements.length, datatype)
  const read = reader(datatype)
  for (let at = 0; at < elements.length; at += 1) {
    const value = read(elements[at])
    if (value === null) return null
    array[at] = value
  }
  return new Uint8Array(array.buffer)
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

type Reader = (element: unknown) => number | bigint | null

function reader(datatype: Datatype): Reader {
  switch (datatype.kind) {
    case 'bool':
      return element => (typeof element === 'boolean' || element === 0 || element === 1 ? Number(element) : null)
    case 'float':
      return element => (typeof element === 'number' ? element : null)
    case 'int64':
      return element => longOf(element, BigInt.asIntN)
    case 'uint64':
      return element => longOf(element, BigInt.asUintN)
    default: {
      const { least, most } = integerRange(datatype)
      const fits = (element: unknown) => Number.isInteger(element) && (element as number) >= least
      return element => (fits(element) && (element as number) <= most ? (element as number) : null)
    }
  }
}

function longOf(element: unknown, within: (bits: number, value: bigint) => bigint): bigint | null {
  const isDigits = typeof element === 'string' && /^-?\d{1,20}$/.test(element)
  if (!isDigits && !Number.isSafeInteger(element)) return null
  const value = BigInt(element as string | number)
  return within(64, value) === value ? value : null
}
