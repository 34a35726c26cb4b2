import { limits } from '../limits.ts'
import { byte, hexValues, isTokenByte, isValueByte, refused } from './chars.ts'
import { FieldLine, isFramingField } from './field-line.ts'

/** Hexadecimal digits of a size behind its leading zeros: what a double counts exactly. */
const sizeDigitsMax = 13
const leadingZerosMax = 64

const state = {
  firstDigit: 0,
  digits: 1,
  extensionName: 2,
  extensionValue: 3,
  quoted: 4,
  escaped: 5,
  afterQuoted: 6,
  sizeLf: 7,
  dataCr: 8,
  dataLf: 9,
  trailer: 10,
  done: 11,
} as const

/**
 * The chunked coding (RFC 9112, 7.1), in any portions. Extensions are read over and trailers are held against the
 * grammar and dropped, both within bounds. Its user takes the data itself, so that nothing is copied:
 *
 * while (at < end && !decoder.isDone) {
 *   if (decoder.dataLeft > 0) take up to `dataLeft` bytes at `at` and tell `decoder.took(count)`
 *   else at = decoder.read(bytes, at, end), unless it is `refused`
 * }
 */
export class ChunkedDecoder {
  /** Bytes of data that come next, before anything else. */
  dataLeft = 0
  fault = ''
  #state: number = state.firstDigit
  #size = 0
  #digits = 0
  /** Of the size: zeros that it begins with. */
  #zeros = 0
  /** Bytes of extensions, over all chunks. */
  #extensionBytes = 0
  /** An unfinished line of the trailers. */
  #line: number[] = []
  #trailerBytes = 0

  get isDone(): boolean {
    return this.#state === state.done
  }

  reset(): void {
    this.dataLeft = 0
    this.fault = ''
    this.#state = state.firstDigit
    this.#extensionBytes = 0
    this.#trailerBytes = 0
    if (this.#line.length > 0) this.#line = []
  }

  took(count: number): void {
    this.dataLeft -= count
  }

  /** Reads framing up to data, the end, or `end`: the position after it, or `refused`. */
  read(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at += 1) {
      if (!this.#take(bytes[at] as number)) return refused
      if (this.dataLeft > 0 || this.#state === state.done) return at + 1
    }
    return end
  }

  #take(code: number): boolean {
    switch (this.#state) {
      case state.firstDigit:
        this.#size = 0
        this.#digits = 0
        return this.#takeDigit(code)
      case state.digits:
        if (code === byte.cr) return this.#to(state.sizeLf)
        if (code === byte.semicolon) return this.#toExtension()
        return this.#takeDigit(code)
      case state.sizeLf:
        return code === byte.lf ? this.#toData() : this.#refuse('a chunk size that ends improperly')
      case state.dataCr:
        return code === byte.cr ? this.#to(state.dataLf) : this.#refuse('a chunk longer than its size')
      case state.dataLf:
        return code === byte.lf ? this.#to(state.firstDigit) : this.#refuse('a chunk that ends improperly')
      case state.trailer:
        return this.#takeTrailer(code)
      default:
        return this.#takeExtension(code)
    }
  }

  #takeDigit(code: number): boolean {
    const value = hexValues[code] ?? 255
    this.#digits += 1
    const isLong = this.#digits > (this.#size === 0 ? leadingZerosMax : this.#zeros + sizeDigitsMax)
    if (value === 255 || isLong) return this.#refuse('a chunk size that is no number')
    if (this.#size === 0) this.#zeros = this.#digits - 1
    this.#size = this.#size * 16 + value
    return this.#to(state.digits)
  }

  #toData(): boolean {
    this.dataLeft = this.#size
    return this.#to(this.#size === 0 ? state.trailer : state.dataCr)
  }

  /** `;name`, `;name=token` or `;name="text"`, any number of these. */
  #takeExtension(code: number): boolean {
    this.#extensionBytes += 1
    if (this.#extensionBytes > limits.chunkExtensionBytesMax) return this.#refuse('too long chunk extensions')
    switch (this.#state) {
      case state.quoted:
        if (code === byte.quote) return this.#to(state.afterQuoted)
        if (code === byte.backslash) return this.#to(state.escaped)
        return isValueByte[code] === 1 || this.#refuse('a control character in a chunk extension')
      case state.escaped:
        return isValueByte[code] === 1
          ? this.#to(state.quoted)
          : this.#refuse('a control character in a chunk extension')
      case state.afterQuoted:
        return this.#endExtension(code)
      default:
        return this.#takeWord(code)
    }
  }

  #takeWord(code: number): boolean {
    const isFirst = this.#digits === 0
    this.#digits += 1
    if (isTokenByte[code] === 1) return true
    if (isFirst && code === byte.quote && this.#state === state.extensionValue) return this.#to(state.quoted)
    if (isFirst) return this.#refuse('an empty chunk extension')
    if (code !== byte.equals || this.#state !== state.extensionName) return this.#endExtension(code)
    this.#digits = 0
    return this.#to(state.extensionValue)
  }

  #endExtension(code: number): boolean {
    if (code === byte.cr) return this.#to(state.sizeLf)
    return code === byte.semicolon ? this.#toExtension() : this.#refuse('a malformed chunk extension')
  }

  #toExtension(): boolean {
    // From here on it counts the characters of a word of the extension.
    this.#digits = 0
    return this.#to(state.extensionName)
  }

  #takeTrailer(code: number): boolean {
    this.#trailerBytes += 1
    if (this.#trailerBytes > limits.headerBytesMax) return this.#refuse('too long trailers')
    this.#line.push(code)
    return code === byte.lf ? this.#endTrailer(Uint8Array.from(this.#line)) : true
  }

  #endTrailer(line: Uint8Array): boolean {
    this.#line = []
    if (line.length === 2 && line[0] === byte.cr) return this.#to(state.done)
    const field = new FieldLine()
    if (field.read(line, 0, line.length) !== line.length) return this.#refuse('a malformed trailer')
    return !isFramingField(line, 0, field.nameEnd) || this.#refuse('a length or a coding among the trailers')
  }

  #to(next: number): boolean {
    this.#state = next
    return true
  }

  #refuse(fault: string): boolean {
    this.fault = fault
    return false
  }
}
