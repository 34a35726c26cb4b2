/** The order and the bound that every implementation gives to the rows of a summary. */
import { CutoverError } from '../../core/errors.ts'
import type { SummaryDimension, SummaryKey, SummaryRow } from '../../ports/analytics.ts'

/** Groups of one answer; a question for more is refused. */
export const summaryRowsMax = 50_000

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

/** By the dimensions in the order in which they were asked for: numbers by size, names by their text, no release first. */
export function inOrder(rows: readonly SummaryRow[], groupBy: readonly SummaryDimension[]): SummaryRow[] {
  return rows.toSorted((a, b) => {
    for (const dimension of groupBy) {
      const order = compare(a.key[dimension] ?? null, b.key[dimension] ?? null)
      if (order !== 0) return order
    }
    return 0
  })
}

export function refuseTooMany(groups: number): void {
  if (groups <= summaryRowsMax) return
  throw new CutoverError(
    'invalid-request',
    `the summary would have more than ${summaryRowsMax} rows: ask for a shorter time, or for fewer dimensions`,
  )
}

export function keyOf(values: Readonly<Record<SummaryDimension, unknown>>, groupBy: readonly SummaryDimension[]) {
  return Object.fromEntries(groupBy.map(dimension => [dimension, values[dimension]])) as SummaryKey
}

function compare(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  return a < b ? -1 : 1
}
