import type { Migration } from '../migrate.ts'
import { deliveryMigrations } from './deliveries.ts'
import { eventLogMigrations } from './event-log.ts'
import { predictionLogMigrations } from './prediction-log.ts'

/** By the store that has the tables. */
export const postgresMigrations = {
  events: eventLogMigrations,
  deliveries: deliveryMigrations,
  predictions: predictionLogMigrations,
} as const satisfies Readonly<Record<string, readonly Migration[]>>

export type StoreName = keyof typeof postgresMigrations
