/**
 * Copies of bytes that are valid for a moment alone, in blocks of memory that are used again and again: memory that is new
 * costs more than all that is written to it, and what is thrown away has to be collected.
 */
export class Blocks {
  readonly #blockBytes: number
  readonly #freeMax: number
  readonly #free: ArrayBuffer[] = []

  /** What is longer than `blockBytes` gets memory of its own; `freeMax` blocks at most are kept for later. */
  constructor({ blockBytes, freeMax }: { blockBytes: number; freeMax: number }) {
    this.#blockBytes = blockBytes
    this.#freeMax = freeMax
  }

  /** So many bytes, with anything in them, until they are released. */
  take(bytes: number): Buffer {
    if (bytes > this.#blockBytes) return Buffer.allocUnsafeSlow(bytes)
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#blockBytes).buffer
    return Buffer.from(block, 0, bytes)
  }

  copy(chunk: Uint8Array): Buffer {
    const taken = this.take(chunk.length)
    taken.set(chunk)
    return taken
  }

  /** Once, by whoever took it, when nobody reads it any more; what is never released is collected like any memory. */
  release({ buffer }: Buffer): void {
    if (buffer.byteLength === this.#blockBytes && this.#free.length < this.#freeMax)
      this.#free.push(buffer as ArrayBuffer)
  }
}
