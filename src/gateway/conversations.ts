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
/** Whoever hears of it from all gateways beside this one. */
export type Recall = (asked: Omit<Remembered, 'answered'>) => Promise<Answered | null>

export class Conversations {
  readonly #remembered = new Map<string, Remembered>()
  readonly #max: number
  readonly #onRemembered: (remembered: Remembered) => void
  readonly #recall: Recall | null

  constructor(options: { max?: number; onRemembered?: (remembered: Remembered) => void; recall?: Recall } = {}) {
    this.#max = options.max ?? limits.conversationsRememberedMax
    this.#onRemembered = options.onRemembered ?? (() => {})
    this.#recall = options.recall ?? null
  }

  remember(endpoint: string, id: string, answered: Answered): void {
    const remembered = { endpoint, id: boundedKey(id), answered }
    this.learn(remembered)
    this.#onRemembered(remembered)
  }

  /** From another gateway. */
  learn(remembered: Remembered): void {
    const key = keyOf(remembered.endpoint, remembered.id)
    this.#remembered.delete(key)
    this.#remembered.set(key, remembered)
    if (this.#remembered.size <= this.#max) return
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }

  learnAll(all: readonly Remembered[]): void {
    for (const remembered of all) this.learn(remembered)
  }

  /** The oldest first. */
  all(): Remembered[] {
    return [...this.#remembered.values()]
  }

  /** Without those of ids that are among these. */
  allBut(known: readonly Remembered[]): Remembered[] {
    const keys = new Set(known.map(({ endpoint, id }) => keyOf(endpoint, id)))
    return this.all().filter(({ endpoint, id }) => !keys.has(keyOf(endpoint, id)))
  }

  /** Who follows an answer at once may meet another gateway than the one that gave it, before this one has heard of it. */
  async findAnywhere(endpoint: string, id: string): Promise<Answered | null> {
    const known = this.find(endpoint, id)
    if (known !== null || this.#recall === null) return known
    const asked = { endpoint, id: boundedKey(id) }
    const answered = await this.#recall(asked)
    if (answered !== null) this.learn({ ...asked, answered })
    return answered
  }

  find(endpoint: string, id: string): Answered | null {
    return this.#remembered.get(keyOf(endpoint, boundedKey(id)))?.answered ?? null
  }
}

/** Names of endpoints have no spaces. */
function keyOf(endpoint: string, id: string): string {
  return `${endpoint} ${id}`
}
