/**
 * Numbers per unit and group (a version in an epoch) in flat arrays, for as many units as `rowsMax`. Past it half of the
 * units are let go, those of the upper half of a hash that has nothing to do with versions or values: what is left is a
 * random sample of all units, and every later unit of the upper half is passed over.
 */
import { murmur3 } from '../core/assign.ts'
import { firstRows, grown, noRow, UnitRows } from './unit-rows.ts'

/** Where the numbers of one unit in one group stand. */
export type Cell = number

const none = -1

export class UnitTable {
  readonly width: number
  readonly #rowsMax: number
  #rows = new UnitRows()
  #firstCell = new Int32Array(firstRows)
  #cells = 0
  #next = new Int32Array(firstRows)
  #group = new Int32Array(firstRows)
  #values: Float64Array<ArrayBuffer>
  /** Units with a hash up to this are kept. */
  #hashMax = 0xffffffff

  constructor(options: { width: number; rowsMax: number }) {
    this.width = options.width
    this.#rowsMax = options.rowsMax
    this.#values = new Float64Array(firstRows * this.width)
  }

  get units(): number {
    return this.#rows.count
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
    return this.#rows.count > this.#rowsMax
  }

  /** Lets half of the units go. */
  halve(): void {
    this.#hashMax = Math.floor(this.#hashMax / 2)
    this.#rebuild((row, _group) => this.#rows.highOf(row) <= this.#hashMax)
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
    for (let row = 0; row < this.#rows.count; row += 1) each(this.#cellsFrom(this.#firstCell[row] ?? none))
  }

  /** The cells of a unit, by name. */
  cellsOf(unit: string): readonly Cell[] {
    const bytes = encoder.encode(unit)
    const row = this.#rows.rowAt(this.#rows.slotOf(murmur3(bytes, highSeed), murmur3(bytes, lowSeed)))
    return row === noRow ? [] : this.#cellsFrom(this.#firstCell[row] ?? none)
  }

  #cellsFrom(first: number): Cell[] {
    const cells: Cell[] = []
    for (let cell = first; cell !== none; cell = this.#next[cell] ?? none) cells.push(cell)
    return cells
  }

  #rowOf(high: number, low: number): number {
    const slot = this.#rows.slotOf(high, low)
    const known = this.#rows.rowAt(slot)
    if (known !== noRow) return known
    const row = this.#rows.add(slot, high, low)
    if (row >= this.#firstCell.length) this.#firstCell = grown(this.#firstCell, new Int32Array(this.#rows.capacity))
    this.#firstCell[row] = none
    return row
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

  #growCells(): void {
    const capacity = this.#next.length * 2
    this.#next = grown(this.#next, new Int32Array(capacity))
    this.#group = grown(this.#group, new Int32Array(capacity))
    this.#values = grown(this.#values, new Float64Array(capacity * this.width))
  }

  #rebuild(isKept: (row: number, group: number) => boolean): void {
    const kept = new UnitTable({ width: this.width, rowsMax: this.#rowsMax })
    for (let row = 0; row < this.#rows.count; row += 1) {
      const cells = this.#cellsFrom(this.#firstCell[row] ?? none).filter(cell => isKept(row, this.groupOf(cell)))
      if (cells.length === 0) continue
      const target = kept.#rowOf(this.#rows.highOf(row), this.#rows.lowOf(row))
      for (const cell of cells.reverse()) {
        const copy = kept.#addCell(target, this.groupOf(cell), kept.#firstCell[target] ?? none)
        for (let index = 0; index < this.width; index += 1) kept.setValue(copy, index, this.value(cell, index))
      }
    }
    this.#rows = kept.#rows
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
