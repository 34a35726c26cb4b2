/**
 * Which versions each unit of a release has met, and which was the first in the newest epoch in which it came: for the
 * sample-ratio check. Flat arrays and hashes instead of a map: of a million units neither texts nor objects are kept.
 */
import { randomInt } from 'node:crypto'
import { hashText } from '../core/assign.ts'
import type { VersionEvidence } from '../core/evidence.ts'
import { limits } from '../core/limits.ts'

/** Where a unit came to: the version that was assigned, and the evidence that it is part of there. */
export type Meeting = { unit: string; assigned: string; epoch: number; evidence: VersionEvidence }

const none = -1
const firstCapacity = 1 << 10
/** Drawn anew by each process: callers choose their units, and must not know which ones crowd one part of the table. */
const [highSeed, lowSeed] = [randomInt(2 ** 32), randomInt(2 ** 32)]

export class UnitLedger {
  readonly release: string
  /** Slot of the hash table to row. */
  #slots = new Int32Array(firstCapacity * 2).fill(none)
  #rows = 0
  #high = new Uint32Array(firstCapacity)
  #low = new Uint32Array(firstCapacity)
  /** By row: the version met first, by its number; the newest epoch, and the evidence that the unit came to first in it. */
  #met = new Int32Array(firstCapacity)
  #epoch = new Float64Array(firstCapacity)
  #first = new Int32Array(firstCapacity)
  #isShared = new Uint8Array(firstCapacity)
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
    const slot = this.#slotOf(high, low)
    const row = this.#slots[slot] ?? none
    if (row !== none) {
      if (this.#versions[this.#met[row] ?? none] !== assigned && this.#meetFurther(row, assigned))
        evidence.unitsMet += 1
      this.#meetInEpoch(row, epoch, evidence)
      return
    }
    if (this.#rows >= limits.unitsTrackedMax) return
    this.#add(meeting, slot, { high, low })
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
    const first = this.#evidences[this.#first[row] ?? none]
    if (first === undefined || first === evidence || this.#isShared[row] === 1) return
    this.#isShared[row] = 1
    first.unitsShared += 1
  }

  #add({ assigned, epoch, evidence }: Meeting, slot: number, { high, low }: { high: number; low: number }): void {
    const row = this.#rows
    this.#rows += 1
    this.#slots[slot] = row
    this.#high[row] = high
    this.#low[row] = low
    this.#met[row] = numberOf(this.#versions, assigned)
    this.#epoch[row] = epoch
    this.#first[row] = numberOf(this.#evidences, evidence)
    if (this.#rows === this.#high.length) this.#grow()
  }

  /** The slot of a unit's row, or the empty one where it belongs; two of 64 bits are taken for the same unit. */
  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1
    let slot = low & mask
    for (let row = this.#slots[slot] ?? none; row !== none; row = this.#slots[slot] ?? none) {
      if (this.#high[row] === high && this.#low[row] === low) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const capacity = this.#high.length * 2
    this.#high = grown(this.#high, new Uint32Array(capacity))
    this.#low = grown(this.#low, new Uint32Array(capacity))
    this.#met = grown(this.#met, new Int32Array(capacity))
    this.#epoch = grown(this.#epoch, new Float64Array(capacity))
    this.#first = grown(this.#first, new Int32Array(capacity))
    this.#isShared = grown(this.#isShared, new Uint8Array(capacity))
    this.#slots = new Int32Array(capacity * 2).fill(none)
    for (let row = 0; row < this.#rows; row += 1)
      this.#slots[this.#slotOf(this.#high[row] ?? 0, this.#low[row] ?? 0)] = row
  }
}

/** The place in a list that grows by what is new in it; searched from its end, where the newest epochs are. */
function numberOf<One>(known: One[], one: One): number {
  for (let place = known.length - 1; place >= 0; place -= 1) if (known[place] === one) return place
  return known.push(one) - 1
}

function grown<A extends Int32Array | Uint32Array | Float64Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
