/**
 * Regular units by where their bucket lies, as numbers of units: which of them have met which version, without a name for
 * any. A change of weights cuts the line of buckets; the units of a piece keep what they have met.
 */
import { drawBinomial, drawDistinct, drawHypergeometric, drawMultinomial } from '../../stats/numerics/draws.ts'
import type { Random } from '../../stats/numerics/random.ts'
import { limits } from '../limits.ts'
import type { Segment } from '../traffic.ts'

/** Units whose buckets lie between two edges. `met`: some version in the release; `served`: anybody in the epoch. */
type Cell = { startPpm: number; endPpm: number; units: number; met: number; metBy: Map<string, number>; served: number }

/** Requests and first meetings of one version. */
export type Met = { version: string; requests: number; newUnits: number; unitsMet: number; unitsServed: number }

export class UnitCells {
  readonly #random: Random
  #cells: Cell[]

  constructor(units: number, random: Random) {
    this.#random = random
    this.#cells = [{ startPpm: 0, endPpm: limits.ppmTotal, units, met: 0, metBy: new Map(), served: 0 }]
  }

  /** A release begins: nobody has met anything of it. */
  forget(): void {
    for (const cell of this.#cells) Object.assign(cell, { met: 0, metBy: new Map(), served: 0 })
  }

  /** Other weights: units have been served by nobody yet in the epoch. */
  enter(segments: readonly Segment[]): void {
    for (const { endPpm } of segments) this.#cutAt(endPpm)
    for (const cell of this.#cells) cell.served = 0
  }

  /** Requests of any regular unit alike. */
  pass(requests: number, segments: readonly Segment[]): Met[] {
    const counts = drawMultinomial(
      this.#random,
      requests,
      this.#cells.map(({ units }) => units),
    )
    return this.#cells.flatMap((cell, index) => {
      const count = counts[index] ?? 0
      const version = segments.find(({ endPpm }) => cell.startPpm < endPpm)?.version
      return count === 0 || version === undefined ? [] : [this.#meet(cell, version, count)]
    })
  }

  #meet(cell: Cell, version: string, requests: number): Met {
    const random = this.#random
    const fresh = cell.units - cell.served
    const landed = drawBinomial(random, requests, fresh / cell.units)
    const unitsServed = drawDistinct(random, fresh, landed)
    const already = cell.metBy.get(version) ?? 0
    // Whoever was served in this epoch has met the version in it, so that those who have not are all among the fresh.
    const unitsMet = drawHypergeometric(random, {
      all: fresh,
      marked: Math.min(fresh, cell.units - already),
      sampled: unitsServed,
    })
    const newUnits = drawHypergeometric(random, {
      all: cell.units - already,
      marked: Math.min(cell.units - already, cell.units - cell.met),
      sampled: unitsMet,
    })
    cell.served += unitsServed
    cell.metBy.set(version, already + unitsMet)
    cell.met += newUnits
    return { version, requests, newUnits, unitsMet, unitsServed }
  }

  #cutAt(ppm: number): void {
    const index = this.#cells.findIndex(({ startPpm, endPpm }) => startPpm < ppm && ppm < endPpm)
    const cell = this.#cells[index]
    if (cell === undefined) return
    this.#cells.splice(index, 1, ...this.#halves(cell, ppm))
  }

  #halves(cell: Cell, ppm: number): [Cell, Cell] {
    const random = this.#random
    const units = drawBinomial(random, cell.units, (ppm - cell.startPpm) / (cell.endPpm - cell.startPpm))
    const part = (marked: number) => drawHypergeometric(random, { all: cell.units, marked, sampled: units })
    const met = part(cell.met)
    // Nobody has met a version without having met the release.
    const split = [...cell.metBy].map(([version, count]) => ({ version, count, low: Math.min(part(count), met) }))
    const low = new Map(split.map(one => [one.version, Math.max(one.low, one.count - (cell.met - met))]))
    const high = new Map(split.map(({ version, count }) => [version, count - (low.get(version) ?? 0)]))
    return [
      { startPpm: cell.startPpm, endPpm: ppm, units, met, metBy: low, served: 0 },
      { startPpm: ppm, endPpm: cell.endPpm, units: cell.units - units, met: cell.met - met, metBy: high, served: 0 },
    ]
  }
}
