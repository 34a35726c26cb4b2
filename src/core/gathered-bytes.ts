/**
 * Bytes that come in pieces, copied into blocks: pieces may be a byte long, by the million, and an object for each would take
 * more than a hundred times as much.
 */
const blockBytesMax = 64 * 1024
const nothing = Buffer.alloc(0)

export class GatheredBytes {
  #full: Buffer[] = []
  #block: Buffer = nothing
  #used = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** The piece is the caller's again afterwards. */
  add(piece: Uint8Array): void {
    if (piece.length > this.#block.length - this.#used) this.#begin(piece.length)
    this.#block.set(piece, this.#used)
    this.#used += piece.length
    this.#bytes += piece.length
  }

  /** As much again as there is, up to a block: few blocks, of which half at most is empty. */
  #begin(bytes: number): void {
    if (this.#used > 0) this.#full.push(this.#block.subarray(0, this.#used))
    this.#block = Buffer.allocUnsafe(Math.max(bytes, Math.min(this.#bytes, blockBytesMax)))
    this.#used = 0
  }

  /** Not to be added to any more. */
  whole(): Buffer {
    const last = this.#block.subarray(0, this.#used)
    return this.#full.length === 0 ? last : Buffer.concat([...this.#full, last])
  }

  clear(): void {
    this.#full = []
    this.#block = nothing
    this.#used = 0
    this.#bytes = 0
  }
}
