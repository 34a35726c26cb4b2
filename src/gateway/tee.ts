import { GatheredBytes } from '../core/gathered-bytes.ts'

/** A bounded copy of a body that passes by. */
export class Tee {
  readonly #bytesMax: number
  #kept: GatheredBytes | null = new GatheredBytes()
  #ended = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Copied at once: what passes by is a view of a buffer that is read into again. */
  add(chunk: Uint8Array): void {
    if (this.#kept === null) return
    if (this.#kept.bytes + chunk.length > this.#bytesMax) this.#kept = null
    else this.#kept.add(chunk)
  }

  /** The body has passed to its end. */
  end(): void {
    this.#ended = true
  }

  /** Null if it was too long or did not come to its end. */
  whole(): Uint8Array | null {
    return this.#ended ? (this.#kept?.whole() ?? null) : null
  }
}
