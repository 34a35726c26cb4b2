/**
 * Numbers units in the order in which they come, by a hash of 64 bits in two halves, in flat arrays: of a million units neither
 * texts nor objects are kept. Two units of the same hash are taken for one.
 */

export const noRow = -1
/** So many units have room at first, here and in what is kept beside. */
export const firstRows = 1 << 10

export class UnitRows {
  /** Slot of the hash table to row; twice as many slots as rows. */
  #slots = new Int32Array(firstRows * 2).fill(noRow)
  #count = 0
  #high = new Uint32Array(firstRows)
  #low = new Uint32Array(firstRows)

  get count(): number {
    return this.#count
  }

  /** Rows that there is room for: whoever keeps more of each makes room for as many. */
  get capacity(): number {
    return this.#high.length
  }

  highOf(row: number): number {
    return this.#high[row] ?? 0
  }

  lowOf(row: number): number {
    return this.#low[row] ?? 0
  }

  /** Where a unit's row stands, or would stand: for `rowAt`, and for `add` as long as nothing else has been added. */
  slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1
    let slot = low & mask
    for (let row = this.#slots[slot] ?? noRow; row !== noRow; row = this.#slots[slot] ?? noRow) {
      if (this.#high[row] === high && this.#low[row] === low) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  /** `noRow` for a unit that has none. */
  rowAt(slot: number): number {
    return this.#slots[slot] ?? noRow
  }

  /** The row of a unit that had none. */
  add(slot: number, high: number, low: number): number {
    const row = this.#count
    this.#count += 1
    this.#slots[slot] = row
    this.#high[row] = high
    this.#low[row] = low
    if (this.#count === this.#high.length) this.#grow()
    return row
  }

  #grow(): void {
    const capacity = this.#high.length * 2
    this.#high = grown(this.#high, new Uint32Array(capacity))
    this.#low = grown(this.#low, new Uint32Array(capacity))
    this.#slots = new Int32Array(capacity * 2).fill(noRow)
    for (let row = 0; row < this.#count; row += 1) this.#slots[this.slotOf(this.highOf(row), this.lowOf(row))] = row
  }
}

/** The longer array, which begins with what is in the other. */
export function grown<A extends Int32Array | Uint32Array | Float64Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
