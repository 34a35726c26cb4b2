import { logChiSquareSurvival } from '../numerics/incomplete-gamma.ts'
import { deviance } from '../numerics/special.ts'
import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type PValue, pValueOf } from './p-value.ts'

/** How well the chi-square distribution fits, by the expected counts (Cochran's rule). */
export type ExpectedCounts = {
  /** The least expected count of a cell. */
  readonly least: number
  /** How many cells expect fewer than 5. */
  readonly belowFive: number
  readonly cells: number
  /** False if a cell expects fewer than 1 or more than a fifth of them fewer than 5: distrust the p value. */
  readonly sufficient: boolean
}

/** A statistic that has the chi-square distribution under the null hypothesis. */
export type Statistic = PValue & { readonly statistic: number }

/** Tests of whether rows and columns of a table are independent. */
export type ChiSquareTest = {
  /** Pearson's chi-square. */
  readonly pearson: Statistic
  /** The likelihood ratio, G. */
  readonly likelihoodRatio: Statistic
  readonly df: number
  readonly expected: ExpectedCounts
  /** The strength of the dependence, from 0 to 1. */
  readonly cramersV: number
}

/**
 * Pearson's chi-square test and the G test of a table of counts, one row a version (or time, or group) and one column a
 * category: whether all rows have the same distribution over the columns.
 *
 * @use For categorical outcomes with more than two values, at one planned look; for 2 x 2 tables prefer
 *   `twoProportions` or `fisherExact`. Both sides are samples: a reference taken as exact makes p too small.
 * @assumes Independent observations, each counted in one cell.
 * @formula e_ij = row_i column_j / N; Pearson: sum (o-e)^2/e; G: 2 sum o log(o/e); df = (rows-1)(columns-1), rows and
 *   columns without counts left out; V = sqrt(Pearson / (N min(rows-1, columns-1))).
 * @source K. Pearson, Philosophical Magazine 50 (1900) 157-175; expected counts: W. G. Cochran, "Some methods for
 *   strengthening the common chi-square tests", Biometrics 10 (1954) 417-451.
 * @degenerate Rows of different lengths are invalid. Fewer than two rows or columns with counts are insufficient. Small
 *   expected counts are answered and marked by `expected.sufficient`.
 */
export function chiSquareTest({ table }: { table: readonly (readonly number[])[] }): Result<ChiSquareTest> {
  const refusal = checkTable(table)
  if (refusal !== undefined) return refusal
  const rowTotals = table.map(sumOf)
  const columnTotals = (table[0] ?? []).map((_, column) => sumOf(table.map(row => row[column] ?? 0)))
  const total = sumOf(rowTotals)
  const rows = rowTotals.filter(count => count > 0).length
  const columns = columnTotals.filter(count => count > 0).length
  if (rows < 2 || columns < 2)
    return insufficient(`${rows} rows and ${columns} columns have counts; a test needs at least 2 of each`)
  const cells = table.flatMap((row, index) =>
    row.map((observed, column) => ({
      observed,
      expected: (rowTotals[index] ?? 0) * ((columnTotals[column] ?? 0) / total),
    })),
  )
  const df = (rows - 1) * (columns - 1)
  const { pearson, likelihoodRatio, expected } = statisticsOf(cells, df)
  const cramersV = Math.min(1, Math.sqrt(pearson.statistic / total / Math.min(rows - 1, columns - 1)))
  return { ok: true, pearson, likelihoodRatio, df, expected, cramersV }
}

/** Both statistics of observed against expected counts with the same total; cells that expect nothing are left out. */
export function statisticsOf(
  cells: readonly { readonly observed: number; readonly expected: number }[],
  df: number,
): { pearson: Statistic; likelihoodRatio: Statistic; expected: ExpectedCounts } {
  const possible = cells.filter(({ expected }) => expected > 0)
  const pearson = sumOf(
    possible.map(({ observed, expected }) => (observed - expected) * ((observed - expected) / expected)),
  )
  const likelihoodRatio = 2 * sumOf(possible.map(({ observed, expected }) => deviance(observed, expected)))
  return {
    pearson: statistic(pearson, df),
    likelihoodRatio: statistic(likelihoodRatio, df),
    expected: expectedCounts(possible.map(({ expected }) => expected)),
  }
}

function statistic(value: number, df: number): Statistic {
  return { statistic: value, ...pValueOf(df === 0 ? 0 : logChiSquareSurvival(value, df)) }
}

function expectedCounts(expected: readonly number[]): ExpectedCounts {
  const least = expected.reduce((smallest, count) => Math.min(smallest, count), expected[0] ?? 0)
  const belowFive = expected.filter(count => count < 5).length
  const sufficient = least >= 1 && belowFive * 5 <= expected.length
  return { least, belowFive, cells: expected.length, sufficient }
}

/** The sum of all values. */
export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function checkTable(table: readonly (readonly number[])[]): Failure | undefined {
  const columns = table[0]?.length ?? 0
  for (const [row, counts] of table.entries()) {
    if (counts.length !== columns)
      return invalid(`row ${row} has ${counts.length} columns and row 0 has ${columns}; all rows need the same`)
    for (const [column, count] of counts.entries()) {
      const bad = checkCount(`the count in row ${row}, column ${column}`, count)
      if (bad !== undefined) return bad
    }
  }
  return undefined
}
