/** A request's body as it passes by: what becomes of the original is no matter to it. */
import { GatheredBytes } from '../../core/gathered-bytes.ts'
import type { MirrorMemory } from './memory.ts'

export class BodyCopy {
  readonly #memory: MirrorMemory
  readonly #bytesMax: number
  #whole: Uint8Array | null = null
  #gathered: GatheredBytes | null = null
  #bytes = 0
  #state: 'open' | 'ended' | 'body-too-large' | 'memory-full' = 'open'

  constructor(memory: MirrorMemory, bytesMax: number) {
    this.#memory = memory
    this.#bytesMax = bytesMax
  }

  /** All of it, which is never changed afterwards: kept as it is. */
  share(body: Uint8Array): void {
    if (!this.#takes(body)) return
    this.#whole = body
  }

  /** A piece, whose bytes are others' afterwards. */
  add(chunk: Uint8Array): void {
    if (!this.#takes(chunk)) return
    this.#gathered ??= new GatheredBytes()
    this.#gathered.add(chunk)
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

  /**
   * The body; its memory stays taken until it is given back with `release`. What `waitsLong` gets bytes of its own: shared
   * ones may be a small part of a buffer that would be held with them.
   */
  whole(waitsLong: boolean): Uint8Array {
    const whole = this.#whole ?? this.#gathered?.whole() ?? new Uint8Array()
    return waitsLong ? new Uint8Array(whole) : whole
  }

  /** Nothing is wanted of it any more. */
  release(): void {
    this.#memory.give(this.#bytes)
    this.#whole = null
    this.#gathered = null
    this.#bytes = 0
  }

  #takes({ length }: Uint8Array): boolean {
    if (this.#state !== 'open') return false
    if (this.#bytes + length > this.#bytesMax) return this.#giveUp('body-too-large')
    if (!this.#memory.take(length)) return this.#giveUp('memory-full')
    this.#bytes += length
    return true
  }

  #giveUp(state: 'body-too-large' | 'memory-full'): false {
    this.release()
    this.#state = state
    return false
  }
}
