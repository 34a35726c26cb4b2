import { sqliteStores } from '../sqlite/migrations/index.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { type DeliveryStore, openDeliveryStore } from './delivery-store.ts'

/** Deliveries in a SQLite file, which is made where there is none. */
export function openSqliteDeliveries(file: string): DeliveryStore {
  return openDeliveryStore(openDatabase({ file, migrations: sqliteStores.deliveries.migrations }))
}
