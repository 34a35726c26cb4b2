/**
 * Numbers per unit and group (a version in an epoch) in flat arrays, for as many units as `rowsMax`. Past it half of the
 * units are let go, those of the upper half of a hash that has nothing to do with versions or values: what is left is a
 * random sample of all units, and every later unit of the upper half is passed over.
 */
import { murmur3 } from '../core/assign.ts'

/** Where the numbers of one unit in one group stand. */
export type Cell = number

const none = -1
const firstCapacity = 1 << 10

export class UnitTable {
  readonly width: number
  readonly #rowsMax: number
  /** Slot of the hash table to row. */
  #slots = new Int32Array(firstCapacity * 2).fill(none)
  #rows = 0
  #high = new Uint32Array(firstCapacity)
  #low = new Uint32Array(firstCapacity)
  #firstCell = new Int32Array(firstCapacity)
  #cells = 0
  #next = new Int32Array(firstCapacity)
  #group = new Int32Array(firstCapacity)
  #values: Float64Array<ArrayBuffer>
  /** Units with a hash up to this are kept. */
  #hashMax = 0xffffffff

  constructor(options: { width: number; rowsMax: number }) {
    this.width = options.width
    this.#rowsMax = options.rowsMax
    this.#values = new Float64Array(firstCapacity * this.width)
  }

  get units(): number {
    return this.#rows
  }

  /** The share of all units that is kept. */
  get share(): number {
    return (this.#hashMax + 1) / 2 ** 32
  }

  /** The cell of a unit in a group, made if it is new; null if the unit is not in the sample. */
  cellOf(unit: string, group: number): Cell | null {
    const bytes = encoder.encode(unit)
    const [high, low] = [murmur3(bytes, highSeed), murmur3(bytes, lowSeed)]
    if (high > this.#hashMax) return null
    const row = this.#rowOf(high, low)
    for (let cell = this.#firstCell[row] ?? none; cell !== none; cell = this.#next[cell] ?? none)
      if (this.#group[cell] === group) return cell
    return this.#addCell(row, group, this.#firstCell[row] ?? none)
  }

  /** Whether units must be let go before more come. */
  isFull(): boolean {
    return this.#rows > this.#rowsMax
  }

  /** Lets half of the units go. */
  halve(): void {
    this.#hashMax = Math.floor(this.#hashMax / 2)
    this.#rebuild((row, _group) => (this.#high[row] ?? 0) <= this.#hashMax)
  }

  /** Lets go what the units did in other groups than these. */
  keepGroups(isKept: (group: number) => boolean): void {
    this.#rebuild((_row, group) => isKept(group))
  }

  value(cell: Cell, index: number): number {
    return this.#values[cell * this.width + index] ?? 0
  }

  setValue(cell: Cell, index: number, value: number): void {
    this.#values[cell * this.width + index] = value
  }

  groupOf(cell: Cell): number {
    return this.#group[cell] ?? none
  }

  /** All cells of the unit that a cell belongs to, where `first` is any of them as `eachUnit` gives it. */
  eachUnit(each: (cells: readonly Cell[]) => void): void {
    for (let row = 0; row < this.#rows; row += 1) each(this.#cellsFrom(this.#firstCell[row] ?? none))
  }

  /** The cells of a unit, by name. */
  cellsOf(unit: string): readonly Cell[] {
    const bytes = encoder.encode(unit)
    const slot = this.#slotOf(murmur3(bytes, highSeed), murmur3(bytes, lowSeed))
    const row = this.#slots[slot] ?? none
    return row === none ? [] : this.#cellsFrom(this.#firstCell[row] ?? none)
  }

  #cellsFrom(first: number): Cell[] {
    const cells: Cell[] = []
    for (let cell = first; cell !== none; cell = this.#next[cell] ?? none) cells.push(cell)
    return cells
  }

  #rowOf(high: number, low: number): number {
    const slot = this.#slotOf(high, low)
    const known = this.#slots[slot] ?? none
    if (known !== none) return known
    if (this.#rows === this.#high.length) this.#growRows()
    const row = this.#rows
    this.#rows += 1
    this.#high[row] = high
    this.#low[row] = low
    this.#firstCell[row] = none
    this.#slots[this.#slotOf(high, low)] = row
    return row
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

  #addCell(row: number, group: number, next: number): Cell {
    if (this.#cells === this.#next.length) this.#growCells()
    const cell = this.#cells
    this.#cells += 1
    this.#group[cell] = group
    this.#next[cell] = next
    this.#values.fill(0, cell * this.width, (cell + 1) * this.width)
    this.#firstCell[row] = cell
    return cell
  }

  #growRows(): void {
    const capacity = this.#high.length * 2
    this.#high = grown(this.#high, new Uint32Array(capacity))
    this.#low = grown(this.#low, new Uint32Array(capacity))
    this.#firstCell = grown(this.#firstCell, new Int32Array(capacity))
    this.#slots = new Int32Array(capacity * 2).fill(none)
    for (let row = 0; row < this.#rows; row += 1)
      this.#slots[this.#slotOf(this.#high[row] ?? 0, this.#low[row] ?? 0)] = row
  }

  #growCells(): void {
    const capacity = this.#next.length * 2
    this.#next = grown(this.#next, new Int32Array(capacity))
    this.#group = grown(this.#group, new Int32Array(capacity))
    this.#values = grown(this.#values, new Float64Array(capacity * this.width))
  }

  #rebuild(isKept: (row: number, group: number) => boolean): void {
    const kept = new UnitTable({ width: this.width, rowsMax: this.#rowsMax })
    for (let row = 0; row < this.#rows; row += 1) {
      const cells = this.#cellsFrom(this.#firstCell[row] ?? none).filter(cell => isKept(row, this.groupOf(cell)))
      if (cells.length === 0) continue
      const target = kept.#rowOf(this.#high[row] ?? 0, this.#low[row] ?? 0)
      for (const cell of cells.reverse()) {
        const copy = kept.#addCell(target, this.groupOf(cell), kept.#firstCell[target] ?? none)
        for (let index = 0; index < this.width; index += 1) kept.setValue(copy, index, this.value(cell, index))
      }
    }
    this.#slots = kept.#slots
    this.#rows = kept.#rows
    this.#high = kept.#high
    this.#low = kept.#low
    this.#firstCell = kept.#firstCell
    this.#cells = kept.#cells
    this.#next = kept.#next
    this.#group = kept.#group
    this.#values = kept.#values
  }
}

const encoder = new TextEncoder()
/** Other seeds than those of assignment, so that the sample has nothing to do with versions. */
const highSeed = 0x5bd1e995
const lowSeed = 0x27d4eb2f

function grown<A extends Int32Array | Uint32Array | Float64Array>(from: A, to: A): A {
  to.set(from)
  return to
}
