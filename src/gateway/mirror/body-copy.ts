/** A request's body as it passes by, in bytes of its own: what becomes of the original is no matter to it. */
import type { MirrorMemory } from './memory.ts'

export class BodyCopy {
  readonly #memory: MirrorMemory
  readonly #bytesMax: number
  #chunks: Uint8Array[] = []
  #bytes = 0
  #state: 'open' | 'ended' | 'body-too-large' | 'memory-full' = 'open'

  constructor(memory: MirrorMemory, bytesMax: number) {
    this.#memory = memory
    this.#bytesMax = bytesMax
  }

  add(chunk: Uint8Array): void {
    if (this.#state !== 'open') return
    if (this.#bytes + chunk.length > this.#bytesMax) this.#giveUp('body-too-large')
    else if (!this.#memory.take(chunk.length)) this.#giveUp('memory-full')
    else {
      this.#chunks.push(new Uint8Array(chunk))
      this.#bytes += chunk.length
    }
  }

  /** The body has passed to its end. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
  }

  /** Why there is no copy; `incomplete` if the body has not passed to its end. */
  get lack(): 'body-too-large' | 'memory-full' | 'incomplete' | null {
    if (this.#state === 'open') return 'incomplete'
    return this.#state === 'ended' ? null : this.#state
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The body; its memory stays taken until it is given back with `release`. */
  whole(): Uint8Array {
    const [first, ...rest] = this.#chunks
    return first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#chunks)
  }

  /** Nothing is wanted of it any more. */
  release(): void {
    this.#memory.give(this.#bytes)
    this.#chunks = []
    this.#bytes = 0
  }

  #giveUp(state: 'body-too-large' | 'memory-full'): void {
    this.release()
    this.#state = state
  }
}
