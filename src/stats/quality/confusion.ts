import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type ClassCounts, type ConfusionMatrix, checkMatrix, type Totals, totalsOf } from './confusion-matrix.ts'

/** A number, or why there is none. */
export type Value = Result<{ readonly value: number }>

/** How well one class is predicted. */
export type ClassQuality = {
  readonly name: string
  readonly actual: number
  readonly predicted: number
  /** Of the rows predicted as the class, the share that is of it. */
  readonly precision: Value
  /** Of the rows of the class, the share that is predicted as it. */
  readonly recall: Value
  readonly f1: Value
}

/** What a confusion matrix says of a classifier. */
export type ConfusionQuality = {
  readonly rows: number
  readonly accuracy: number
  readonly byClass: readonly ClassQuality[]
  /** The plain mean of F1 over the averaged classes. */
  readonly f1Macro: Value
  /** F1 of the summed counts of the averaged classes; over all classes it is the accuracy. */
  readonly f1Micro: Value
  /** The mean of F1 over the averaged classes, weighted by their rows. */
  readonly f1Weighted: Value
  /** Matthews' correlation of truth and prediction, -1 to 1. */
  readonly matthewsCorrelation: Value
}

/**
 * Accuracy, precision, recall, F1 and Matthews' correlation from the counts of true against predicted classes.
 * `averagedOver` (all classes by default) are the classes that macro, micro and weighted F1 average over.
 *
 * @use For classifiers; macro F1 and Matthews' correlation where classes are of unequal size, since accuracy then mostly
 *   tells how the largest is predicted. For the error of an estimate use `confusionStatistic`.
 * @assumes Nothing about the rows; these are descriptions.
 * @formula precision = hits / predicted; recall = hits / actual; F1 = 2 hits / (actual + predicted); Matthews' correlation
 *   = (c s - sum p t) / sqrt((s^2 - sum p^2)(s^2 - sum t^2)), c hits, s rows, p predicted, t actual.
 * @source van Rijsbergen, "Information Retrieval" (2nd ed. 1979), chapter 7; Matthews, Biochimica et Biophysica Acta 405
 *   (1975); for more classes Gorodkin, Computational Biology and Chemistry 28 (2004) 10.1016/j.compbiolchem.2004.09.006.
 * @degenerate Without rows insufficient. Precision without predictions of a class, recall without rows of it and F1
 *   without either are insufficient, never 0; so is macro F1 over a class without F1, and Matthews' correlation if all
 *   rows are of, or predicted as, one class.
 */
export function confusionQuality({
  matrix,
  classes,
  averagedOver = classes,
}: ConfusionMatrix & { readonly averagedOver?: readonly string[] }): Result<ConfusionQuality> {
  const bad = checkMatrix({ matrix, classes }) ?? checkAveraged(classes, averagedOver)
  if (bad !== undefined) return bad
  const totals = totalsOf({ matrix, classes })
  const averaged = totals.byClass.filter(({ name }) => averagedOver.includes(name))
  return {
    ok: true,
    rows: totals.rows,
    accuracy: totals.hits / totals.rows,
    byClass: totals.byClass.map(qualityOf),
    f1Macro: f1Macro(averaged),
    f1Micro: f1Micro(averaged),
    f1Weighted: f1Weighted(averaged),
    matthewsCorrelation: matthewsCorrelation(totals),
  }
}

export function precisionOf({ name, hits, predicted }: ClassCounts): Value {
  if (predicted === 0) return insufficient(`no row is predicted as ${name}, so its precision is undefined`)
  return { ok: true, value: hits / predicted }
}

export function recallOf({ name, hits, actual }: ClassCounts): Value {
  if (actual === 0) return insufficient(`no row is of class ${name}, so its recall is undefined`)
  return { ok: true, value: hits / actual }
}

export function f1Of({ name, hits, actual, predicted }: ClassCounts): Value {
  if (actual + predicted === 0)
    return insufficient(`no row is of class ${name} or predicted as it, so its F1 is undefined`)
  return { ok: true, value: (2 * hits) / (actual + predicted) }
}

export function f1Macro(averaged: readonly ClassCounts[]): Value {
  let sum = 0
  for (const counts of averaged) {
    const f1 = f1Of(counts)
    if (!f1.ok) return f1
    sum += f1.value
  }
  return { ok: true, value: sum / averaged.length }
}

/** Refuses a list of classes to average over that is empty, names one twice or one that is not there. */
export function checkAveraged(classes: readonly string[], averagedOver: readonly string[]): Failure | undefined {
  const distinct = new Set(averagedOver).size === averagedOver.length
  if (averagedOver.length > 0 && distinct && averagedOver.every(name => classes.includes(name))) return undefined
  return invalid(
    `the classes to average over are ${JSON.stringify(averagedOver)}; each must be one of ${JSON.stringify(classes)}, once`,
  )
}

function qualityOf(counts: ClassCounts): ClassQuality {
  const { name, actual, predicted } = counts
  return { name, actual, predicted, precision: precisionOf(counts), recall: recallOf(counts), f1: f1Of(counts) }
}

function f1Micro(averaged: readonly ClassCounts[]): Value {
  const total = { name: 'any of the averaged', hits: 0, actual: 0, predicted: 0 }
  for (const { hits, actual, predicted } of averaged) {
    total.hits += hits
    total.actual += actual
    total.predicted += predicted
  }
  return f1Of(total)
}

function f1Weighted(averaged: readonly ClassCounts[]): Value {
  let sum = 0
  let rows = 0
  for (const counts of averaged.filter(({ actual }) => actual > 0)) {
    sum += counts.actual * ((2 * counts.hits) / (counts.actual + counts.predicted))
    rows += counts.actual
  }
  if (rows === 0) return insufficient('no row is of the averaged classes, so their weighted F1 is undefined')
  return { ok: true, value: sum / rows }
}

/** In shares, and as a sum over classes of products of small counts, so that nothing cancels at 1e8 rows. */
function matthewsCorrelation({ rows, byClass }: Totals): Value {
  let joint = 0
  let spreadActual = 0
  let spreadPredicted = 0
  for (const { hits, actual, predicted } of byClass) {
    const rest = rows - actual - predicted + hits
    joint += (hits / rows) * (rest / rows) - ((actual - hits) / rows) * ((predicted - hits) / rows)
    spreadActual += (actual / rows) * ((rows - actual) / rows)
    spreadPredicted += (predicted / rows) * ((rows - predicted) / rows)
  }
  if (spreadActual === 0 || spreadPredicted === 0)
    return insufficient('all rows are of, or predicted as, one class, so their correlation is undefined')
  const value = joint / Math.sqrt(spreadActual) / Math.sqrt(spreadPredicted)
  return { ok: true, value: Math.max(-1, Math.min(1, value)) }
}
