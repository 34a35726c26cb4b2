/** Walks through packed predictions in place, one after the other. */
import { championIdOf, type SentHead } from '../../core/prediction.ts'
import {
  aligned,
  answerFormMask,
  answerForms,
  doubles,
  flags,
  header,
  headerBytes,
  type Kind,
  type Rest,
  recordBytes,
  words,
} from './layout.ts'

/** Greater buffers hold bodies above all, which are no texts. */
const oneTextBytesMax = 4 * 1024 * 1024

export class PackedCursor {
  readonly count: number
  /** Whether any of the predictions has what few have, or is a shadow. */
  readonly anyRest: boolean
  /** What many of the predictions share, by the numbers that they name it by. */
  readonly kinds: readonly Kind[]
  readonly #bytes: Buffer
  readonly #words: Uint32Array
  readonly #doubles: Float64Array
  /** The whole buffer, a character for each byte, of which texts are cut; null where each is read by itself. */
  readonly #all: string | null
  #start = headerBytes
  #next = headerBytes
  #flags = 0

  /** `isPassing`: texts are used and let go at once. Cutting them is cheap, but each keeps the text of all in memory. */
  constructor(packed: ArrayBuffer, { isPassing = false }: { isPassing?: boolean } = {}) {
    this.#bytes = Buffer.from(packed)
    this.#words = new Uint32Array(packed, 0, packed.byteLength >>> 2)
    this.#doubles = new Float64Array(packed, 0, packed.byteLength >>> 3)
    this.count = this.#words[header.count] ?? 0
    this.anyRest = this.#words[header.anyRest] === 1
    const offset = this.#words[header.kindsOffset] ?? 0
    this.#all = isPassing && offset <= oneTextBytesMax ? this.#bytes.toString('latin1', 0, offset) : null
    this.kinds = JSON.parse(this.#bytes.toString('utf8', offset, offset + (this.#words[header.kindsBytes] ?? 0)))
  }

  /** To the next prediction; it is on the caller to stop after `count`. */
  advance(): void {
    this.#start = this.#next
    this.#flags = this.#word(words.flags)
    const texts = this.#word(words.idBytes) + this.#word(words.unitBytes)
    const others = this.#word(words.answerBytes) + this.#word(words.restBytes)
    const bodies = this.#word(words.requestBytes) + this.#word(words.responseBytes)
    this.#next = aligned(this.#start + recordBytes + texts + others + bodies)
  }

  get kind(): number {
    return this.#word(words.kind)
  }

  get atMs(): number {
    return this.#double(doubles.atMs)
  }

  get latencyMs(): number {
    return this.#double(doubles.latencyMs)
  }

  get isShadow(): boolean {
    return (this.#flags & flags.isShadow) !== 0
  }

  get hasPayload(): boolean {
    return (this.#flags & flags.hasPayload) !== 0
  }

  get hasRest(): boolean {
    return this.#word(words.restBytes) > 0
  }

  id(): string {
    return this.#text(this.#start + recordBytes, this.#word(words.idBytes))
  }

  unit(): string {
    return this.#text(this.#start + recordBytes + this.#word(words.idBytes), this.#word(words.unitBytes))
  }

  answerForm(): number {
    return this.#flags & answerFormMask
  }

  answerNumber(): number {
    return this.#double(doubles.answer)
  }

  answerText(): string {
    const at = this.#start + recordBytes + this.#word(words.idBytes) + this.#word(words.unitBytes)
    return this.#bytes.toString('utf8', at, at + this.#word(words.answerBytes))
  }

  /** The champion's id; null of what is no shadow. */
  shadowOf(): string | null {
    if (!this.isShadow) return null
    if ((this.#flags & flags.isNamedShadow) === 0) return this.rest().shadowOf ?? null
    return championIdOf(this.id(), this.kinds[this.kind]?.[4] ?? '')
  }

  /** As the column has it. */
  answerJson(): string | null {
    const form = this.answerForm()
    if (form === answerForms.none) return null
    if (form === answerForms.number) return `[${this.answerNumber()}]`
    const text = this.answerText()
    return form === answerForms.json ? text : `[${JSON.stringify(text)}]`
  }

  rest(): Rest & { sent?: SentHead } {
    const bytes = this.#word(words.restBytes)
    const at = this.#bodiesAt() - bytes
    return bytes === 0 ? {} : JSON.parse(this.#bytes.toString('utf8', at, at + bytes))
  }

  /** Views of the buffer. */
  bodies(): { request: Uint8Array; response: Uint8Array } {
    const at = this.#bodiesAt()
    const middle = at + this.#word(words.requestBytes)
    return {
      request: new Uint8Array(this.#bytes.buffer, at, middle - at),
      response: new Uint8Array(this.#bytes.buffer, middle, this.#word(words.responseBytes)),
    }
  }

  #bodiesAt(): number {
    const texts = this.#word(words.idBytes) + this.#word(words.unitBytes)
    return this.#start + recordBytes + texts + this.#word(words.answerBytes) + this.#word(words.restBytes)
  }

  #text(at: number, length: number): string {
    if ((this.#flags & flags.isAscii) === 0) return this.#bytes.toString('utf8', at, at + length)
    return this.#all === null ? this.#bytes.toString('latin1', at, at + length) : this.#all.substring(at, at + length)
  }

  #word(place: number): number {
    return this.#words[(this.#start >>> 2) + place] ?? 0
  }

  #double(place: number): number {
    return this.#doubles[(this.#start >>> 3) + place] ?? 0
  }
}
