/** Streams of rows that come in units: strong unit effects, 1 to 20 rows each, met again in later steps. */
import type { MetricEvidence, SharedUnits } from '../../src/core/evidence.ts'
import { armOf } from '../../src/core/judge/arms.ts'
import type { ArmPair } from '../../src/core/judge/means.ts'
import { withSharedUnits } from '../../src/core/judge/shared-units.ts'
import type { MetricSpec } from '../../src/core/metrics/spec.ts'
import { drawNormal, type Random } from '../../src/stats/numerics/random.ts'
import { mayReachBy, momentsEvidence, zOf } from './means.ts'
import type { Stream } from './simulation.ts'
import { stepAt } from './steps.ts'

export type UnitTraffic = {
  readonly units: number
  readonly rowsMax: number
  readonly observations: number
  readonly shares: readonly number[]
  readonly metric: string
  readonly spec: MetricSpec
  /** Of a unit with so many rows: what all its rows have in common. */
  readonly effect: (rows: number, random: Random) => number
  readonly noise: number
  /** Added to the rows of the candidate. */
  readonly lift?: number
  /** What all rows have in common at a time from 0 to 1. */
  readonly level?: (time: number) => number
}

/** A row: its unit, the group (twice the step, plus 1 for the candidate) and its value. */
export type UnitRow = { unit: number; group: number; value: number }

/** All rows of a release in their order. Units keep their version but for those that a raise of the weight moves. */
export function* unitRows(traffic: UnitTraffic, random: Random): Generator<UnitRow, undefined> {
  const { units, rowsMax, observations, shares, effect, noise, lift = 0, level = () => 0 } = traffic
  const effects = new Float64Array(units)
  const places = Float64Array.from({ length: units }, () => random.next())
  const order: number[] = []
  for (let unit = 0; unit < units; unit += 1) {
    const rows = 1 + Math.floor(rowsMax * random.next())
    effects[unit] = effect(rows, random)
    for (let row = 0; row < rows; row += 1) order.push(unit)
  }
  shuffle(order, random)
  for (const [index, unit] of order.slice(0, observations).entries()) {
    const time = index / Math.min(observations, order.length)
    const step = stepAt(shares, time)
    const isCandidate = (places[unit] ?? 0) < (shares[step] ?? 0)
    const value = (effects[unit] ?? 0) + noise * drawNormal(random) + level(time) + (isCandidate ? lift : 0)
    yield { unit, group: 2 * step + Number(isCandidate), value }
  }
}

function shuffle(items: number[], random: Random): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor((last + 1) * random.next())
    const item = items[last] ?? 0
    items[last] = items[other] ?? 0
    items[other] = item
  }
}

export function unitStream(traffic: UnitTraffic, random: Random): Stream {
  const { shares, metric, spec } = traffic
  const rows = unitRows(traffic, random)
  const tally = new UnitTally(traffic.units, 2 * shares.length)
  let step = 0
  const pairs = (): ArmPair[] =>
    shares.flatMap((_, at) => {
      const evidence = { candidate: tally.read(2 * at + 1), stable: tally.read(2 * at) }
      const [candidate, stable] = [armOf(spec, evidence.candidate), armOf(spec, evidence.stable)]
      if (!candidate.ok || !stable.ok || Math.min(candidate.arm.n, stable.arm.n) < 30) return []
      return [{ epoch: at + 2, candidate: candidate.arm, stable: stable.arm, evidence }]
    })
  return {
    next() {
      const { value: row } = rows.next()
      if (row === undefined) return
      step = Math.floor(row.group / 2)
      tally.add(row)
    },
    get step() {
      return step
    },
    read: () =>
      shares.map((_, at) =>
        momentsEvidence(metric, at, { candidate: tally.read(2 * at + 1), stable: tally.read(2 * at) }),
      ),
    mayReach: threshold => mayReachBy(zOf(withSharedUnits(pairs(), { candidate: 'v2', stable: 'v1' })), threshold),
    plainZ: () => -zOf(tally.byRow()),
  }
}

type Pair = { units: number; sumEarlier: number; sumLater: number; product: number }

/** Means of units by group, and what groups share, as the evidence has them (a test compares), in plain sums. */
export class UnitTally {
  readonly #groups: number
  readonly #rows: Float64Array
  readonly #sums: Float64Array
  readonly #totals: { n: number; sum: number; squares: number; rows: number; rowSum: number; rowSquares: number }[]
  readonly #pairs: Pair[]

  constructor(units: number, groups: number) {
    this.#groups = groups
    this.#rows = new Float64Array(units * groups)
    this.#sums = new Float64Array(units * groups)
    this.#totals = Array.from({ length: groups }, () => ({
      n: 0,
      sum: 0,
      squares: 0,
      rows: 0,
      rowSum: 0,
      rowSquares: 0,
    }))
    this.#pairs = Array.from({ length: groups * groups }, () => ({ units: 0, sumEarlier: 0, sumLater: 0, product: 0 }))
  }

  add({ unit, group, value }: UnitRow): void {
    const cell = unit * this.#groups + group
    const total = this.#totals[group]
    if (total === undefined) throw new RangeError(`there is no group ${group}`)
    const isNew = this.#rows[cell] === 0
    const before = this.#valueAt(cell)
    this.#rows[cell] = (this.#rows[cell] ?? 0) + 1
    this.#sums[cell] = (this.#sums[cell] ?? 0) + value
    const after = this.#valueAt(cell)
    total.n += Number(isNew)
    total.sum += after - before
    total.squares += after * after - before * before
    total.rows += 1
    total.rowSum += value
    total.rowSquares += value * value
    this.#addPairs(unit, group, { isNew, before, after })
  }

  #addPairs(unit: number, group: number, one: { isNew: boolean; before: number; after: number }): void {
    for (let other = 0; other < this.#groups; other += 1) {
      const cell = unit * this.#groups + other
      if (other === group || this.#rows[cell] === 0) continue
      const theirs = this.#valueAt(cell)
      const pair = this.#pairs[Math.min(group, other) * this.#groups + Math.max(group, other)]
      if (pair === undefined) continue
      pair.units += Number(one.isNew)
      pair.product += (one.after - one.before) * theirs
      const ours = one.after - one.before
      const added = one.isNew ? theirs : 0
      pair.sumEarlier += group < other ? ours : added
      pair.sumLater += group < other ? added : ours
    }
  }

  #valueAt(cell: number): number {
    const rows = this.#rows[cell] ?? 0
    return rows === 0 ? 0 : (this.#sums[cell] ?? 0) / rows
  }

  read(group: number): MetricEvidence {
    const total = this.#totals[group]
    if (total === undefined) throw new RangeError(`there is no group ${group}`)
    const { n, sum, squares } = total
    const variance = n < 2 ? 0 : Math.max(0, squares - (sum * sum) / n) / (n - 1)
    return {
      form: 'moments',
      moments: { n, mean: [n === 0 ? 0 : sum / n], covariance: [[variance]] },
      shared: this.#sharedOf(group),
    }
  }

  #sharedOf(group: number): SharedUnits[] {
    const here = this.#meanOf(group)
    const shared: SharedUnits[] = []
    for (let earlier = 0; earlier < group; earlier += 1) {
      const pair = this.#pairs[earlier * this.#groups + group]
      if (pair === undefined || pair.units === 0) continue
      const there = this.#meanOf(earlier)
      const product = pair.product - here * pair.sumEarlier - there * pair.sumLater + pair.units * here * there
      const version = earlier % 2 === 0 ? 'v1' : 'v2'
      shared.push({ epoch: 2 + Math.floor(earlier / 2), version, units: pair.units, products: [[product]] })
    }
    return shared
  }

  #meanOf(group: number): number {
    const { n = 0, sum = 0 } = this.#totals[group] ?? {}
    return n === 0 ? 0 : sum / n
  }

  /** The same as if every row were a unit of its own. */
  byRow() {
    const arm = (group: number) => {
      const { rows = 0, rowSum = 0, rowSquares = 0 } = this.#totals[group] ?? {}
      const mean = rows === 0 ? 0 : rowSum / rows
      return { n: rows, mean, variance: rows < 2 ? 0 : Math.max(0, rowSquares - rows * mean * mean) / (rows - 1) }
    }
    return Array.from({ length: this.#groups / 2 }, (_, at) => ({ stable: arm(2 * at), candidate: arm(2 * at + 1) }))
  }
}
