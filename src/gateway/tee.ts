/** A bounded copy of a body that passes by. */
export class Tee {
  readonly #bytesMax: number
  #chunks: Uint8Array[] | null = []
  #bytes = 0
  #ended = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) this.#chunks = null
    else this.#chunks?.push(chunk)
  }

  /** The body has passed to its end. */
  end(): void {
    this.#ended = true
  }

  /** The body, copied so that it pins no read buffer; null if it was too long or did not come to its end. */
  whole(): Uint8Array | null {
    return this.#ended && this.#chunks !== null ? Buffer.concat(this.#chunks) : null
  }
}
