/** Where messages begin and end in the bytes of a call: each has five bytes before it, a flag and its length. */

const prefixBytes = 5

/** `ended`: the message is whole with these bytes; its length is without its prefix. */
export type OnBytes = (bytes: number, ended: { isPacked: boolean; bytes: number } | null) => void

export class MessageFrames {
  readonly #prefix = Buffer.alloc(prefixBytes)
  #prefixLength = 0
  #left = 0

  /** Between the first byte of a message and its last. */
  get isAmid(): boolean {
    return this.#prefixLength > 0
  }

  read(chunk: Buffer, onBytes: OnBytes): void {
    for (let at = 0; at < chunk.length; ) {
      const from = at
      at = this.#prefixLength < prefixBytes ? this.#readPrefix(chunk, at) : this.#readMessage(chunk, at)
      const isWhole = this.#prefixLength === prefixBytes && this.#left === 0
      onBytes(at - from, isWhole ? this.#whole() : null)
      if (isWhole) this.#prefixLength = 0
    }
  }

  #readPrefix(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + prefixBytes - this.#prefixLength)
    chunk.copy(this.#prefix, this.#prefixLength, at, end)
    this.#prefixLength += end - at
    if (this.#prefixLength === prefixBytes) this.#left = this.#prefix.readUInt32BE(1)
    return end
  }

  #readMessage(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    return end
  }

  #whole(): { isPacked: boolean; bytes: number } {
    return { isPacked: this.#prefix[0] === 1, bytes: this.#prefix.readUInt32BE(1) }
  }
}
