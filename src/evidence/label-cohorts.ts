/** Predictions of one version in one epoch by the time they were made, and how soon each was labelled. */
import { DELAY_BINS, delayBin, lastBinWithin } from '../stats/delay/delay-grid.ts'
import { getOrMake } from './get-or-make.ts'

/** Cohorts that are kept apart; at one more the slots become twice as wide and neighbours one cohort. */
export const COHORTS_MAX = 64

/** Predictions made in one slot of time. At most `DELAY_BINS` + 1 bins. */
type Cohort = { predicted: number; labelledByBin: Map<number, number> }

/** Counts by bin of the delay grid, as `delayDistribution` takes them. */
export type DelaySums = { labelled: number[]; censored: number[] }

export function emptyDelaySums(): DelaySums {
  return { labelled: new Array(DELAY_BINS).fill(0), censored: new Array(DELAY_BINS).fill(0) }
}

/**
 * The width of the slots is the least doubling of the first with which all times seen fit: it does not depend on the
 * order in which they came, so neither does any number.
 */
export class LabelCohorts {
  #slotMs: number
  #cohorts = new Map<number, Cohort>()
  /** The one that was met last: most predictions are of the same slot as those before. */
  #lastSlot = Number.NaN
  #last: Cohort | null = null
  #predicted = 0
  #labelled = 0

  constructor(slotMs: number) {
    this.#slotMs = slotMs
  }

  get predicted(): number {
    return this.#predicted
  }

  get labelled(): number {
    return this.#labelled
  }

  get slotMs(): number {
    return this.#slotMs
  }

  /** Whether the predictions are the first of their slot. */
  addPredictions(atMs: number, count: number): boolean {
    const before = this.#cohorts.size
    this.#cohortOf(atMs).predicted += count
    this.#predicted += count
    const isNewSlot = this.#cohorts.size > before
    this.#mergeWhileTooMany()
    return isNewSlot
  }

  addLabel(predictedAtMs: number, delayMs: number): void {
    const { labelledByBin } = this.#cohortOf(predictedAtMs)
    const bin = delayBin(delayMs)
    labelledByBin.set(bin, (labelledByBin.get(bin) ?? 0) + 1)
    this.#labelled += 1
    this.#mergeWhileTooMany()
  }

  /**
   * Adds what can be told of delays at a time. Of a cohort, whose predictions differ in age by a slot, only the bins count
   * that its youngest has lived through; beyond, labels of its older ones would be seen and the missing ones not.
   */
  addTo(sums: DelaySums, nowMs: number): void {
    for (const [slot, { predicted, labelledByBin }] of this.#cohorts) {
      const followed = lastBinWithin(nowMs - (slot + 1) * this.#slotMs)
      if (followed < 0) continue
      let open = predicted
      for (const [bin, count] of labelledByBin) {
        if (bin > followed) continue
        sums.labelled[bin] = (sums.labelled[bin] ?? 0) + count
        open -= count
      }
      sums.censored[followed] = (sums.censored[followed] ?? 0) + Math.max(0, open)
    }
  }

  /**
   * The mean age of each cohort, as if its predictions were spread evenly over its slot, and their number; oldest first,
   * for a sum of fractions depends on their order.
   */
  ages(nowMs: number): readonly { ageMs: number; predicted: number }[] {
    const cohorts = [...this.#cohorts].sort(([slot], [other]) => slot - other)
    return cohorts.map(([slot, { predicted }]) => {
      const endMs = Math.min(nowMs, (slot + 1) * this.#slotMs)
      return { ageMs: nowMs - (slot * this.#slotMs + endMs) / 2, predicted }
    })
  }

  /** Predictions old enough for an age limit, and those labelled by it; the limit is rounded down to the grid. */
  matured(ageMs: number, nowMs: number): { predicted: number; labelled: number } {
    const within = lastBinWithin(ageMs)
    const sum = { predicted: 0, labelled: 0 }
    for (const [slot, cohort] of this.#cohorts) {
      if ((slot + 1) * this.#slotMs + ageMs > nowMs) continue
      sum.predicted += cohort.predicted
      for (const [bin, count] of cohort.labelledByBin) if (bin <= within) sum.labelled += count
    }
    return sum
  }

  /** Every cohort with its slot of time, oldest first. */
  list(): readonly { fromMs: number; toMs: number; predicted: number; labelled: number }[] {
    const cohorts = [...this.#cohorts].sort(([slot], [other]) => slot - other)
    return cohorts.map(([slot, { predicted, labelledByBin }]) => ({
      fromMs: slot * this.#slotMs,
      toMs: (slot + 1) * this.#slotMs,
      predicted,
      labelled: [...labelledByBin.values()].reduce((sum, count) => sum + count, 0),
    }))
  }

  #cohortOf(atMs: number): Cohort {
    const slot = Math.floor(atMs / this.#slotMs)
    if (slot === this.#lastSlot && this.#last !== null) return this.#last
    const cohort = getOrMake(this.#cohorts, slot, () => ({ predicted: 0, labelledByBin: new Map() }))
    this.#lastSlot = slot
    this.#last = cohort
    return cohort
  }

  #mergeWhileTooMany(): void {
    while (this.#cohorts.size > COHORTS_MAX) {
      const finer = this.#cohorts
      this.#slotMs *= 2
      this.#last = null
      this.#cohorts = new Map()
      for (const [slot, cohort] of finer) this.#takeIn(Math.floor(slot / 2), cohort)
    }
  }

  #takeIn(slot: number, cohort: Cohort): void {
    const known = this.#cohorts.get(slot)
    if (known === undefined) {
      this.#cohorts.set(slot, cohort)
      return
    }
    known.predicted += cohort.predicted
    for (const [bin, count] of cohort.labelledByBin)
      known.labelledByBin.set(bin, (known.labelledByBin.get(bin) ?? 0) + count)
  }
}
