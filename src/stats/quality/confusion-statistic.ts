import { invalid, type Result } from '../result.ts'
import { checkAveraged, f1Macro, precisionOf, recallOf, type Value } from './confusion.ts'
import {
  type ClassCounts,
  type ConfusionMatrix,
  checkMatrix,
  deltaVariance,
  type Totals,
  totalsOf,
} from './confusion-matrix.ts'

/** A statistic of a confusion matrix; a class is named as in `classes`. */
export type ConfusionStatistic =
  | 'accuracy'
  | 'f1-macro'
  | { readonly precision: string }
  | { readonly recall: string }
  | { readonly f1: string }

/**
 * One statistic of a confusion matrix with the variance of its estimate (already divided by the rows), for intervals
 * and comparisons. `averagedOver` as in `confusionQuality`.
 *
 * @use For the error of accuracy, precision, recall or F1, and to compare versions with separate rows: the variance of
 *   a difference is the sum of both. Not for two models on the same rows, which are correlated.
 * @assumes Rows are independent, cells multinomial; the delta method needs some ten rows in each count it divides by.
 * @formula variance = sum_ij p_ij (g_ij - g)^2 / n, g_ij the derivative of the statistic in p_ij and g its mean.
 * @source Agresti, "Categorical Data Analysis" (3rd ed. 2013), section 16.1; for F1 Takahashi, Yamamoto, Kuchiba &
 *   Koyama, Applied Intelligence 52 (2022) 10.1007/s10489-021-02635-5.
 * @degenerate A statistic that is undefined is insufficient with the reason. At 0 or 1 the variance is 0, which means
 *   that the method does not know it, not that the estimate is certain.
 */
export function confusionStatistic({
  matrix,
  classes,
  statistic,
  averagedOver = classes,
}: ConfusionMatrix & {
  readonly statistic: ConfusionStatistic
  readonly averagedOver?: readonly string[]
}): Result<{ readonly estimate: number; readonly variance: number }> {
  const bad = checkMatrix({ matrix, classes }) ?? checkAveraged(classes, averagedOver)
  if (bad !== undefined) return bad
  const totals = totalsOf({ matrix, classes })
  const task = taskOf(statistic, totals, averagedOver)
  const value = estimateOf(task, totals)
  if (!value.ok) return value
  return { ok: true, estimate: value.value, variance: deltaVariance(matrix, slopeOf(task, totals)) }
}

/** What a statistic is computed from: the accuracy from all rows, the others from counts of the classes they are about. */
type Task = { readonly kind: 'accuracy' | 'precision' | 'recall' | 'f1'; readonly about: readonly ClassCounts[] }

function taskOf(statistic: ConfusionStatistic, { byClass }: Totals, averagedOver: readonly string[]): Task {
  const named = (name: string) => byClass.filter(counts => counts.name === name)
  if (statistic === 'accuracy') return { kind: 'accuracy', about: byClass }
  if (statistic === 'f1-macro') return { kind: 'f1', about: averagedOver.flatMap(named) }
  if ('precision' in statistic) return { kind: 'precision', about: named(statistic.precision) }
  if ('recall' in statistic) return { kind: 'recall', about: named(statistic.recall) }
  return { kind: 'f1', about: named(statistic.f1) }
}

function estimateOf({ kind, about }: Task, { hits, rows }: Totals): Value {
  if (kind === 'accuracy') return { ok: true, value: hits / rows }
  const [counts] = about
  if (counts === undefined) return invalid('the statistic is of a class that the matrix does not have')
  if (kind === 'precision') return precisionOf(counts)
  if (kind === 'recall') return recallOf(counts)
  return f1Macro(about)
}

/** How a statistic changes with the share of a class's hits, of its rows and of its predictions. */
type Slope = { readonly hits: number; readonly actual: number; readonly predicted: number }

/** The derivative of a statistic in the share of a cell: hits on the diagonal, rows and predictions everywhere. */
function slopeOf(task: Task, { rows, byClass }: Totals): (actual: number, predicted: number) => number {
  const flat = { hits: 0, actual: 0, predicted: 0 }
  const slopes = byClass.map(counts => (task.about.includes(counts) ? classSlope(task, counts, rows) : flat))
  return (actual, predicted) => {
    const ofActual = slopes[actual] ?? flat
    const ofPredicted = slopes[predicted] ?? flat
    return (actual === predicted ? ofActual.hits : 0) + ofActual.actual + ofPredicted.predicted
  }
}

function classSlope({ kind, about }: Task, counts: ClassCounts, rows: number): Slope {
  const hits = counts.hits / rows
  const actual = counts.actual / rows
  const predicted = counts.predicted / rows
  if (kind === 'accuracy') return { hits: 1, actual: 0, predicted: 0 }
  if (kind === 'precision') return { hits: 1 / predicted, actual: 0, predicted: -hits / predicted / predicted }
  if (kind === 'recall') return { hits: 1 / actual, actual: -hits / actual / actual, predicted: 0 }
  const both = actual + predicted
  const share = 2 / about.length / both
  return { hits: share, actual: (-share * hits) / both, predicted: (-share * hits) / both }
}
