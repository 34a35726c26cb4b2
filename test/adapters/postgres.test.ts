/** The stores on a real PostgreSQL: they promise there what they promise on a file. */
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openDuckdbAnalytics } from '../../src/adapters/analytics/duckdb.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { openSqlEventLog } from '../../src/adapters/event-log/sql.ts'
import { setUpLease, takeLease } from '../../src/adapters/postgres/lease.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { eventLogMigrations } from '../../src/adapters/postgres/migrations/event-log.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { openSqlPredictionLog } from '../../src/adapters/prediction-log/sql.ts'
import { connectBriefly, openPostgres, type PostgresPlace } from '../../src/adapters/stores/store-place.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { analyticsContract } from '../contract/analytics.contract.ts'
import { eventLogContract } from '../contract/event-log.contract.ts'
import { predictionLogContract } from '../contract/prediction-log.contract.ts'
import { runSteps, someSteps } from '../contract/prediction-log-steps.ts'
import { trimmingContract } from '../contract/trimming.contract.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { tempFolder } from './temp-folder.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

/** A new database, which this process holds. */
async function place(): Promise<PostgresPlace> {
  const url = await server.freshUrl()
  const connection = connectBriefly(url)
  setUpLease(connection)
  const term = takeLease(connection, 'a test') ?? -1
  connection.close()
  return { kind: 'postgres', url, term }
}

const openLog = async (clock: Clock) => openSqlPredictionLog({ place: await place(), clock })

predictionLogContract('PostgreSQL', openLog)
trimmingContract('PostgreSQL', openLog, { histories: 10 })
eventLogContract('PostgreSQL', async () => {
  const database = openPostgres(await place(), 'cutover test')
  migrate(database, 'events', eventLogMigrations)
  return openSqlEventLog(database)
})
analyticsContract('DuckDB beside PostgreSQL', async clock => {
  const where = await place()
  const log = await openSqlPredictionLog({ place: where, clock })
  return { log, analytics: await openDuckdbAnalytics({ log: where, file: join(tempFolder(), 'copy.duckdb'), clock }) }
})
