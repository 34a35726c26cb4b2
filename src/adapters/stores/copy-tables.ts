/** Copies the tables of the stores from one kind of database to another: row by row, all or nothing. */
import { CutoverError } from '../../core/errors.ts'
import type { StoreName } from '../postgres/migrations/index.ts'
import { ManyRows } from '../prediction-log/many-rows.ts'
import type { SqlDatabase, SqlRow, SqlValue } from '../sql/database.ts'

/** `isFilled`: it has a row from the beginning. `numbered`: a column whose next value the database itself gives. */
type Table = { columns: string; isFilled?: boolean; numbered?: string }

/** By the store that has them; a table is read by its first column, in order. */
const storeTables = {
  events: { events: { columns: 'seq, at_ms, type, event' } },
  deliveries: {
    deliveries: {
      columns:
        'number, id, endpoint, webhook, release, event, url, secret_env, body, state, attempts, created_at_ms, next_at_ms, detail',
      numbered: 'number',
    },
    taken: { columns: 'seq', isFilled: true },
  },
  predictions: {
    kinds: {
      columns: 'kind, endpoint, epoch, release, assigned, version, propensity, pinned, by_context, status, failed',
      numbered: 'kind',
    },
    epochs: { columns: 'endpoint, epoch, first_seq' },
    blocks: { columns: 'first_seq, last_seq, low_id, high_id, format, kinds, records' },
    block_kinds: { columns: 'first_seq, kind' },
    scattered_ids: { columns: 'id, seq' },
    unnamed_shadows: { columns: 'champion, seq' },
    payloads: { columns: 'prediction_seq, request, response, sent' },
    outcomes: { columns: 'seq, id, prediction_seq, row, label, reward, metrics, at_ms, before' },
    waiting_outcomes: {
      columns: 'seq, id, prediction, row, label, reward, metrics, at_ms, accepted_ms, endpoints',
      numbered: 'seq',
    },
    outcome_ids: { columns: 'id' },
    indexed_outcomes: { columns: 'up_to_seq', isFilled: true },
    trimmed: { columns: 'up_to_seq, last_seq', isFilled: true },
  },
} as const satisfies Readonly<Record<StoreName, Readonly<Record<string, Table>>>>

/** Rows that are in memory at a time; bodies are among them. */
const rowsAtOnce = 64

/** Into the tables of a PostgreSQL, which must be new. Expects an open transaction there. Answers how many rows went, by table. */
export function copyStore(from: SqlDatabase, to: SqlDatabase, store: StoreName): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [name, table] of Object.entries<Table>(storeTables[store])) {
    refuseFilled(to, name, table)
    counts[name] = copyTable(from, to, { name, ...table })
    if (table.numbered !== undefined) continueNumbers(to, name, table.numbered)
  }
  return counts
}

function refuseFilled(to: SqlDatabase, name: string, { isFilled = false }: Table): void {
  const row = to.prepare(`SELECT count(*) AS rows FROM ${name}`).get()
  if (isFilled) to.exec(`DELETE FROM ${name}`)
  else if (Number(row?.['rows']) > 0)
    throw new CutoverError(
      'in-use',
      `${to.name} has a log of its own: its table ${name} is not empty. Name a database, or a schema, that no server has used`,
    )
}

function copyTable(from: SqlDatabase, to: SqlDatabase, { name, columns }: Table & { name: string }): number {
  const [first = ''] = columns.split(', ')
  const select = from.prepare(`SELECT ${columns} FROM ${name} ORDER BY ${first}`)
  select.setReturnArrays(true)
  const insert = new ManyRows(to, { into: `${name} (${columns})`, columns: columns.split(', ').length })
  let count = 0
  let rows: SqlValue[][] = []
  const write = (): void => {
    insert.insert(rows)
    count += rows.length
    rows = []
  }
  for (const row of select.iterate() as Iterable<SqlRow | SqlValue[]>) {
    rows.push(row as SqlValue[])
    if (rows.length === rowsAtOnce) write()
  }
  write()
  return count
}

function continueNumbers(to: SqlDatabase, name: string, column: string): void {
  to.prepare(
    `SELECT setval(pg_get_serial_sequence('${name}', '${column}'), greatest((SELECT max(${column}) FROM ${name}), 1))`,
  ).get()
}
