/** A bounded copy of a body that passes by. */
export class Tee {
  readonly #bytesMax: number
  #chunks: Uint8Array[] | null = []
  #bytes = 0
  #ended = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Copied at once: what passes by is a view of a buffer that is read into again. */
  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) this.#chunks = null
    else this.#chunks?.push(Buffer.from(chunk))
  }

  /** The body has passed to its end. */
  end(): void {
    this.#ended = true
  }

  /** Null if it was too long or did not come to its end. */
  whole(): Uint8Array | null {
    if (!this.#ended || this.#chunks === null) return null
    const [first, ...rest] = this.#chunks
    return first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#chunks)
  }
}
