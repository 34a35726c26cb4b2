/** Opens a database of the data folder the one way all of them are opened. */
import { DatabaseSync } from 'node:sqlite'
import { SqliteDatabase } from './database.ts'
import { storeFailure } from './failure.ts'
import { type Migration, migrate } from './migrate.ts'

/** How long a statement waits for a program that reads the file, such as a backup, before it fails. */
const busyTimeoutMs = 5_000
/** The write-ahead log is folded into the database when it has this many pages of 4 KiB. */
const checkpointPages = 16_384
/** What is left of the write-ahead log after that. */
const journalBytesMax = 64 * 1024 * 1024

/**
 * A commit is on the disk when it returns: write-ahead log, `synchronous=FULL`, and a real flush on systems where
 * fsync alone does not reach the platter. Throws `store-failed`, or `data-folder-invalid` for a newer schema.
 */
export function openDatabase(options: {
  file: string
  migrations: readonly Migration[]
  cacheBytes?: number
}): SqliteDatabase {
  const { file, migrations, cacheBytes = 8 * 1024 * 1024 } = options
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: false })
    useWriteAheadLog(database)
    database.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA wal_autocheckpoint = ${checkpointPages};
      PRAGMA journal_size_limit = ${journalBytesMax};
      PRAGMA cache_size = -${Math.floor(cacheBytes / 1024)};
    `)
    migrate(database, migrations, file)
    // Not before: a migration that makes a table anew drops the old one, which must not take what refers to it along.
    database.exec('PRAGMA foreign_keys = ON')
    return new SqliteDatabase(database, file)
  } catch (error) {
    database?.close()
    throw storeFailure('open the database', file, error)
  }
}

/** A file that another thread writes, which must be there: a reader of a write-ahead log holds up no writer. */
export function openToRead(file: string): SqliteDatabase {
  return new SqliteDatabase(new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs }), file)
}

function useWriteAheadLog(database: DatabaseSync): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') throw new Error(`its file system allows no write-ahead log (journal mode ${String(mode)})`)
}
