import { limits } from '../limits.ts'
import { byte, incomplete, refused } from './chars.ts'
import { ChunkedDecoder } from './chunked.ts'
import { ResponseHead } from './response-head.ts'

/** What is heard of an answer, in this order; its end is told by the reader's `isDone`. */
export interface AnswerListener {
  /** `bodyBytes`: the stated length, also where no body follows; null where none is stated. */
  head(head: ResponseHead, bodyBytes: number | null): void
  /** A view of the bytes that were read. `isLast`: the answer ends with it. */
  body(chunk: Buffer, isLast: boolean): void
}

const phase = { idle: 0, head: 1, stated: 2, chunked: 3, untilClose: 4, done: 5 } as const

/** Reads the answers of one connection, one after the other, from portions of any size. It never reads past an answer's end. */
export class AnswerReader {
  readonly head = new ResponseHead()
  /** What is wrong with the answer; nothing can be read after it. */
  fault = ''
  readonly #listener: AnswerListener
  readonly #chunks = new ChunkedDecoder()
  #phase: number = phase.idle
  #isBodyless = false
  #left = 0
  #interims = 0
  /** The beginning of a head whose end has not come. */
  #held: Buffer = Buffer.alloc(0)
  #heldBytes = 0

  constructor(listener: AnswerListener) {
    this.#listener = listener
  }

  /** The next bytes answer a request of this method. */
  begin(method: string): void {
    this.#phase = phase.head
    this.#isBodyless = method === 'HEAD'
    this.#interims = 0
  }

  get isDone(): boolean {
    return this.#phase === phase.done
  }

  /** Whether anything of the answer has come, were it the first byte of its head. */
  get hasBegun(): boolean {
    return this.#phase > phase.head || this.#heldBytes > 0 || this.#interims > 0
  }

  /** The server has closed: true if this is how the answer ends. */
  endsByClose(): boolean {
    if (this.#phase !== phase.untilClose) return false
    this.#phase = phase.done
    return true
  }

  /** Reads on: the position after what belongs to this answer, or `refused`. Bytes after the end of an answer stay unread. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at >= 0 && at < end && this.#phase !== phase.done) at = this.#step(bytes, at, end)
    return at
  }

  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#phase) {
      case phase.head:
        return this.#heldBytes === 0 ? this.#readHead(bytes, at, end) : this.#readOn(bytes, at, end)
      case phase.stated:
        return this.#readStated(bytes, at, end)
      case phase.chunked:
        return this.#readChunks(bytes, at, end)
      case phase.untilClose:
        this.#listener.body(bytes.subarray(at, end), false)
        return end
      default:
        return this.#refuse('bytes that nobody asked for')
    }
  }

  #readHead(bytes: Buffer, at: number, end: number): number {
    const after = this.head.read(bytes, at, end)
    if (after >= 0) return this.#takeHead(after)
    if (after === refused) return this.#refuse(this.head.fault)
    this.#hold(bytes, at, end)
    return end
  }

  /** Looks at a head again only when a line has ended: otherwise a byte at a time would cost the square of its length. */
  #readOn(bytes: Buffer, at: number, end: number): number {
    const before = this.#heldBytes
    const taken = Math.min(end - at, limits.headerBytesMax - before)
    const endsLine = bytes.subarray(at, end).includes(byte.lf)
    this.#hold(bytes, at, at + taken)
    if (!endsLine && this.#heldBytes < limits.headerBytesMax) return end
    const after = this.head.read(this.#held, 0, this.#heldBytes)
    if (after === incomplete) return at + taken
    this.#heldBytes = 0
    return after === refused ? this.#refuse(this.head.fault) : this.#takeHead(at + after - before)
  }

  #hold(bytes: Buffer, at: number, end: number): void {
    const needed = this.#heldBytes + end - at
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, needed * 2))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    bytes.copy(this.#held, this.#heldBytes, at, end)
    this.#heldBytes = needed
  }

  #takeHead(after: number): number {
    const { head } = this
    if (head.status < 200) return this.#takeInterim(after)
    const isBodyless = this.#isBodyless || head.status === 204 || head.status === 304
    const isEmpty = head.length === 0 && !head.isChunked
    if (isBodyless || isEmpty) return this.#start(phase.done, after)
    if (head.isChunked) return this.#start(phase.chunked, after)
    return this.#start(head.length === -1 ? phase.untilClose : phase.stated, after)
  }

  #takeInterim(after: number): number {
    const { status, persists, isChunked, length } = this.head
    if (status === 101) return this.#refuse('an upgrade that nobody asked for')
    if (!persists || isChunked || length !== -1) return this.#refuse('an interim answer with a body or an end')
    this.#interims += 1
    if (this.#interims > limits.interimAnswersMax) return this.#refuse('too many interim answers')
    return after
  }

  #start(next: number, after: number): number {
    const { head } = this
    this.#left = head.length
    if (next === phase.chunked) this.#chunks.reset()
    if (next === phase.untilClose) head.persists = false
    this.#phase = next
    // A length beside 204 is against RFC 9110, 8.6, so it is not passed on.
    this.#listener.head(head, head.length === -1 || head.status === 204 ? null : head.length)
    return after
  }

  #readStated(bytes: Buffer, at: number, end: number): number {
    const after = Math.min(end, at + this.#left)
    this.#left -= after - at
    const isLast = this.#left === 0
    if (isLast) this.#phase = phase.done
    this.#listener.body(bytes.subarray(at, after), isLast)
    return after
  }

  /** Tells a piece of data once it is known whether it is the last one. */
  #readChunks(bytes: Buffer, start: number, end: number): number {
    const chunks = this.#chunks
    let at = start
    let from = 0
    let to = 0
    while (at < end && !chunks.isDone) {
      if (chunks.dataLeft > 0) {
        if (to > from) this.#listener.body(bytes.subarray(from, to), false)
        from = at
        to = Math.min(end, at + chunks.dataLeft)
        chunks.took(to - from)
        at = to
      } else at = chunks.read(bytes, at, end)
      if (at === refused) break
    }
    if (chunks.isDone) this.#phase = phase.done
    if (to > from) this.#listener.body(bytes.subarray(from, to), chunks.isDone)
    return at === refused ? this.#refuse(chunks.fault) : at
  }

  #refuse(fault: string): number {
    this.fault = fault
    return refused
  }
}
