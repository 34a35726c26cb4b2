/** Walks through packed predictions in place, one after the other. */
import { championIdOf, type SentHead } from '../../core/prediction.ts'
import {
  aligned,
  answerFormMask,
  doubles,
  flags,
  header,
  headerBytes,
  type Kind,
  type Rest,
  recordBytes,
  words,
} from './layout.ts'
import { counterOfBytes, isMadeLength, type MadePrefix, madeIds, madePrefixOf } from './made-ids.ts'

/** Greater buffers hold bodies above all, which are no texts. */
const oneTextBytesMax = 4 * 1024 * 1024

/** Records one after the other, from `start` up to `end`, on a multiple of eight. */
export type PackedRecords = {
  buffer: ArrayBuffer
  start: number
  end: number
  count: number
  anyPayload: boolean
  /** What many of the predictions share, by the numbers that they name it by. */
  kinds: readonly Kind[]
}

/** All that was packed into one buffer. */
export function recordsOf(packed: ArrayBuffer): PackedRecords {
  const words = new Uint32Array(packed, 0, headerBytes >>> 2)
  const [count = 0, end = 0, kindsBytes = 0] = [
    words[header.count],
    words[header.kindsOffset],
    words[header.kindsBytes],
  ]
  const kinds = JSON.parse(Buffer.from(packed, end, kindsBytes).toString('utf8'))
  return { buffer: packed, start: headerBytes, end, count, anyPayload: words[header.anyPayload] === 1, kinds }
}

export class PackedCursor {
  readonly count: number
  readonly kinds: readonly Kind[]
  readonly #bytes: Buffer
  readonly #words: Uint32Array
  readonly #doubles: Float64Array
  /** All records, a character for each byte, of which texts are cut; null where each is read by itself. */
  readonly #all: string | null
  readonly #allStart: number
  #start: number
  #next: number
  #flags = 0

  /** `isPassing`: texts are used and let go at once. Cutting them is cheap, but each keeps the text of all in memory. */
  constructor(
    { buffer, start, end, count, kinds }: PackedRecords,
    { isPassing = false }: { isPassing?: boolean } = {},
  ) {
    this.#bytes = Buffer.from(buffer)
    this.#words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
    this.#doubles = new Float64Array(buffer, 0, buffer.byteLength >>> 3)
    this.count = count
    this.kinds = kinds
    this.#start = start
    this.#next = start
    this.#all = isPassing && end - start <= oneTextBytesMax ? this.#bytes.toString('latin1', start, end) : null
    this.#allStart = start
  }

  /** Where the prediction begins. */
  get start(): number {
    return this.#start
  }

  /** Where the next one begins. */
  get next(): number {
    return this.#next
  }

  /** To the next prediction; it is on the caller to stop after `count`. */
  advance(): void {
    this.moveTo(this.#next)
  }

  /** To the one that begins there. */
  moveTo(start: number): void {
    this.#start = start
    this.#flags = this.#word(words.flags)
    const texts = this.#word(words.idBytes) + this.#word(words.unitBytes)
    const others = this.#word(words.answerBytes) + this.#word(words.restBytes)
    const bodies = this.#word(words.requestBytes) + this.#word(words.responseBytes)
    this.#next = aligned(start + recordBytes + texts + others + bodies)
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

  get hasLeftPayload(): boolean {
    return (this.#flags & flags.hasLeftPayload) !== 0
  }

  get isNamedShadow(): boolean {
    return (this.#flags & flags.isNamedShadow) !== 0
  }

  get hasMadeId(): boolean {
    return (this.#flags & flags.hasMadeId) !== 0
  }

  get hasRest(): boolean {
    return this.#word(words.restBytes) > 0
  }

  id(): string {
    return this.#text(this.#start + recordBytes, this.#word(words.idBytes))
  }

  /** The part of an id that the gateway made which its process shares; null of any other id. */
  madePrefix(): MadePrefix | null {
    const at = this.#start + recordBytes
    const isMade = this.hasMadeId && isMadeLength(this.#word(words.idBytes))
    if (!isMade || this.#bytes[at + madeIds.prefixBytes - 1] !== madeIds.dot) return null
    return madePrefixOf(this.#bytes.toString('latin1', at, at + madeIds.prefixBytes))
  }

  /** Of an id that the gateway made, its process's part being `prefix`; -1 of any other id. */
  madeCounter(prefix: MadePrefix): number {
    if (!this.hasMadeId || !isMadeLength(this.#word(words.idBytes))) return -1
    const [numbers, word] = [this.#words, (this.#start + recordBytes) >>> 2]
    const shared = prefix.words
    if (numbers[word] !== shared[0] || numbers[word + 1] !== shared[1] || numbers[word + 2] !== shared[2]) return -1
    const [bytes, at] = [this.#bytes, this.#start + recordBytes]
    if (bytes[at + 12] !== prefix.bytes[12] || bytes[at + 13] !== prefix.bytes[13]) return -1
    return counterOfBytes(bytes, at + madeIds.prefixBytes)
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
    if (!this.isNamedShadow) return this.rest().shadowOf ?? null
    return championIdOf(this.id(), this.kinds[this.kind]?.[4] ?? '')
  }

  rest(): Rest & { sent?: SentHead } {
    const bytes = this.#word(words.restBytes)
    const at = this.bodiesAt - bytes
    return bytes === 0 ? {} : JSON.parse(this.#bytes.toString('utf8', at, at + bytes))
  }

  /** Views of the buffer. */
  bodies(): { request: Uint8Array; response: Uint8Array } {
    const at = this.bodiesAt
    const middle = at + this.#word(words.requestBytes)
    return {
      request: new Uint8Array(this.#bytes.buffer, at, middle - at),
      response: new Uint8Array(this.#bytes.buffer, middle, this.#word(words.responseBytes)),
    }
  }

  /** Where the bodies begin, behind all else. */
  get bodiesAt(): number {
    const texts = this.#word(words.idBytes) + this.#word(words.unitBytes)
    return this.#start + recordBytes + texts + this.#word(words.answerBytes) + this.#word(words.restBytes)
  }

  #text(at: number, length: number): string {
    if ((this.#flags & flags.isAscii) === 0) return this.#bytes.toString('utf8', at, at + length)
    return this.#all === null ? this.#bytes.toString('latin1', at, at + length) : this.#cut(at - this.#allStart, length)
  }

  #cut(at: number, length: number): string {
    return this.#all?.substring(at, at + length) ?? ''
  }

  #word(place: number): number {
    return this.#words[(this.#start >>> 2) + place] ?? 0
  }

  #double(place: number): number {
    return this.#doubles[(this.#start >>> 3) + place] ?? 0
  }
}
