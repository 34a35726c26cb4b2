/**
 * One metric of a release by unit: every unit counts once for each version and epoch in which it was met, whatever the
 * number of its rows, so that variances are over units. Units that are met in several epochs make these dependent:
 * their products are kept, for the judge to reckon with.
 */
import type { MetricEvidence, SharedUnits } from '../core/evidence.ts'
import { clip, type Observation } from '../core/metrics/observe.ts'
import { dimensionsOf, type MetricSpec } from '../core/metrics/spec.ts'
import { ExactMoments, type VectorMoments } from '../stats/summaries/exact-moments.ts'
import { type Cell, UnitTable } from './unit-table.ts'

type Group = { epoch: number; version: string; moments: ExactMoments }
type Place = { epoch: number; version: string; unit: string }

export class UnitMetric {
  readonly #spec: MetricSpec
  readonly #parts: number
  readonly #vectorSize: number
  readonly #table: UnitTable
  readonly #groups: Group[] = []
  /** Moments of the joined vectors of units that are in both groups, by `pairKey`. */
  #pairs = new Map<string, ExactMoments>()

  constructor(spec: MetricSpec, unitsMax: number) {
    this.#spec = spec
    this.#parts = dimensionsOf(spec)
    this.#vectorSize = this.#parts + (spec.covariate === undefined ? 0 : 2)
    // Rows, the sums of their parts, then the covariate and whether it is known.
    this.#table = new UnitTable({ width: 1 + this.#parts + 2, rowsMax: unitsMax })
  }

  /** The unit was met, with or without a value: where a total is counted it counts as zero so far. */
  meet(place: Place): void {
    this.#change(place, () => {})
  }

  add(place: Place, observation: Observation): void {
    this.#change(place, cell => this.#addTo(cell, observation, 1))
  }

  remove(place: Place, observation: Observation): void {
    this.#change(place, cell => this.#addTo(cell, observation, -1))
  }

  /** What the unit was like before; the value reported last is the one. */
  setCovariate(place: Place, value: number): void {
    this.#change(place, cell => {
      this.#table.setValue(cell, 1 + this.#parts, value)
      this.#table.setValue(cell, 2 + this.#parts, 1)
    })
  }

  read({ epoch, version }: { epoch: number; version: string }): MetricEvidence | null {
    const index = this.#groups.findIndex(group => group.epoch === epoch && group.version === version)
    const group = this.#groups[index]
    return group === undefined
      ? null
      : { form: 'moments', moments: group.moments.read(), shared: this.#sharedOf(index, group) }
  }

  /** Of units that are in both groups, the first one's vector before the second's; null while there are none. */
  readPair(first: Omit<Place, 'unit'>, second: Omit<Place, 'unit'>): VectorMoments | null {
    const indexOf = ({ epoch, version }: Omit<Place, 'unit'>) =>
      this.#groups.findIndex(group => group.epoch === epoch && group.version === version)
    const [index, other] = [indexOf(first), indexOf(second)]
    const pair = this.#pairs.get(index < other ? `${index} ${other}` : `${other} ${index}`)
    if (pair === undefined || pair.n === 0) return null
    if (index > other) throw new Error('the first of two groups must have been met first')
    return pair.read()
  }

  forget(beforeEpoch: number): void {
    if (!this.#groups.some(({ epoch }) => epoch < beforeEpoch)) return
    this.#table.keepGroups(group => (this.#groups[group]?.epoch ?? 0) >= beforeEpoch)
    this.#recount()
  }

  /** The share of all units that evidence is over. */
  get share(): number {
    return this.#table.share
  }

  #change(place: Place, change: (cell: Cell) => void): void {
    const group = this.#groupOf(place)
    const isKnown = this.#table.cellsOf(place.unit)
    const cell = this.#table.cellOf(place.unit, group)
    if (cell === null) return
    const others = isKnown.filter(other => other !== cell)
    this.#count(cell, others, -1, isKnown.includes(cell))
    change(cell)
    this.#count(cell, others, 1, true)
    if (!this.#table.isFull()) return
    this.#table.halve()
    this.#recount()
  }

  #groupOf({ epoch, version }: Place): number {
    const known = this.#groups.findIndex(group => group.epoch === epoch && group.version === version)
    if (known >= 0) return known
    return this.#groups.push({ epoch, version, moments: new ExactMoments(this.#vectorSize) }) - 1
  }

  #addTo(cell: Cell, observation: Observation, sign: number): void {
    const table = this.#table
    table.setValue(cell, 0, table.value(cell, 0) + sign)
    // Without rows there is nothing: what rounding left of the sums goes as well.
    const isEmpty = table.value(cell, 0) === 0
    for (const [index, value] of observation.entries())
      table.setValue(cell, 1 + index, isEmpty ? 0 : table.value(cell, 1 + index) + sign * value)
  }

  #count(cell: Cell, others: readonly Cell[], sign: 1 | -1, isThere: boolean): void {
    const vector = isThere ? this.#vectorOf(cell) : null
    if (vector === null) return
    const group = this.#table.groupOf(cell)
    apply(this.#groups[group]?.moments, vector, sign)
    for (const other of others) {
      const theirs = this.#vectorOf(other)
      if (theirs === null) continue
      const otherGroup = this.#table.groupOf(other)
      const ordered = group < otherGroup ? [...vector, ...theirs] : [...theirs, ...vector]
      apply(this.#pairOf(group, otherGroup), ordered, sign)
    }
  }

  /** What the unit counts as; null while it has no value. */
  #vectorOf(cell: Cell): number[] | null {
    const value = this.#unitValue(cell)
    if (value === null || this.#spec.covariate === undefined) return value
    return [...value, this.#table.value(cell, 1 + this.#parts), this.#table.value(cell, 2 + this.#parts)]
  }

  #unitValue(cell: Cell): number[] | null {
    const rows = this.#table.value(cell, 0)
    const sum = this.#table.value(cell, 1)
    const { type, winsorise } = this.#spec
    const clipped = (value: number) => (winsorise === undefined ? value : clip(value, winsorise))
    if (type === 'count') return [clipped(sum)]
    if (type === 'rate') return [sum > 0 ? 1 : 0]
    if (rows === 0) return null
    return this.#parts === 2 ? [sum, this.#table.value(cell, 2)] : [clipped(sum / rows)]
  }

  #pairOf(a: number, b: number): ExactMoments {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const made = new ExactMoments(this.#vectorSize * 2)
    this.#pairs.set(key, made)
    return made
  }

  #recount(): void {
    for (const group of this.#groups) group.moments = new ExactMoments(this.#vectorSize)
    this.#pairs = new Map()
    this.#table.eachUnit(cells => {
      for (const [index, cell] of cells.entries()) this.#count(cell, cells.slice(0, index), 1, true)
    })
  }

  #sharedOf(index: number, group: Group): SharedUnits[] {
    const here = group.moments.read().mean
    return this.#groups.flatMap((other, otherIndex): SharedUnits[] => {
      const pair = this.#pairs.get(index < otherIndex ? `${index} ${otherIndex}` : `${otherIndex} ${index}`)
      const isEarlier = other.epoch < group.epoch || (other.epoch === group.epoch && other.version < group.version)
      if (pair === undefined || !isEarlier || pair.n === 0) return []
      const there = other.moments.read().mean
      const [hereAt, thereAt] = index < otherIndex ? [0, here.length] : [here.length, 0]
      const means = index < otherIndex ? [...here, ...there] : [...there, ...here]
      const products = here.map((_, i) => there.map((_, j) => pair.centred(hereAt + i, thereAt + j, means, means)))
      return [{ epoch: other.epoch, version: other.version, units: pair.n, products }]
    })
  }
}

function apply(moments: ExactMoments | undefined, vector: readonly number[], sign: 1 | -1): void {
  if (sign === 1) moments?.add(vector)
  else moments?.remove(vector)
}
