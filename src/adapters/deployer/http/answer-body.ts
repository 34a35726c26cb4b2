import { Readable } from 'node:stream'

type Source = {
  /** Lets more come. */
  resume(): void
  /** Cuts the connection, since nobody reads the rest. */
  abort(): void
}

/** The body of an answer as it comes in, with back-pressure. It fails rather than ends when the server breaks off. */
export class AnswerBody extends Readable {
  readonly #source: Source
  #complete = false

  constructor(source: Source) {
    super()
    this.#source = source
    // A failure before anybody listens must not take the process down; readers still see it.
    this.on('error', () => {})
  }

  /** False if no more should come for now. */
  add(chunk: Buffer): boolean {
    return this.push(chunk)
  }

  finish(): void {
    this.#complete = true
    this.push(null)
  }

  fail(error: Error): void {
    this.#complete = true
    this.destroy(error)
  }

  override _read(): void {
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#complete) this.#source.abort()
    callback(error)
  }
}
