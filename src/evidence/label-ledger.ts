/** Matured predictions of one version in one epoch: each counted once, with or without a label by the age limit. */

/** A prediction matures at most this part of the window late: with the last one of its slot. */
const SLOTS_PER_WINDOW = 32

/** Open slots that may be kept; at one more those that have matured are added up. Fewer than 36 are young at any time. */
const OPEN_SLOTS_MAX = 2 * SLOTS_PER_WINDOW

/** The age limit of a release, which no longer changes. */
export type LabelWindow = {
  /** A prediction of this age is judged by whether it is labelled. */
  readonly ageMs: number
  readonly source: 'declared' | 'learned'
  /** Only predictions made after this are counted; null if all are. The window was learned from those before. */
  readonly afterMs: number | null
}

type Slot = { predicted: number; labelled: number }

/**
 * What has matured by a time that is not before the newest prediction does not depend on the order in which predictions
 * and labels came, nor on when matured slots were added up; it never becomes less.
 */
export class LabelLedger {
  readonly #window: LabelWindow
  readonly #slotMs: number
  readonly #open = new Map<number, Slot>()
  readonly #settled: Slot = { predicted: 0, labelled: 0 }

  constructor(window: LabelWindow) {
    this.#window = window
    this.#slotMs = Math.max(1, Math.ceil(window.ageMs / SLOTS_PER_WINDOW))
  }

  /** `newestMs` is the time of the newest prediction seen, this one included. */
  addPredictions(atMs: number, count: number, newestMs: number): void {
    const slot = this.#slotOf(atMs, newestMs)
    if (slot !== null) slot.predicted += count
  }

  addLabel(predictedAtMs: number, delayMs: number, newestMs: number): void {
    if (delayMs > this.#window.ageMs) return
    const slot = this.#slotOf(predictedAtMs, newestMs)
    if (slot !== null) slot.labelled += 1
  }

  matured(nowMs: number): { matured: number; labelled: number } {
    const sum = { ...this.#settled }
    for (const [index, slot] of this.#open) if (this.#hasMatured(index, nowMs)) addTo(sum, slot)
    return { matured: sum.predicted, labelled: Math.min(sum.labelled, sum.predicted) }
  }

  #slotOf(atMs: number, newestMs: number): Slot | null {
    if (this.#window.afterMs !== null && atMs <= this.#window.afterMs) return null
    const index = Math.floor(atMs / this.#slotMs)
    if (this.#hasMatured(index, newestMs)) return this.#settled
    const known = this.#open.get(index)
    if (known !== undefined) return known
    if (this.#open.size >= OPEN_SLOTS_MAX) this.#settle(newestMs)
    const made: Slot = { predicted: 0, labelled: 0 }
    this.#open.set(index, made)
    return made
  }

  #settle(newestMs: number): void {
    for (const [index, slot] of this.#open) {
      if (!this.#hasMatured(index, newestMs)) continue
      addTo(this.#settled, slot)
      this.#open.delete(index)
    }
  }

  #hasMatured(index: number, nowMs: number): boolean {
    return (index + 1) * this.#slotMs + this.#window.ageMs <= nowMs
  }
}

function addTo(sum: Slot, slot: Slot): void {
  sum.predicted += slot.predicted
  sum.labelled += slot.labelled
}
