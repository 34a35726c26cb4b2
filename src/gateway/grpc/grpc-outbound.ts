/** The answer to a gRPC call: collected whole, since a message is sent whole, and translated at its end. */
import { CutoverError } from '../../core/errors.ts'
import { GatheredBytes } from '../../core/gathered-bytes.ts'
import { limits } from '../../core/limits.ts'
import type { Outbound, OutboundWatcher } from '../inbound.ts'

export type HttpAnswer = { status: number; lines: string; body: Buffer }

export type CallEnd = {
  /** Translates and sends. Throws backend-failed for an answer that is not of the protocol; then nothing was sent. */
  answer(answer: HttpAnswer): void
  /** The answer has begun and does not come to its end. */
  broken(detail: string): void
}

export class GrpcOutbound implements Outbound {
  hasBegun = false
  isClosed = false
  readonly takenBytes = 0
  readonly #end: CallEnd
  #watcher: OutboundWatcher | null = null
  #status = 0
  #lines = ''
  readonly #body = new GatheredBytes()
  #fault = 'the model server broke off its answer'

  constructor(end: CallEnd) {
    this.#end = end
  }

  watch(watcher: OutboundWatcher): void {
    this.#watcher = watcher
  }

  begin(status: number, lines: string, _bodyBytes: number | null, ownLines = ''): void {
    this.hasBegun = true
    this.#status = status
    this.#lines = lines + ownLines
  }

  write(chunk: Uint8Array): boolean {
    if (this.isClosed) return true
    if (this.#body.bytes + chunk.length <= limits.inferenceBodyBytesMax) this.#body.add(chunk)
    else {
      this.#fault = `the answer is longer than ${limits.inferenceBodyBytesMax} bytes, the longest message here`
      throw new CutoverError('backend-failed', this.#fault)
    }
    return true
  }

  end(): void {
    if (this.isClosed) return
    const answer = { status: this.#status, lines: this.#lines, body: this.#body.whole() }
    try {
      this.#end.answer(answer)
    } catch (thrown) {
      if (thrown instanceof Error) this.#fault = thrown.message
      throw thrown
    }
    this.#close(true)
  }

  answer(status: number, lines: string, body: Buffer): void {
    if (this.isClosed) return
    this.begin(status, lines, body.length)
    this.#body.clear()
    this.#body.add(body)
    this.end()
  }

  cut(): void {
    if (this.isClosed) return
    this.#end.broken(this.#fault)
    this.#close(false)
  }

  callerLeft(): void {
    if (!this.isClosed) this.#close(false)
  }

  #close(isSent: boolean): void {
    this.isClosed = true
    this.#body.clear()
    this.#watcher?.onAnswerClosed(isSent)
  }
}
