/**
 * Which version answered, by the id of the answer: providers keep the state of a conversation, so that what follows an answer
 * can only go to the version that made it. In memory, the newest ones only; ids are callers' and servers' texts, so that long
 * ones are kept and told by their hash.
 */
import { limits } from '../core/limits.ts'
import { boundedKey } from './bounded-key.ts'

export type Answered = { unit: string; version: string }
/** `id`: bounded. */
export type Remembered = { endpoint: string; id: string; answered: Answered }

export class Conversations {
  readonly #answered = new Map<string, Answered>()
  readonly #max: number
  readonly #onRemembered: (remembered: Remembered) => void

  constructor(options: { max?: number; onRemembered?: (remembered: Remembered) => void } = {}) {
    this.#max = options.max ?? limits.conversationsRememberedMax
    this.#onRemembered = options.onRemembered ?? (() => {})
  }

  remember(endpoint: string, id: string, answered: Answered): void {
    const remembered = { endpoint, id: boundedKey(id), answered }
    this.learn(remembered)
    this.#onRemembered(remembered)
  }

  /** From another gateway. */
  learn({ endpoint, id, answered }: Remembered): void {
    const key = keyOf(endpoint, id)
    this.#answered.delete(key)
    this.#answered.set(key, answered)
    if (this.#answered.size <= this.#max) return
    const [oldest] = this.#answered.keys()
    if (oldest !== undefined) this.#answered.delete(oldest)
  }

  find(endpoint: string, id: string): Answered | null {
    return this.#answered.get(keyOf(endpoint, boundedKey(id))) ?? null
  }
}

/** Names of endpoints have no spaces. */
function keyOf(endpoint: string, id: string): string {
  return `${endpoint} ${id}`
}
