/** Walks over a JSON text without making anything of it. Strict (RFC 8259), bounded in depth; bytes of strings are not decoded. */
import { limits } from './limits.ts'

/** The value of a member or item, from its first byte up to but without `end`. */
export type Span = { start: number; end: number }

/** What is wrong and at which byte. */
export type JsonFault = { fault: string; at: number; isTooDeep?: true }

export function isFault(value: object): value is JsonFault {
  return 'fault' in value
}

export const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
const [quote, backslash, colon, comma, minus, plus, dot, zero] = [0x22, 0x5c, 0x3a, 0x2c, 0x2d, 0x2b, 0x2e, 0x30]
const escaped: ReadonlySet<number> = new Set([...'"\\/bfnrt'].map(char => char.charCodeAt(0)))
const words = ['true', 'false', 'null'].map(word => Uint8Array.from(word, char => char.charCodeAt(0)))

/** Each method moves past what it names, or answers false and stays where the text is wrong. */
export class Scanner {
  at: number
  readonly #bytes: Uint8Array
  readonly #end: number
  #isTooDeep = false

  constructor(bytes: Uint8Array, { start, end }: Span) {
    this.#bytes = bytes
    this.at = start
    this.#end = end
  }

  peek(): number {
    return this.at < this.#end ? (this.#bytes[this.at] ?? -1) : -1
  }

  fault(): JsonFault {
    const { at } = this
    if (this.#isTooDeep) return { fault: `is nested more than ${limits.jsonDepthMax} levels deep`, at, isTooDeep: true }
    return { fault: at >= this.#end ? 'ends too early' : 'is not JSON', at }
  }

  space(): void {
    for (let byte = this.peek(); byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = this.peek())
      this.at += 1
  }

  ends(): boolean {
    this.space()
    return this.at === this.#end
  }

  /** The value that is all of the text but for space around it. */
  only(): Span | null {
    this.space()
    const value = this.#spanOf(() => this.#value(-1))
    return value !== null && this.ends() ? value : null
  }

  object(depth: number, onMember?: (key: Span, value: Span) => void): boolean {
    return this.#list(closeBrace, depth, () => {
      const key = this.#spanOf(() => this.#string())
      this.space()
      if (key === null || !this.#take(colon)) return false
      this.space()
      const value = this.#spanOf(() => this.#value(depth))
      if (value !== null) onMember?.(key, value)
      return value !== null
    })
  }

  array(depth: number, onItem?: (item: Span) => void): boolean {
    return this.#list(closeBracket, depth, () => {
      const item = this.#spanOf(() => this.#value(depth))
      if (item !== null) onItem?.(item)
      return item !== null
    })
  }

  /** From the opening bracket on. */
  #list(close: number, depth: number, one: () => boolean): boolean {
    this.#isTooDeep = depth >= limits.jsonDepthMax
    if (this.#isTooDeep) return false
    this.at += 1
    this.space()
    if (this.#take(close)) return true
    for (;;) {
      if (!one()) return false
      this.space()
      if (this.#take(close)) return true
      if (!this.#take(comma)) return false
      this.space()
    }
  }

  #spanOf(read: () => boolean): Span | null {
    const start = this.at
    return read() ? { start, end: this.at } : null
  }

  #value(depth: number): boolean {
    const first = this.peek()
    if (first === quote) return this.#string()
    if (first === openBrace) return this.object(depth + 1)
    if (first === openBracket) return this.array(depth + 1)
    return first === minus || isDigit(first) ? this.#number() : words.some(word => this.#word(word))
  }

  #string(): boolean {
    if (!this.#take(quote)) return false
    for (;;) {
      this.#plainText()
      if (this.#take(quote)) return true
      if (!(this.#take(backslash) && this.#escape())) return false
    }
  }

  /** Most bytes of a body are such: the loop is kept bare. */
  #plainText(): void {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.at
    for (; at < end; at += 1) {
      const byte = bytes[at] ?? 0
      if (byte === quote || byte === backslash || byte < 0x20) break
    }
    this.at = at
  }

  #escape(): boolean {
    const byte = this.peek()
    if (byte !== 0x75) {
      if (!escaped.has(byte)) return false
      this.at += 1
      return true
    }
    this.at += 1
    for (let digit = 0; digit < 4; digit += 1) {
      if (!isHex(this.peek())) return false
      this.at += 1
    }
    return true
  }

  #number(): boolean {
    this.#take(minus)
    if (!this.#take(zero) && !this.#digits()) return false
    if (this.#take(dot) && !this.#digits()) return false
    if (!this.#take(0x65) && !this.#take(0x45)) return true
    if (!this.#take(plus)) this.#take(minus)
    return this.#digits()
  }

  #digits(): boolean {
    const bytes = this.#bytes
    const start = this.at
    let at = start
    while (at < this.#end && isDigit(bytes[at] ?? 0)) at += 1
    this.at = at
    return at > start
  }

  #word(word: Uint8Array): boolean {
    if (this.at + word.length > this.#end || word.some((byte, i) => this.#bytes[this.at + i] !== byte)) return false
    this.at += word.length
    return true
  }

  #take(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.at += 1
    return true
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}
