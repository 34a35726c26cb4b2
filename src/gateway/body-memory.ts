/**
 * What bodies take that are held whole, of all requests of this process together, from their first bytes until they are
 * answered. Each alone is bounded by its endpoint; hundreds of them at once are not.
 */
import { CutoverError } from '../core/errors.ts'
import { GatheredBytes } from '../core/gathered-bytes.ts'
import { limits } from '../core/limits.ts'
import { type Share, someOf } from '../core/share.ts'

export class BodyMemory {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False where there is no room for so many more. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  free(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** A share has room for the longest body that any endpoint takes. */
export function bodyMemoryBytes(share: Share): number {
  return Math.max(someOf(limits.heldBodiesBytesMax, share), limits.inferenceBodyBytesMax)
}

/** Of one request. */
export class HeldBody {
  readonly #memory: BodyMemory
  readonly #gathered = new GatheredBytes()
  #bytes = 0
  #isReleased = false

  constructor(memory: BodyMemory) {
    this.#memory = memory
  }

  /** Throws overloaded where there is no room. */
  add(chunk: Uint8Array): void {
    if (this.#isReleased) return
    if (!this.#memory.take(chunk.length)) {
      throw new CutoverError('overloaded', 'the bodies of all requests take more memory than there is for them')
    }
    this.#bytes += chunk.length
    this.#gathered.add(chunk)
  }

  whole(): Buffer {
    const body = this.#gathered.whole()
    this.#gathered.clear()
    return body
  }

  /** The request is over. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#gathered.clear()
    this.#memory.free(this.#bytes)
  }
}
