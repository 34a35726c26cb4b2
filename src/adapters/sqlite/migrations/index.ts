import type { StoreName } from '../../postgres/migrations/index.ts'
import { predictionLogMigrations } from '../../prediction-log/migrations.ts'
import type { Migration } from '../migrate.ts'
import { deliveries } from './deliveries/0001-deliveries.ts'
import { events } from './event-log/0001-events.ts'

/** By the store that has the tables: its file in a data folder, and what brings that up to date. */
export const sqliteStores: Readonly<Record<StoreName, { fileName: string; migrations: readonly Migration[] }>> = {
  events: { fileName: 'events.db', migrations: [events] },
  deliveries: { fileName: 'deliveries.db', migrations: [deliveries] },
  predictions: { fileName: 'predictions.db', migrations: predictionLogMigrations },
}
