/** Metrics of a table of true and predicted classes, or of scores of two classes, drawn by the batch: exact counts of cells. */
import { drawMultinomial } from '../../stats/numerics/draws.ts'
import type { Random } from '../../stats/numerics/random.ts'
import { erfc, normalQuantile } from '../../stats/numerics/special.ts'
import type { MetricEvidence } from '../evidence.ts'
import type { MetricSpec } from '../metrics/spec.ts'
import type { MetricDraw } from './scenario.ts'
import type { MetricSums } from './sums.ts'
import { VectorSums } from './vector-sums.ts'

export type Shares = Extract<MetricDraw, { kind: 'shares' }>
type Scores = Extract<MetricDraw, { kind: 'scores' }>

/** Of all labelled rows: the class found, called wrongly, missed, and neither. */
export function cellsOf({ positives, precision, recall }: Shares): [number, number, number, number] {
  const hits = positives * recall
  const calledWrongly = precision > 0 ? hits / precision - hits : 0
  const missed = positives - hits
  return [hits, calledWrongly, missed, Math.max(0, 1 - hits - calledWrongly - missed)]
}

export function sharesSums(spec: MetricSpec, draw: Shares): MetricSums {
  return cellSums(cellsOf(draw), ([hits = 0, calledWrongly = 0, missed = 0]) => {
    if (spec.type === 'precision') return { form: 'counts', trials: hits + calledWrongly, events: calledWrongly }
    if (spec.type === 'recall') return { form: 'counts', trials: hits + missed, events: missed }
    const sums = new VectorSums()
    sums.addKnown([2, 2], hits)
    sums.addKnown([0, 1], calledWrongly + missed)
    return { form: 'moments', moments: sums.read(), shared: [] }
  })
}

/** Rows fall into cells by their shares; they are drawn when they are read, all at once that came since. */
function cellSums(shares: readonly number[], evidenceOf: (counts: readonly number[]) => MetricEvidence): MetricSums {
  const counts = shares.map(() => 0)
  let pending: { random: Random; rows: number } | null = null
  return {
    add(random, n) {
      pending = { random, rows: (pending?.rows ?? 0) + n }
    },
    meet() {},
    read() {
      const drawn = pending === null ? [] : drawMultinomial(pending.random, pending.rows, shares)
      for (const [cell, count] of drawn.entries()) counts[cell] = (counts[cell] ?? 0) + count
      pending = null
      return evidenceOf(counts)
    },
  }
}

/** Shares of the scores of a class from bin to bin; ties, which count half, cost 32 less than a thousandth of an AUC. */
const bins = 32

export function scoresSums({ positives, auc }: Scores): MetricSums {
  const [upper, lower] = [shiftedBins(auc, 1), shiftedBins(auc, -1)]
  const shares = [...upper.map(share => share * positives), ...lower.map(share => share * (1 - positives))]
  return cellSums(shares, counts => ({
    form: 'scores',
    positives: counts.slice(0, bins),
    negatives: counts.slice(bins),
  }))
}

/** Two normal distributions of equal spread, so far from each other that a score of the one is above one of the other that often. */
function shiftedBins(auc: number, side: 1 | -1): number[] {
  const shift = (side * normalQuantile(auc)) / Math.SQRT2
  const below = (edge: number): number => {
    if (edge <= 0) return 0
    return edge >= bins ? 1 : erfc((shift - normalQuantile(edge / bins)) / Math.SQRT2) / 2
  }
  return Array.from({ length: bins }, (_, bin) => below(bin + 1) - below(bin))
}

export function confusionSums(shares: readonly (readonly number[])[]): MetricSums {
  const size = shares.length
  const rowOf = (counts: readonly number[], row: number) => counts.slice(row * size, (row + 1) * size)
  return cellSums(shares.flat(), counts => ({ form: 'confusion', matrix: shares.map((_, row) => rowOf(counts, row)) }))
}

/** In truth: of infinitely many rows. */
export function valueOfShares(spec: MetricSpec, draw: Shares): number {
  if (spec.type === 'precision') return draw.precision
  if (spec.type === 'recall') return draw.recall
  const [hits, calledWrongly, missed] = cellsOf(draw)
  return (2 * hits) / (2 * hits + calledWrongly + missed)
}

/** The mean over classes of 2 hits / (true + predicted). */
export function macroF1(shares: readonly (readonly number[])[]): number {
  const total = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0)
  const f1 = shares.map(
    (row, one) => (2 * (row[one] ?? 0)) / (total(row) + total(shares.map(other => other[one] ?? 0))),
  )
  return total(f1) / f1.length
}
