/** `cutover move`: what a server keeps in its data folder goes into a database of PostgreSQL, all of it or nothing. */
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { type DataFolder, openDataFolder } from '../adapters/data-folder/data-folder.ts'
import { publicAddress } from '../adapters/postgres/address.ts'
import type { PostgresConnection } from '../adapters/postgres/connection.ts'
import { PostgresDatabase } from '../adapters/postgres/database.ts'
import { postgresFailure } from '../adapters/postgres/failure.ts'
import { giveUpLease, readLease, setUpLease, takeLease } from '../adapters/postgres/lease.ts'
import { migrate } from '../adapters/postgres/migrate.ts'
import { postgresMigrations, type StoreName } from '../adapters/postgres/migrations/index.ts'
import { packRows } from '../adapters/prediction-log/pack-rows.ts'
import type { SqlDatabase } from '../adapters/sql/database.ts'
import { sqliteStores } from '../adapters/sqlite/migrations/index.ts'
import { openDatabase } from '../adapters/sqlite/open-database.ts'
import { copyStore } from '../adapters/stores/copy-tables.ts'
import { connectPatiently } from '../adapters/stores/store-place.ts'
import type { Moved, MoveFlags } from '../cli/invocation.ts'
import type { CliIo } from '../cli/io.ts'
import { loadSettings } from '../config/load.ts'
import { CutoverError } from '../core/errors.ts'

const stores: readonly StoreName[] = ['events', 'deliveries', 'predictions']

/** The folder stays as it is. No server may use either of them, and the database must be new. */
export async function move(flags: MoveFlags, { env, cwd }: CliIo): Promise<Moved> {
  const { data, database: url } = loadSettings({ flags, env, cwd })
  if (url === null)
    throw new CutoverError('invalid-request', 'it is not said where to', [
      { path: '--database', message: 'is not given', allowed: ['postgres://USER@HOST:PORT/DATABASE'] },
    ])
  if (!existsSync(data))
    throw new CutoverError(
      'data-folder-invalid',
      `there is no folder ${data}; name the one of the server with --data DIR`,
    )
  const folder = openDataFolder(data)
  const connection = connectPatiently(url, 'cutover move')
  try {
    return { from: folder.path, ...moveInto(connection, publicAddress(url), folder) }
  } finally {
    connection.close()
    folder.close()
  }
}

function moveInto(connection: PostgresConnection, name: string, folder: DataFolder): Omit<Moved, 'from'> {
  const term = takeIt(connection, name)
  const database = new PostgresDatabase(connection, { name, term, end: () => {} })
  try {
    for (const store of stores) migrate(database, store, postgresMigrations[store])
    // That may take long, and a transaction must not stand still meanwhile.
    packFolder(folder)
    const copies = database.transact(() => stores.map(store => copyOf(store, { folder, database })))
    const rows = Object.assign({}, ...copies) as Record<string, number>
    const sum = database.prepare('SELECT coalesce(sum(last_seq - first_seq + 1), 0) AS predictions FROM blocks').get()
    return {
      to: name,
      events: rows['events'] ?? 0,
      predictions: Number(sum?.['predictions']),
      outcomes: rows['outcomes'] ?? 0,
    }
  } catch (error) {
    throw database.failure('move the data into', error)
  } finally {
    giveUpLease(connection, term)
  }
}

function takeIt(connection: PostgresConnection, name: string): number {
  try {
    setUpLease(connection)
    const term = takeLease(connection, { name: `cutover move, process ${process.pid} on ${hostname()}`, owner: null })
    if (term !== null) return term
    throw new CutoverError(
      'in-use',
      `${readLease(connection).holder} serves from ${name}: stop it first, or name another database`,
    )
  } catch (error) {
    throw postgresFailure('open', name, error)
  }
}

/** Predictions of an earlier version. */
function packFolder(folder: DataFolder): void {
  const from = openStore('predictions', folder)
  try {
    packRows(from, () => {})
  } finally {
    from.close()
  }
}

function copyOf(store: StoreName, { folder, database }: { folder: DataFolder; database: SqlDatabase }) {
  const from = openStore(store, folder)
  try {
    return copyStore(from, database, store)
  } finally {
    from.close()
  }
}

function openStore(store: StoreName, folder: DataFolder): SqlDatabase {
  const { fileName, migrations } = sqliteStores[store]
  return openDatabase({ file: folder.file(fileName), migrations })
}
