/**
 * The body of a plain request that is not held until it is whole: it passes by in the portions in which it is read, and the
 * caller is read no faster than they are taken. What comes before anybody reads it waits.
 */
import { Buffer } from 'node:buffer'
import type { CutoverError } from '../../core/errors.ts'
import { refused } from '../../core/http/chars.ts'
import { ChunkedDecoder } from '../../core/http/chunked.ts'
import type { BodyReader } from '../inbound.ts'
import { tooLarge } from '../request-body.ts'
import type { Reading } from './read-socket.ts'

type Flow = Pick<Reading, 'pause' | 'resume'>

export class ComingBody {
  /** As stated; null of one in chunks. */
  readonly bytes: number | null
  readonly #chunks: ChunkedDecoder | null
  readonly #flow: Flow
  readonly #onWhole: () => void
  /** Of a stated length, what has not come. */
  #left: number
  #isWhole = false
  #isPaused = false
  #waiting: Buffer[] = []
  #reader: BodyReader | null = null
  #readBytesMax = Number.POSITIVE_INFINITY
  #readBytes = 0
  #isDropped = false
  #droppedBytes = 0
  #failure: CutoverError | null = null

  /** `onWhole` is told before anybody else that the last of it has come. */
  constructor(bytes: number | null, flow: Flow, onWhole: () => void) {
    this.bytes = bytes
    this.#chunks = bytes === null ? new ChunkedDecoder() : null
    this.#left = bytes ?? 0
    this.#flow = flow
    this.#onWhole = onWhole
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Bytes that have not come, as far as that is known: in chunks it is not. */
  get left(): number {
    return this.#left
  }

  get droppedBytes(): number {
    return this.#droppedBytes
  }

  /** What `take` refused. */
  get fault(): string {
    return this.#chunks?.fault ?? ''
  }

  /** The next bytes of the connection, valid during the call alone: where those end that are the body's, or `refused`. */
  take(bytes: Buffer, start: number, end: number): number {
    const after =
      this.#chunks === null
        ? this.#takeStated(bytes, start, end)
        : this.#takeChunks(this.#chunks, { bytes, start, end })
    if (this.#isDropped && after !== refused) this.#droppedBytes += after - start
    return after
  }

  #takeStated(bytes: Buffer, start: number, end: number): number {
    const after = Math.min(end, start + this.#left)
    this.#left -= after - start
    const isLast = this.#left === 0
    if (isLast) this.#setWhole()
    this.#pass(bytes.subarray(start, after))
    if (isLast) this.#tellEnd()
    return after
  }

  #takeChunks(chunks: ChunkedDecoder, { bytes, start, end }: { bytes: Buffer; start: number; end: number }): number {
    let at = start
    while (at < end && !chunks.isDone) {
      if (chunks.dataLeft === 0) {
        at = chunks.read(bytes, at, end)
        if (at === refused) return refused
        continue
      }
      const dataEnd = Math.min(end, at + chunks.dataLeft)
      chunks.took(dataEnd - at)
      this.#pass(bytes.subarray(at, dataEnd))
      at = dataEnd
    }
    if (chunks.isDone) {
      this.#setWhole()
      this.#tellEnd()
    }
    return at
  }

  /** All that has come of it, while nobody has read any. */
  takeWaiting(): Buffer {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting.length === 1 && waiting[0] !== undefined ? waiting[0] : Buffer.concat(waiting)
  }

  read(reader: BodyReader, bytesMax: number): void {
    if (this.#failure !== null) {
      reader.onBodyFail(this.#failure)
      return
    }
    if (this.#isDropped) return
    this.#reader = reader
    this.#readBytesMax = bytesMax
    const waiting = this.takeWaiting()
    // Before anything is told: whoever has enough of it pauses again.
    this.resume()
    this.#pass(waiting)
    if (this.#isWhole) this.#tellEnd()
  }

  pause(): void {
    if (this.#isWhole || this.#isDropped || this.#isPaused) return
    this.#isPaused = true
    this.#flow.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#flow.resume()
  }

  /** Nobody wants what is still to come. */
  drop(): void {
    this.#isDropped = true
    this.#reader = null
    this.#waiting = []
    this.resume()
  }

  /** It will never be whole. */
  fail(error: CutoverError): void {
    const reader = this.#reader
    this.#failure = error
    this.#reader = null
    this.#waiting = []
    reader?.onBodyFail(error)
  }

  #pass(portion: Buffer): void {
    if (this.#isDropped || portion.length === 0) return
    const reader = this.#reader
    if (reader === null) {
      this.#waiting.push(Buffer.from(portion))
      return
    }
    this.#readBytes += portion.length
    if (this.#readBytes <= this.#readBytesMax) {
      reader.onBodyChunk(portion)
      return
    }
    this.drop()
    reader.onBodyFail(tooLarge(this.#readBytesMax))
  }

  #setWhole(): void {
    this.#isWhole = true
    this.#onWhole()
  }

  #tellEnd(): void {
    const reader = this.#reader
    this.#reader = null
    reader?.onBodyEnd()
    // What follows is not the body's to hold up.
    this.resume()
  }
}
