/** Brings the analytical copy up to the log, window by window: a crash loses at most the window that was being written. */
import { DOUBLE, DuckDBDataChunk, type DuckDBType, INTEGER, SMALLINT, TINYINT, VARCHAR } from '@duckdb/node-api'
import { type Cell, predictionCells, type RowCells, rowCells } from './export-rows.ts'
import type { LogReader, LogWindow, OutcomeFacts } from './log-reader.ts'
import { NameNumbers } from './name-numbers.ts'
import { makeWarehouse, openWarehouse, readState, type Warehouse, type WarehouseState } from './warehouse.ts'

/** Commits that are read, held in memory and written at a time. */
const windowSeqs = 50_000
/** Rows of one chunk, the most that DuckDB takes. */
const chunkRows = 2_048

/** The copy, and how to bring it up to the log. */
export class LogExport {
  readonly #reader: LogReader
  readonly warehouse: Warehouse
  #names: NameNumbers
  #upToSeq: number
  #trimmedSeq: number

  /** Opens the copy, or begins a new one if it is of another log, or goes further than this one. */
  static async open(reader: LogReader, file: string): Promise<LogExport> {
    const found = await openWarehouse(file)
    const state = await readState(found.connection)
    if (state.upToSeq <= reader.lastSeq() && state.mark === reader.markAt(state.upToSeq)) {
      return new LogExport(reader, found, await NameNumbers.read(found.connection), state)
    }
    found.close()
    const made = await makeWarehouse(file)
    // Before that there is nothing to copy.
    const trimmedSeq = reader.trimmedSeq()
    const from = { ...(await readState(made.connection)), upToSeq: trimmedSeq, trimmedSeq }
    return new LogExport(reader, made, await NameNumbers.read(made.connection), from)
  }

  private constructor(
    reader: LogReader,
    warehouse: Warehouse,
    names: NameNumbers,
    { upToSeq, trimmedSeq }: WarehouseState,
  ) {
    this.#reader = reader
    this.warehouse = warehouse
    this.#names = names
    this.#upToSeq = upToSeq
    this.#trimmedSeq = trimmedSeq
  }

  get names(): NameNumbers {
    return this.#names
  }

  /** Lets go of what the log has let go, and copies what is committed now. */
  async catchUp(): Promise<void> {
    const trimmedSeq = this.#reader.trimmedSeq()
    if (trimmedSeq > this.#trimmedSeq) {
      await this.#transact(() => this.#trim(trimmedSeq))
      this.#trimmedSeq = trimmedSeq
    }
    const lastSeq = this.#reader.lastSeq()
    while (this.#upToSeq < lastSeq) {
      const upToSeq = Math.min(lastSeq, this.#upToSeq + windowSeqs)
      await this.#transact(() => this.#copy({ afterSeq: this.#upToSeq, upToSeq }))
      this.#upToSeq = upToSeq
    }
  }

  async #copy(window: LogWindow): Promise<void> {
    const predictions = this.#reader.predictions(window).map(facts => predictionCells(facts, this.#names))
    const rows = lastOfEachRow(this.#reader.outcomes(window), this.#names)
    const corrected = rows.flatMap(row => (row.corrected === null ? [] : [row.corrected]))
    if (corrected.length > 0) await this.#forget(corrected)
    await this.#append('predictions', predictions)
    await this.#append(
      'row_values',
      rows.map(({ rowValues }) => rowValues),
    )
    await this.#append(
      'metric_values',
      rows.flatMap(({ metricValues }) => metricValues),
    )
    await this.#names.save(this.warehouse.connection)
    const state = [window.upToSeq, this.#reader.markAt(window.upToSeq)]
    await this.warehouse.connection.run('UPDATE state SET up_to_seq = $1, mark = $2', state)
  }

  async #trim(upToSeq: number): Promise<void> {
    const { connection } = this.warehouse
    await connection.run('DELETE FROM predictions WHERE seq <= $1', [upToSeq])
    for (const table of ['row_values', 'metric_values'])
      await connection.run(`DELETE FROM ${table} WHERE prediction_seq <= $1`, [upToSeq])
    await connection.run('UPDATE state SET trimmed_seq = $1', [upToSeq])
  }

  async #forget(corrected: readonly Cell[][]): Promise<void> {
    const { connection } = this.warehouse
    await connection.run('DELETE FROM corrected')
    await this.#append('corrected', corrected)
    for (const table of ['row_values', 'metric_values']) {
      await connection.run(
        `DELETE FROM ${table} t USING corrected c WHERE t.prediction_seq = c.prediction_seq AND t.row = c.row`,
      )
    }
  }

  async #append(table: keyof typeof columnTypes, rows: readonly Cell[][]): Promise<void> {
    if (rows.length === 0) return
    const appender = await this.warehouse.connection.createAppender(table)
    try {
      for (let start = 0; start < rows.length; start += chunkRows) {
        const chunk = DuckDBDataChunk.create(columnTypes[table])
        chunk.setRows(rows.slice(start, start + chunkRows))
        appender.appendDataChunk(chunk)
      }
    } finally {
      appender.closeSync()
    }
  }

  async #transact(write: () => Promise<void>): Promise<void> {
    const { connection } = this.warehouse
    await connection.run('BEGIN')
    try {
      await write()
      await connection.run('COMMIT')
    } catch (error) {
      // A commit that failed has ended the transaction by itself.
      await connection.run('ROLLBACK').catch(() => {})
      this.#names = await NameNumbers.read(connection)
      throw error
    }
  }
}

/** Of the outcomes of one row the last says it all; those before it are left out. */
function lastOfEachRow(outcomes: readonly OutcomeFacts[], names: NameNumbers): RowCells[] {
  const rows: RowCells[] = []
  const corrected = new Set<string>()
  for (const facts of outcomes.toReversed()) {
    if (corrected.size > 0 && corrected.has(`${facts[0]} ${facts[1]}`)) continue
    const cells = rowCells(facts, names)
    if (cells.corrected !== null) corrected.add(`${facts[0]} ${facts[1]}`)
    rows.push(cells)
  }
  return rows.reverse()
}

const columnTypes = {
  predictions: [DOUBLE, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE, DOUBLE, DOUBLE, SMALLINT, TINYINT],
  row_values: [DOUBLE, DOUBLE, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE, DOUBLE, TINYINT, DOUBLE],
  metric_values: [DOUBLE, DOUBLE, INTEGER, INTEGER, INTEGER, DOUBLE, DOUBLE, VARCHAR, DOUBLE],
  corrected: [DOUBLE, DOUBLE],
} as const satisfies Readonly<Record<string, readonly DuckDBType[]>>
