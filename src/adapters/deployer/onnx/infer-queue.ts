/** Requests on their way into the thread of a model, in order of arrival, and those inside it. */
import type { CutoverError } from '../../../core/errors.ts'
import type { InferAnswer, InferSending } from './infer-sending.ts'
import { holdMs, Pace } from './pace.ts'
import { pack } from './packed.ts'
import type { AnswerItem, BatchPlan, InferItem } from './worker-messages.ts'

/** `lastMs`: when it has to go to the thread at the latest, since its caller waits no longer. */
export type Waiting = Omit<InferItem, 'id'> & { sinceMs: number; lastMs: number; sending: InferSending }

/** Hands items to the thread; the buffers of their bodies are gone afterwards. */
export type Give = (items: readonly InferItem[], buffers: ArrayBuffer[]) => void

export class InferQueue {
  readonly #batch: BatchPlan | null
  readonly #give: Give
  readonly #pace: Pace
  /** A request that is given up while it waits here never reaches the thread. */
  readonly #waiting = new Map<number, Waiting>()
  /** Null for one that was given up while the thread had it. */
  readonly #inside = new Map<number, InferSending | null>()
  #abandoned = 0
  #nextId = 0
  /** What comes in one turn of the event loop goes to the thread in one message, at the end of that turn. */
  #isFedSoon = false
  #holdTimer: NodeJS.Timeout | undefined

  constructor(batch: BatchPlan | null, give: Give) {
    this.#batch = batch
    this.#give = give
    this.#pace = new Pace(batch)
  }

  /** Requests that nobody waits for, but that the thread has. */
  get abandoned(): number {
    return this.#abandoned
  }

  add(waiting: Waiting): number {
    const id = this.#nextId++
    this.#waiting.set(id, waiting)
    this.#feedSoon()
    return id
  }

  /** Of one that was answered already there is nothing left to forget. */
  forget(id: number): void {
    if (this.#waiting.delete(id) || !this.#inside.get(id)) return
    this.#inside.set(id, null)
    this.#abandoned += 1
  }

  answered(answers: readonly AnswerItem[], busyMs: number): void {
    this.#pace.note(answers.length, busyMs)
    const told = answers.map(answer => ({ answer, sending: this.#leave(answer.id) }))
    this.#feed()
    for (const { answer, sending } of told) sending?.answer(answer satisfies InferAnswer)
  }

  failAll(error: CutoverError): void {
    clearTimeout(this.#holdTimer)
    const lost = [...this.#inside.values(), ...Array.from(this.#waiting.values(), ({ sending }) => sending)]
    this.#inside.clear()
    this.#waiting.clear()
    this.#abandoned = 0
    for (const sending of lost) sending?.fail(error)
  }

  #leave(id: number): InferSending | null {
    const sending = this.#inside.get(id) ?? null
    if (this.#inside.delete(id) && sending === null) this.#abandoned -= 1
    return sending
  }

  #feedSoon(): void {
    if (this.#isFedSoon) return
    this.#isFedSoon = true
    setImmediate(() => {
      this.#isFedSoon = false
      this.#feed()
    })
  }

  /** Hands over as many as the thread has room for, unless they are to wait for others. */
  #feed(): void {
    const room = this.#pace.insideMax - this.#inside.size
    if (this.#waiting.size === 0 || room <= 0) return
    const leftMs = this.#leftMs()
    if (leftMs > 0) this.#feedIn(leftMs)
    else this.#enter(room)
  }

  /** Until those that wait are to go, unless others come. */
  #leftMs(): number {
    const [oldest] = this.#waiting.values()
    if (this.#batch === null || this.#batch.waitMs === 0 || oldest === undefined) return 0
    const count = this.#waiting.size
    let lastMs = Number.POSITIVE_INFINITY
    if (count < this.#batch.rowsMax) for (const one of this.#waiting.values()) lastMs = Math.min(lastMs, one.lastMs)
    return holdMs(this.#batch, { count, oldestMs: oldest.sinceMs, lastMs }, performance.now())
  }

  #feedIn(delayMs: number): void {
    clearTimeout(this.#holdTimer)
    // A timer may ring a little early: what is left of a millisecond is waited for as a whole one.
    this.#holdTimer = setTimeout(() => this.#feed(), Math.ceil(delayMs))
  }

  #enter(room: number): void {
    const items: Omit<InferItem, 'body'>[] = []
    const parts: Uint8Array[][] = []
    for (const [id, { encoding, jsonBytes, body, sending }] of this.#waiting) {
      if (items.length >= room) break
      this.#waiting.delete(id)
      this.#inside.set(id, sending)
      items.push({ id, encoding, jsonBytes })
      parts.push([body])
    }
    // Copied: the caller may still mirror or record them.
    const { bodies, buffers } = pack(parts, false)
    this.#give(
      items.map((item, at) => ({ ...item, body: bodies[at] ?? new Uint8Array() })),
      buffers,
    )
  }
}
