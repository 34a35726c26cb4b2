/** Tables of figures: a column for each contestant, the first of which the others are compared with. */
import { median } from '../median.ts'

export type Row = {
  title: string
  digits: number
  /** By column, the values of its rounds. */
  values: readonly (readonly number[])[]
  /** Whether the ratio to the first column says something. */
  ratio?: true
}

export type Table = { title: string; notes: readonly string[]; columns: readonly string[]; rows: readonly Row[] }

/** Rows from the runs of each column. */
export function rowsOf<Run>(
  columns: readonly (readonly Run[])[],
  rows: readonly { title: string; digits: number; of: (run: Run) => number; ratio?: true }[],
): Row[] {
  return rows.map(({ of, ...row }) => ({ ...row, values: columns.map(runs => runs.map(of)) }))
}

export function textOf(table: Table): string {
  const width = Math.max(...table.rows.map(({ title }) => title.length)) + 2
  const columnWidth = Math.max(20, ...table.columns.map(name => name.length + 2))
  const line = (first: string, cells: readonly string[]) =>
    first.padEnd(width) + cells.map(cell => cell.padStart(columnWidth)).join('')
  return [
    `\n${table.title}`,
    line('', table.columns),
    ...table.rows.map(row => line(row.title, cellsOf(row))),
    ...table.notes.map(note => `  ${note}`),
  ].join('\n')
}

export function markdownOf(table: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const notes = table.notes.length === 0 ? [] : ['', table.notes.join(' ')]
  return [
    `### ${table.title}`,
    '',
    line(['', ...table.columns]),
    line(['---', ...table.columns.map(() => '---')]),
    ...table.rows.map(row => line([row.title, ...cellsOf(row)])),
    ...notes,
    '',
  ].join('\n')
}

/** Medians of the rounds; a ratio is the median of each round's ratio, since what slows the machine slows a round whole. */
function cellsOf({ values, digits, ratio }: Row): string[] {
  const [first = []] = values
  return values.map((runs, column) => {
    const value = median(runs)
    if (Number.isNaN(value)) return '–'
    const text = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    if (ratio !== true || column === 0) return text
    const share = median(runs.map((run, round) => run / (first[round] ?? Number.NaN)))
    return Number.isFinite(share) ? `${text} (${share.toFixed(2)})` : text
  })
}
