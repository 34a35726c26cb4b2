/** Calls under way, which are told of the end of the server as what it is: a caller may ask another one, or again. */
import { type Failure, grpcCodes } from './status.ts'

export type OpenCall = {
  /** Nothing of it is being served: a stream between two messages. */
  isIdle: boolean
  /** Ends it with this status. Whatever is being served for it is given up. */
  end(failure: Failure): void
}

const ending: Failure = { code: grpcCodes.unavailable, details: 'the server is shutting down' }

export class OpenCalls {
  readonly #calls = new Set<OpenCall>()
  #isClosing = false

  add(call: OpenCall): void {
    this.#calls.add(call)
  }

  delete(call: OpenCall): void {
    this.#calls.delete(call)
  }

  /** From now on no call may be idle: a stream that nobody ends would hold up the server for all of its time. */
  close(): void {
    this.#isClosing = true
    for (const call of [...this.#calls]) this.endsIdle(call)
  }

  /** True if it is idle where none may be, and so was ended. */
  endsIdle(call: OpenCall): boolean {
    if (!this.#isClosing || !call.isIdle) return false
    this.#end(call)
    return true
  }

  endAll(): void {
    for (const call of [...this.#calls]) this.#end(call)
  }

  /** Once: what ends by itself meanwhile is not there any more. */
  #end(call: OpenCall): void {
    if (this.#calls.delete(call)) call.end(ending)
  }
}
