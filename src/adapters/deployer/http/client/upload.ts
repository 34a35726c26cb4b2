import type { Call } from './call.ts'
import { failures } from './failures.ts'
import { piece } from './request-text.ts'

/** A body that comes piece by piece. Until there is a connection the first pieces are kept and the caller is asked to wait. */
export class Upload {
  readonly #call: Call
  readonly #isChunked: boolean
  /** Bytes that are still to come, where that was said. */
  #left: number
  #kept: (string | Buffer)[] = []
  #wantsDrain = false
  #isStopped = false
  /** All of it was handed over. */
  isEnded = false

  constructor(call: Call, bytes: number | null) {
    this.#call = call
    this.#isChunked = bytes === null
    this.#left = bytes ?? Number.POSITIVE_INFINITY
  }

  /** More of it is to come, and is wanted. */
  get isOpen(): boolean {
    return !this.isEnded && !this.#isStopped
  }

  /** The server has answered and reads no more: what still comes is dropped. */
  stop(): void {
    this.#isStopped = true
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isStopped || this.isEnded || chunk.length === 0) return true
    this.#left -= chunk.length
    if (this.#left < 0) {
      this.#reject('its body is longer than was said')
      return true
    }
    const goesOn = this.#pass(piece(chunk, this.#isChunked))
    // Once told to wait, the caller hears of the drain, also if a piece that it sent all the same was taken.
    if (!goesOn) this.#wantsDrain = true
    return goesOn
  }

  end(): void {
    if (this.#isStopped || this.isEnded) return
    if (!this.#isChunked && this.#left > 0) {
      this.#reject('its body is shorter than was said')
      return
    }
    this.isEnded = true
    if (this.#isChunked) this.#pass('0\r\n\r\n')
    this.#call.connection?.bodyEnded(this.#call)
  }

  /** There is a connection now. */
  begin(): void {
    const kept = this.#kept
    this.#kept = []
    for (const part of kept) this.#pass(part)
    if (kept.length > 0 && !this.#call.connection?.needsDrain) this.drained()
  }

  drained(): void {
    if (!this.#wantsDrain || this.#isStopped) return
    this.#wantsDrain = false
    this.#call.sink.onDrain()
  }

  #pass(part: string | Buffer): boolean {
    const { connection } = this.#call
    if (connection !== null) return connection.writePiece(this.#call, part)
    this.#kept.push(part)
    return false
  }

  #reject(what: string): void {
    const call = this.#call
    // A connection that was promised more, or less, cannot be used again.
    const { connection, list } = call
    call.fail(failures.invalid(what))
    if (connection === null) list?.remove(call)
    else connection.abandon(call)
  }
}
