/**
 * Finds in the bytes of a JSON text what a pointer leads to, without making the rest of it: reading a text of 300 bytes whole
 * takes ten times as long. It answers only where it is certain that a full reading would say the same, and says
 * `unsure` for everything unusual, such as bytes that are no ASCII, escapes in names, lists on the pointer's way.
 */

/** The value's bytes; `missing` if a valid text has none, `broken` if the text is no JSON. */
export type Pointed = { from: number; to: number } | 'missing' | 'broken' | 'unsure'

/** Names on the way as bytes; null for pointers that this does not follow. */
export function pointerNames(pointer: string): readonly Uint8Array[] | null {
  if (!/^(\/[\x20-\x2e\x30-\x7d]*)+$/.test(pointer)) return null
  return pointer
    .slice(1)
    .split('/')
    .map(name => Uint8Array.from(name, character => character.charCodeAt(0)))
}

/** Deeper texts are read whole. */
const depthMax = 32

const unsure = -1
const broken = -2
const unsureName = -2

export function pointAt(bytes: Uint8Array, names: readonly Uint8Array[]): Pointed {
  const scan = new Scan(bytes, names)
  const end = scan.value(skipSpace(bytes, 0), 0, 0)
  if (end === unsure) return 'unsure'
  if (end === broken || skipSpace(bytes, end) !== bytes.length) return scan.sawOddByte() ? 'unsure' : 'broken'
  return scan.from === -1 ? 'missing' : { from: scan.from, to: scan.to }
}

/** Every step takes a place and gives the place behind what it read, or `unsure` or `broken`. */
class Scan {
  readonly #bytes: Uint8Array
  readonly #names: readonly Uint8Array[]
  from = -1
  to = -1
  /** The text that was read last has an escape. */
  #hasEscape = false

  constructor(bytes: Uint8Array, names: readonly Uint8Array[]) {
    this.#bytes = bytes
    this.#names = names
  }

  /** What is broken before the first odd byte may be read otherwise by a full reading, for instance behind a byte order mark. */
  sawOddByte(): boolean {
    return this.#bytes.some(byte => byte > 0x7e)
  }

  /** `followed`: so many names of the pointer lead here; -1 if none do. */
  value(at: number, followed: number, depth: number): number {
    const isTarget = followed === this.#names.length
    if (isTarget) this.from = -1
    const end = this.#any(at, isTarget ? -1 : followed, depth)
    if (isTarget && end >= 0) {
      this.from = at
      this.to = end
    }
    return end
  }

  #any(at: number, followed: number, depth: number): number {
    switch (this.#bytes[at]) {
      case quote:
        return this.#text(at + 1)
      case openBrace:
        return this.#object(at + 1, followed, depth)
      case openBracket:
        return this.#list(at + 1, followed, depth)
      case letterT:
        return this.#word(at, trueBytes)
      case letterF:
        return this.#word(at, falseBytes)
      case letterN:
        return this.#word(at, nullBytes)
      default:
        return this.#number(at)
    }
  }

  #object(start: number, followed: number, depth: number): number {
    const bytes = this.#bytes
    if (depth === depthMax) return unsure
    let at = skipSpace(bytes, start)
    if (bytes[at] === closeBrace) return at + 1
    for (;;) {
      if (bytes[at] !== quote) return broken
      const behindName = this.#text(at + 1)
      if (behindName < 0) return behindName
      const leads = followed === -1 ? -1 : this.#leads(at + 1, behindName - 1, followed)
      if (leads === unsureName) return unsure
      // Of a name that comes twice the last value counts: what was found behind the first one is gone.
      if (leads !== -1) this.from = -1
      at = skipSpace(bytes, behindName)
      if (bytes[at] !== colon) return broken
      at = this.value(skipSpace(bytes, at + 1), leads, depth + 1)
      if (at < 0) return at
      at = skipSpace(bytes, at)
      if (bytes[at] === closeBrace) return at + 1
      if (bytes[at] !== comma) return broken
      at = skipSpace(bytes, at + 1)
    }
  }

  #list(start: number, followed: number, depth: number): number {
    const bytes = this.#bytes
    // The pointer may name an item by its number.
    if (followed !== -1 || depth === depthMax) return unsure
    let at = skipSpace(bytes, start)
    if (bytes[at] === closeBracket) return at + 1
    for (;;) {
      at = this.value(at, -1, depth + 1)
      if (at < 0) return at
      at = skipSpace(bytes, at)
      const byte = bytes[at]
      if (byte === closeBracket) return at + 1
      if (byte !== comma) return broken
      at = skipSpace(bytes, at + 1)
    }
  }

  /** How many names are followed with this one; -1 if it is another one, `unsureName` if it has an escape. */
  #leads(from: number, to: number, followed: number): number {
    if (this.#hasEscape) return unsureName
    const bytes = this.#bytes
    const name = this.#names[followed]
    if (to - from !== name?.length) return -1
    for (let at = from; at < to; at += 1) if (bytes[at] !== name[at - from]) return -1
    return followed + 1
  }

  #text(start: number): number {
    const bytes = this.#bytes
    const end = bytes.length
    this.#hasEscape = false
    for (let at = start; at < end; at += 1) {
      while (at < end && isPlain[bytes[at] as number] === 1) at += 1
      const byte = bytes[at] ?? 0
      if (byte === quote) return at + 1
      if (at === end) return broken
      if (byte < 0x20) return broken
      if (byte > 0x7e) return unsure
      if (byte !== backslash) continue
      this.#hasEscape = true
      at += 1
      const escaped = bytes[at] ?? 0
      if (escaped === letterU) return unsure
      if (!isEscape(escaped)) return broken
    }
    return broken
  }

  #number(start: number): number {
    const bytes = this.#bytes
    let at = bytes[start] === minus ? start + 1 : start
    if (bytes[at] === zero) at += 1
    else {
      const from = at
      at = skipDigits(bytes, at)
      if (at === from) return broken
    }
    if (bytes[at] === point) {
      const from = at + 1
      at = skipDigits(bytes, from)
      if (at === from) return broken
    }
    if (bytes[at] === letterE || bytes[at] === letterE - 32) {
      at += 1
      if (bytes[at] === minus || bytes[at] === plus) at += 1
      const from = at
      at = skipDigits(bytes, at)
      if (at === from) return broken
    }
    return at
  }

  #word(start: number, word: Uint8Array): number {
    for (let index = 0; index < word.length; index += 1) if (this.#bytes[start + index] !== word[index]) return broken
    return start + word.length
  }
}

const [quote, backslash, comma, colon, minus, plus, point, zero] = [0x22, 0x5c, 0x2c, 0x3a, 0x2d, 0x2b, 0x2e, 0x30]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
const [letterE, letterF, letterN, letterT, letterU] = [0x65, 0x66, 0x6e, 0x74, 0x75]
const [trueBytes, falseBytes, nullBytes] = ['true', 'false', 'null'].map(word =>
  Uint8Array.from(word, letter => letter.charCodeAt(0)),
) as [Uint8Array, Uint8Array, Uint8Array]

/** Of a text: what needs no second look, which is nearly all of it. */
const isPlain = Uint8Array.from({ length: 256 }, (_, code) =>
  code >= 0x20 && code <= 0x7e && code !== quote && code !== backslash ? 1 : 0,
)

function skipSpace(bytes: Uint8Array, start: number): number {
  const end = bytes.length
  let at = start
  for (; at < end; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at
  }
  return at
}

function skipDigits(bytes: Uint8Array, start: number): number {
  const end = bytes.length
  let at = start
  for (; at < end; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte < 0x30 || byte > 0x39) return at
  }
  return at
}

/** " \ / b f n r t */
function isEscape(byte: number): boolean {
  return (
    byte === quote ||
    byte === backslash ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  )
}
