/**
 * The body of a plain request that is too long to be held: it passes by in the portions in which it is read, and the caller
 * is read no faster than they are taken. What comes before anybody reads it waits, and stops the reading.
 */
import type { CutoverError } from '../../core/errors.ts'
import type { BodyReader } from '../inbound.ts'
import type { Reading } from './read-socket.ts'

type Flow = Pick<Reading, 'pause' | 'resume'>

export class ComingBody {
  readonly bytes: number
  readonly #flow: Flow
  #left: number
  #isPaused = true
  #waiting: Buffer[] = []
  #reader: BodyReader | null = null
  #isDropped = false
  #droppedBytes = 0
  #failure: CutoverError | null = null

  constructor(bytes: number, flow: Flow) {
    this.bytes = bytes
    this.#left = bytes
    this.#flow = flow
    flow.pause()
  }

  /** Bytes that have not come. */
  get left(): number {
    return this.#left
  }

  get droppedBytes(): number {
    return this.#droppedBytes
  }

  /** The next bytes of the connection, valid during the call alone: where those end that are the body's. */
  take(bytes: Buffer, start: number, end: number): number {
    const after = Math.min(end, start + this.#left)
    this.#left -= after - start
    if (this.#isDropped) this.#droppedBytes += after - start
    else if (this.#reader !== null) this.#tell(this.#reader, bytes.subarray(start, after))
    else if (after > start) this.#waiting.push(Buffer.from(bytes.subarray(start, after)))
    // What follows is not the body's to hold up.
    if (this.#left === 0) this.resume()
    return after
  }

  read(reader: BodyReader): void {
    if (this.#failure !== null) {
      reader.onBodyFail(this.#failure)
      return
    }
    if (this.#isDropped) return
    this.#reader = reader
    const waiting = this.#waiting
    this.#waiting = []
    // Before anything is told: whoever has enough of it pauses again.
    this.resume()
    const whole = waiting.length === 1 && waiting[0] !== undefined ? waiting[0] : Buffer.concat(waiting)
    if (whole.length > 0 || this.#left === 0) this.#tell(reader, whole)
  }

  pause(): void {
    if (this.#left === 0 || this.#isDropped || this.#isPaused) return
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

  #tell(reader: BodyReader, chunk: Buffer): void {
    if (chunk.length > 0) reader.onBodyChunk(chunk)
    if (this.#left > 0) return
    this.#reader = null
    reader.onBodyEnd()
  }
}
