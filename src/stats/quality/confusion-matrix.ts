import { checkCount, type Failure, insufficient, invalid } from '../result.ts'

/** Counts of rows by true class (first index) and predicted class (second), both in the order of `classes`. */
export type ConfusionMatrix = {
  readonly matrix: readonly (readonly number[])[]
  /** The names of all classes, also of those that no row has. */
  readonly classes: readonly string[]
}

/** One class of a confusion matrix. */
export type ClassCounts = {
  readonly name: string
  /** Rows that are of the class and predicted as it. */
  readonly hits: number
  /** Rows that are of the class. */
  readonly actual: number
  /** Rows that are predicted as it. */
  readonly predicted: number
}

/** The counts of every class and of all rows. */
export type Totals = { readonly rows: number; readonly hits: number; readonly byClass: readonly ClassCounts[] }

export function totalsOf({ matrix, classes }: ConfusionMatrix): Totals {
  const predicted = classes.map(() => 0)
  for (const row of matrix)
    for (const [column, count] of row.entries()) predicted[column] = (predicted[column] ?? 0) + count
  const byClass = classes.map((name, index) => ({
    name,
    hits: matrix[index]?.[index] ?? 0,
    actual: sumOf(matrix[index] ?? []),
    predicted: predicted[index] ?? 0,
  }))
  return { rows: sumOf(predicted), hits: sumOf(byClass.map(({ hits }) => hits)), byClass }
}

/**
 * The variance of a statistic of multinomial cells by the delta method: the variance of its derivative over the cells,
 * divided by the rows. `slope` is the derivative in the share of a cell.
 */
export function deltaVariance(matrix: ConfusionMatrix['matrix'], slope: (actual: number, predicted: number) => number) {
  let rows = 0
  let mean = 0
  let squares = 0
  for (const [actual, counts] of matrix.entries())
    for (const [predicted, count] of counts.entries()) {
      if (count === 0) continue
      rows += count
      const difference = slope(actual, predicted) - mean
      mean += (difference * count) / rows
      squares += count * difference * (slope(actual, predicted) - mean)
    }
  return Math.max(0, squares / rows / rows)
}

/** Refuses a matrix that is not square over distinct classes, or holds anything but counts; insufficient without rows. */
export function checkMatrix({ matrix, classes }: ConfusionMatrix): Failure | undefined {
  const size = classes.length
  if (size < 2 || new Set(classes).size < size)
    return invalid(`the classes are ${JSON.stringify(classes)}; there must be at least 2, each named once`)
  if (matrix.length !== size || matrix.some(row => row.length !== size))
    return invalid(
      `the confusion matrix has rows of ${matrix.map(row => row.length)} counts; it must be ${size} x ${size}`,
    )
  for (const [actual, counts] of matrix.entries())
    for (const [predicted, count] of counts.entries()) {
      const bad = checkCount(`the count of ${classes[actual]} predicted as ${classes[predicted]}`, count)
      if (bad !== undefined) return bad
    }
  const { rows } = totalsOf({ matrix, classes })
  if (rows === 0) return insufficient('a confusion matrix needs at least 1 row; there is none')
  return checkCount('the number of rows', rows)
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
