/** What a gateway of a server that stands by has to be done, by one carrier after the other. */
import { type Carrier, unanswered } from './carrier.ts'
import type { Call, Reply } from './messages.ts'

export class CarriedCalls {
  readonly #reply: (id: number, reply: Reply, transfer: ArrayBuffer[]) => void
  #carrier: Carrier
  /** Calls that wait for another carrier. */
  readonly #waiting = new Set<() => void>()
  #isOver = false

  constructor(carrier: Carrier, reply: (id: number, reply: Reply, transfer: ArrayBuffer[]) => void) {
    this.#carrier = carrier
    this.#reply = reply
  }

  carryBy(carrier: Carrier): void {
    this.#carrier = carrier
    for (const again of this.#waiting) again()
    this.#waiting.clear()
  }

  /** Predictions wait for whoever comes next: to be handed over twice does no more than once. Callers do not wait. */
  async carry(id: number, call: Call): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const carrier = this.#carrier
      const reply = await carrier(tries > 0 && call.kind === 'append' ? { ...call, again: true } : call)
      if (this.#isOver) return
      if (reply !== null || call.kind !== 'append') {
        this.#answer(id, call, reply)
        return
      }
      if (carrier === this.#carrier) await new Promise<void>(again => this.#waiting.add(again))
    }
  }

  /** Nobody waits for a reply any more. */
  end(): void {
    this.#isOver = true
    for (const again of this.#waiting) again()
    this.#waiting.clear()
  }

  #answer(id: number, call: Call, reply: Reply | null): void {
    if (call.kind === 'append' && reply?.kind === 'appended') {
      const read = reply.read ?? call.packed
      this.#reply(id, { kind: 'appended', read }, [read])
      return
    }
    this.#reply(id, reply ?? unanswered(call), [])
  }
}
