/** A call whose answer is wanted whole: for questions of our own, which no caller waits for byte by byte. */
import { CutoverError } from '../core/errors.ts'
import { GatheredBytes } from '../core/gathered-bytes.ts'
import type { AnswerSink, BackendCall, Instance, Sending } from './backend.ts'

export type WholeAnswer = {
  status: number
  /** Lines, as an `AnswerSink` gets them. */
  fields: string
  body: Uint8Array
}

/** Rejects with what the instance failed with, with `body-too-large` past `bytesMax`, or with the signal's reason. */
export function wholeAnswer(
  instance: Instance,
  call: BackendCall,
  bounds: { bytesMax: number; signal?: AbortSignal },
): Promise<WholeAnswer> {
  const { signal, bytesMax } = bounds
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    let sending: Sending | null = null
    const leave = () => {
      sending?.cancel()
      reject(signal?.reason)
    }
    const over = () => signal?.removeEventListener('abort', leave)
    signal?.addEventListener('abort', leave)
    sending = instance.dispatch(
      call,
      new Collector(bytesMax, {
        done: answer => {
          over()
          resolve(answer)
        },
        failed: error => {
          over()
          sending?.cancel()
          reject(error)
        },
      }),
    )
  })
}

class Collector implements AnswerSink {
  readonly #bytesMax: number
  readonly #then: { done(answer: WholeAnswer): void; failed(error: CutoverError): void }
  readonly #body = new GatheredBytes()
  #status = 0
  #fields = ''
  #isOver = false

  constructor(bytesMax: number, then: { done(answer: WholeAnswer): void; failed(error: CutoverError): void }) {
    this.#bytesMax = bytesMax
    this.#then = then
  }

  onHead(status: number, fields: string): void {
    this.#status = status
    this.#fields = fields
  }

  onBody(chunk: Uint8Array): void {
    if (this.#isOver) return
    if (this.#body.bytes + chunk.length <= this.#bytesMax) this.#body.add(chunk)
    else this.onFail(new CutoverError('body-too-large', `the answer is longer than ${this.#bytesMax} bytes`))
  }

  onEnd(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#then.done({ status: this.#status, fields: this.#fields, body: this.#body.whole() })
  }

  onFail(error: CutoverError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#then.failed(error)
  }

  onDrain(): void {}
}
