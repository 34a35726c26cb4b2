/** A bounded copy of bytes that pass by. */
export class Tee {
  readonly #bytesMax: number
  #chunks: Uint8Array[] | null = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) this.#chunks = null
    else this.#chunks?.push(chunk)
  }

  /** The bytes, copied so that they pin no read buffer; null if there were too many. */
  whole(): Uint8Array | null {
    return this.#chunks === null ? null : Buffer.concat(this.#chunks)
  }
}
