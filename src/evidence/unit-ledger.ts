/**
 * Which versions each unit of a release has met, and which was the first in the newest epoch in which it came: for the
 * sample-ratio check. Flat arrays and hashes instead of a map: of a million units neither texts nor objects are kept.
 */
import { randomInt } from 'node:crypto'
import { hashText } from '../core/assign.ts'
import type { VersionEvidence } from '../core/evidence.ts'
import { limits } from '../core/limits.ts'
import { firstRows, grown, noRow, UnitRows } from './unit-rows.ts'

/** Where a unit came to: the version that was assigned, and the evidence that it is part of there. */
export type Meeting = { unit: string; assigned: string; epoch: number; evidence: VersionEvidence }

/** Drawn anew by each process: callers choose their units, and must not know which ones crowd one part of the table. */
const [highSeed, lowSeed] = [randomInt(2 ** 32), randomInt(2 ** 32)]

export class UnitLedger {
  readonly release: string
  readonly #rows = new UnitRows()
  /** By row: the version met first, by its number; the newest epoch, and the evidence that the unit came to first in it. */
  #met = new Int32Array(firstRows)
  #epoch = new Float64Array(firstRows)
  #first = new Int32Array(firstRows)
  #isShared = new Uint8Array(firstRows)
  /** Further versions, of the few units that have met any. */
  readonly #metMore = new Map<number, number[]>()
  readonly #versions: string[] = []
  readonly #evidences: VersionEvidence[] = []

  constructor(release: string) {
    this.release = release
  }

  meet(meeting: Meeting): void {
    const { unit, assigned, epoch, evidence } = meeting
    const [high, low] = [hashText(unit, highSeed), hashText(unit, lowSeed)]
    const slot = this.#rows.slotOf(high, low)
    const row = this.#rows.rowAt(slot)
    if (row !== noRow) {
      if (this.#versions[this.#met[row] ?? 0] !== assigned && this.#meetFurther(row, assigned)) evidence.unitsMet += 1
      this.#meetInEpoch(row, epoch, evidence)
      return
    }
    if (this.#rows.count >= limits.unitsTrackedMax) return
    this.#add(meeting, this.#rows.add(slot, high, low))
    evidence.newUnits += 1
    evidence.unitsMet += 1
    evidence.unitsServed += 1
  }

  /** Whether the unit, which met another version first, had not met this one before. */
  #meetFurther(row: number, assigned: string): boolean {
    const version = numberOf(this.#versions, assigned)
    const more = this.#metMore.get(row)
    if (more?.includes(version) === true) return false
    if (more === undefined) this.#metMore.set(row, [version])
    else more.push(version)
    return true
  }

  /** What was in flight when the epoch ended comes late and is of no interest. */
  #meetInEpoch(row: number, epoch: number, evidence: VersionEvidence): void {
    const newest = this.#epoch[row] ?? 0
    if (epoch < newest) return
    if (epoch > newest) {
      this.#epoch[row] = epoch
      this.#first[row] = numberOf(this.#evidences, evidence)
      this.#isShared[row] = 0
      evidence.unitsServed += 1
      return
    }
    const first = this.#evidences[this.#first[row] ?? 0]
    if (first === undefined || first === evidence || this.#isShared[row] === 1) return
    this.#isShared[row] = 1
    first.unitsShared += 1
  }

  #add({ assigned, epoch, evidence }: Meeting, row: number): void {
    if (row >= this.#met.length) this.#widen(this.#rows.capacity)
    this.#met[row] = numberOf(this.#versions, assigned)
    this.#epoch[row] = epoch
    this.#first[row] = numberOf(this.#evidences, evidence)
  }

  #widen(capacity: number): void {
    this.#met = grown(this.#met, new Int32Array(capacity))
    this.#epoch = grown(this.#epoch, new Float64Array(capacity))
    this.#first = grown(this.#first, new Int32Array(capacity))
    this.#isShared = grown(this.#isShared, new Uint8Array(capacity))
  }
}

/** The place in a list that grows by what is new in it; searched from its end, where the newest epochs are. */
function numberOf<One>(known: One[], one: One): number {
  for (let place = known.length - 1; place >= 0; place -= 1) if (known[place] === one) return place
  return known.push(one) - 1
}
