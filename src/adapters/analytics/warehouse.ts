/**
 * The analytical copy of the log: a DuckDB file with what questions need of each prediction, and of each of its rows the
 * values as they were last corrected. It holds nothing that the log does not: deleted, it is made again.
 */
import { rmSync } from 'node:fs'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/** The next change of the tables is the next number: a file with another one is made again. */
const schemaNumber = 2

/** DuckDB keeps tables and intermediate results within this, and goes to disk for the rest. */
const memoryMax = '512MB'
const threads = 2
/** What intermediate results may take of the disk; a question that needs more fails. */
const spillMax = '16GB'

export type Warehouse = {
  /** One statement at a time. */
  connection: DuckDBConnection
  /** Another one, for an answer that is read piece by piece. */
  connect(): Promise<DuckDBConnection>
  close(): void
}

/** Opens the file, or makes it if there is none that can be read. */
export async function openWarehouse(file: string): Promise<Warehouse> {
  rmSync(spillFolder(file), { recursive: true, force: true })
  try {
    return await openFile(file)
  } catch {
    return makeWarehouse(file)
  }
}

/** An empty one in place of whatever is there. */
export async function makeWarehouse(file: string): Promise<Warehouse> {
  for (const path of [file, `${file}.wal`]) rmSync(path, { force: true })
  return openFile(file)
}

async function openFile(file: string): Promise<Warehouse> {
  const instance = await DuckDBInstance.create(file, {
    threads: String(threads),
    memory_limit: memoryMax,
    temp_directory: spillFolder(file),
    max_temp_directory_size: spillMax,
    preserve_insertion_order: 'false',
    // Nothing is fetched while the server runs: what the package brings must do.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  try {
    const connection = await instance.connect()
    await connection.run(tablesSql)
    const { schema } = await readState(connection)
    if (schema !== schemaNumber) throw new Error(`${file} has schema ${schema}`)
    return { connection, connect: () => instance.connect(), close: () => closeAll(connection, instance) }
  } catch (error) {
    instance.closeSync()
    throw error
  }
}

function closeAll(connection: DuckDBConnection, instance: DuckDBInstance): void {
  connection.closeSync()
  instance.closeSync()
}

function spillFolder(file: string): string {
  return `${file}.tmp`
}

/** How far the copy goes, what the log looked like there, and up to where it has let go of what the log let go. */
export type WarehouseState = { schema: number; upToSeq: number; mark: string; trimmedSeq: number }

export async function readState(connection: DuckDBConnection): Promise<WarehouseState> {
  const reader = await connection.runAndReadAll('SELECT schema, up_to_seq, mark, trimmed_seq FROM state')
  const [schema, upToSeq, mark, trimmedSeq] = reader.getRows()[0] ?? []
  return { schema: Number(schema), upToSeq: Number(upToSeq), mark: String(mark), trimmedSeq: Number(trimmedSeq) }
}

/** Endpoints, versions and releases are numbers of `names`; 0 stands for no release. */
const tablesSql = `
  CREATE TABLE IF NOT EXISTS state (schema INTEGER, up_to_seq DOUBLE, mark VARCHAR, trimmed_seq DOUBLE);
  INSERT INTO state SELECT ${schemaNumber}, 0, '', 0 WHERE NOT EXISTS (SELECT 1 FROM state);
  CREATE TABLE IF NOT EXISTS names (id INTEGER, name VARCHAR);
  CREATE TABLE IF NOT EXISTS predictions (
    seq DOUBLE, endpoint INTEGER, version INTEGER, epoch INTEGER, release INTEGER, unit DOUBLE, propensity DOUBLE,
    at_ms DOUBLE, latency_bucket SMALLINT, kind TINYINT
  );
  CREATE TABLE IF NOT EXISTS row_values (
    prediction_seq DOUBLE, row DOUBLE, endpoint INTEGER, version INTEGER, epoch INTEGER, release INTEGER,
    propensity DOUBLE, at_ms DOUBLE, correct TINYINT, reward DOUBLE
  );
  CREATE TABLE IF NOT EXISTS metric_values (
    prediction_seq DOUBLE, row DOUBLE, endpoint INTEGER, version INTEGER, release INTEGER, propensity DOUBLE,
    at_ms DOUBLE, name VARCHAR, value DOUBLE
  );
  CREATE TEMP TABLE corrected (prediction_seq DOUBLE, row DOUBLE);
`
