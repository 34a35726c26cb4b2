/** Calls that are being answered, all of a process: one timer looks after the time of every one of them. */
import type { MirrorTime } from './time.ts'

export interface Timed {
  /** When it has taken as long as it may. */
  readonly dueMs: number
  /** Its place among those under way, which alone write it; -1 outside. */
  place: number
  /** Its time is up. It removes itself. */
  expire(): void
  /** It is not wanted any more. It removes itself. */
  cancel(): void
}

export class Underway {
  readonly #time: MirrorTime
  readonly #calls: Timed[] = []
  /** When the timer rings; it may find nothing due, for what ends in time leaves it as it is. */
  #ringsMs = Number.POSITIVE_INFINITY
  #cancelTimer: () => void = () => {}

  constructor(time: MirrorTime) {
    this.#time = time
  }

  get size(): number {
    return this.#calls.length
  }

  add(call: Timed): void {
    call.place = this.#calls.length
    this.#calls.push(call)
    this.#ringBy(call.dueMs)
  }

  /** The last takes its place: where each one is tells nothing. */
  remove(call: Timed): void {
    const { place } = call
    if (place === -1) return
    call.place = -1
    const last = this.#calls.pop()
    if (last === undefined || last === call) return
    this.#calls[place] = last
    last.place = place
  }

  cancelAll(): void {
    for (const call of [...this.#calls]) call.cancel()
    this.#cancelTimer()
    this.#ringsMs = Number.POSITIVE_INFINITY
  }

  #ringBy(dueMs: number): void {
    if (dueMs >= this.#ringsMs) return
    this.#cancelTimer()
    this.#ringsMs = dueMs
    this.#cancelTimer = this.#time.after(Math.ceil(Math.max(1, dueMs - this.#time.nowMs())), () => this.#ring())
  }

  #ring(): void {
    this.#ringsMs = Number.POSITIVE_INFINITY
    const nowMs = this.#time.nowMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const call of [...this.#calls]) {
      if (call.dueMs <= nowMs) call.expire()
      else nextMs = Math.min(nextMs, call.dueMs)
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#ringBy(nextMs)
  }
}
