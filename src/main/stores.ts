/** What must outlive the server: files in its data folder, or a database of PostgreSQL that several servers may share. */
import { existsSync } from 'node:fs'
import type { DataFolder } from '../adapters/data-folder/data-folder.ts'
import { ownerOf } from '../adapters/data-folder/owner.ts'
import { openSqlEventLog } from '../adapters/event-log/sql.ts'
import { openSqliteEventLog } from '../adapters/event-log/sqlite.ts'
import { migrate } from '../adapters/postgres/migrate.ts'
import { postgresMigrations, type StoreName } from '../adapters/postgres/migrations/index.ts'
import {
  type GuestMemory,
  holdDatabase,
  type LeaseEvents,
  type ServedAt,
} from '../adapters/postgres/shared-database.ts'
import { openSqlPredictionLog } from '../adapters/prediction-log/sql.ts'
import { sqliteStores } from '../adapters/sqlite/migrations/index.ts'
import { connectBriefly, type StorePlace } from '../adapters/stores/store-place.ts'
import { type DeliveryStore, openDeliveryStore } from '../adapters/webhooks/delivery-store.ts'
import { openSqliteDeliveries } from '../adapters/webhooks/sqlite-deliveries.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { Ending } from './endings.ts'

export type Stores = {
  events: EventLog
  predictions: PredictionLog
  deliveries: DeliveryStore
  /** Where the predictions are, for who reads them beside their log. */
  place: StorePlace
  /** Says to servers that stand by where this one serves. */
  announce(served: ServedAt): void
  /** Null where there can be no other server. */
  guests: GuestMemory | null
  /** Somebody says to have the database by a lease of that term. */
  succeededBy(term: number): void
}

type StoreOptions = LeaseEvents & {
  folder: DataFolder
  /** Address of a database of PostgreSQL; null for files. */
  database: string | null
  clock: Clock
  onPacking(rows: number): void
  onLost(error: Error): void
  /** The database is asked for, and the folder has a log too, which is not read. */
  onUnread(folder: string): void
}

/** Rejects with `store-failed` or `data-folder-invalid`. With a database it waits until no other server has that. */
export async function openStores(options: StoreOptions, endings: Ending[]): Promise<Stores> {
  const { folder, database, clock, onPacking, onLost } = options
  const others = database === null ? openFiles(folder) : await openTables(database, options, endings)
  endings.push(() => {
    others.deliveries.close()
    others.events.close()
  })
  const predictions = await openSqlPredictionLog({ place: others.place, clock, onPacking, onLost })
  endings.push(() => predictions.close())
  return { ...others, predictions }
}

function openFiles(folder: DataFolder): Omit<Stores, 'predictions'> {
  const file = (store: StoreName) => folder.file(sqliteStores[store].fileName)
  return {
    events: openSqliteEventLog(file('events')),
    deliveries: openSqliteDeliveries(file('deliveries')),
    place: { kind: 'sqlite', file: file('predictions') },
    // A folder has one server.
    announce: () => {},
    guests: null,
    succeededBy: () => {},
  }
}

async function openTables(url: string, options: StoreOptions, endings: Ending[]): Promise<Omit<Stores, 'predictions'>> {
  const connection = connectBriefly(url)
  endings.push(() => connection.close())
  if (existsSync(options.folder.file(sqliteStores.events.fileName))) options.onUnread(options.folder.path)
  const { database, term, announce, guests, succeededBy, close } = await holdDatabase(connection, {
    url,
    owner: ownerOf(options.folder),
    ...options,
  })
  endings.push(close)
  try {
    migrate(database, 'events', postgresMigrations.events)
    migrate(database, 'deliveries', postgresMigrations.deliveries)
  } catch (error) {
    throw database.failure('open', error)
  }
  return {
    events: openSqlEventLog(database),
    deliveries: openDeliveryStore(database),
    place: { kind: 'postgres', url, term },
    announce,
    guests,
    succeededBy,
  }
}
