/** `cutover move` of folders that earlier versions have written: the database goes on as the folder would have. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { setUpLease, takeLease } from '../../src/adapters/postgres/lease.ts'
import { predictionLogMigrations } from '../../src/adapters/prediction-log/migrations.ts'
import { openSqlPredictionLog } from '../../src/adapters/prediction-log/sql.ts'
import { openDatabase } from '../../src/adapters/sqlite/open-database.ts'
import { connectBriefly, type StorePlace } from '../../src/adapters/stores/store-place.ts'
import type { CliIo } from '../../src/cli/io.ts'
import { createIds } from '../../src/gateway/ids.ts'
import { move } from '../../src/main/move.ts'
import { tempFolder } from '../adapters/temp-folder.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

const io = { env: {}, cwd: '/' } as unknown as CliIo

/** What a folder has under an earlier schema: predictions, bodies, outcomes that joined, were corrected and that wait. */
const made = createIds(0)()
const plain = (seq: number, id: string, version: string) =>
  `(${seq}, '${id}', 'digits', 1, NULL, 'ada😀', 'v1', '${version}', 0.95, 0, 1.5, 3.25, 200, 0, '[3,"kätzchen"]', NULL`
const earlier: Readonly<Record<number, string>> = {
  2: `
    INSERT INTO predictions VALUES ${plain(1, 'p1', 'v1')}, NULL);
    INSERT INTO payloads VALUES (1, x'7b7d', x'5b5d');
    INSERT INTO epochs VALUES ('digits', 1, 1);
    INSERT INTO outcomes VALUES
      (1, 'late', 'p1', 0, '4', NULL, '{}', 7.5, 8, 3, 1, '3', '{"label":3,"reward":null,"metrics":{}}'),
      (2, 'early', 'p1', 0, '3', NULL, '{}', 6.5, 8, 2, 1, '3', NULL),
      (3, 'waits', 'p2', 0, '5', NULL, '{}', 6.5, 8, NULL, NULL, NULL, NULL)`,
  6: `
    INSERT INTO predictions VALUES
      ${plain(1, 'p1', 'v1')}, '{"a":1}', NULL, 1), ${plain(2, 'q', 'v2')}, NULL, 'p1', 0), ${plain(4, made, 'v1')}, NULL, NULL, 0);
    INSERT INTO epochs VALUES ('digits', 1, 1);
    INSERT INTO payloads VALUES (1, x'7b7d', x'5b5d', '{"method":"POST","path":"/x","headers":[]}');
    INSERT INTO outcomes VALUES (3, 'late', 1, 0, '7', 0.5, '{"spend":2}', 6.5, NULL)`,
  8: `
    INSERT INTO kinds VALUES (1, 'digits', 1, NULL, 'v1', 'v1', 0.95, 0, 0, 200, 0), (2, 'digits', 1, 'digits-1', 'v2', 'v2', 0.05, 1, 1, 503, 1);
    INSERT INTO kind_slots VALUES (0, 1), (0, 2);
    INSERT INTO epochs VALUES ('digits', 1, 1);
    INSERT INTO predictions VALUES
      (1, 'p1', 1, 'u' || char(0) || 'x', 1.5, 3.25, '[3]', NULL, NULL, NULL, '{"tokens":7}'),
      (2, '${made}', 2, 'u2', 2.5, 3.25, NULL, '[[0.5]]', '{"a":1}', NULL, NULL),
      (4, 'q' || char(57344), 2, 'u3', 2.5, 3.25, NULL, NULL, NULL, '${made}', NULL);
    INSERT INTO outcomes VALUES (3, 'late', 1, 0, '7', NULL, '{}', 6.5, NULL)`,
}

function folderOf(schema: number): string {
  const data = tempFolder()
  const file = join(data, 'predictions.db')
  const old = openDatabase({ file, migrations: predictionLogMigrations.slice(0, schema) })
  old.exec(earlier[schema] ?? '')
  old.close()
  return data
}

function takeOver(url: string): StorePlace {
  const connection = connectBriefly(url)
  onTestFinished(() => connection.close())
  setUpLease(connection)
  return { kind: 'postgres', url, term: takeLease(connection, { name: 'a test', owner: null }) ?? -1 }
}

/** All that a log tells, and what it makes of what comes then. */
async function told(place: StorePlace) {
  const log = await openSqlPredictionLog({ place, clock: systemClock })
  onTestFinished(() => log.close())
  const replayed: unknown[] = []
  const replay = await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, batch => replayed.push(batch))
  const found = await log.find({ withPayload: true, limit: 9 })
  const all = await log.find({ limit: 9 })
  const ids = ['p1', 'p2', 'q', made, 'new']
  const { fresh, joined, upToSeq } = await log.appendPredictions(ids.map(id => aPrediction({ id })))
  const outcomes = await log.appendOutcomes(
    ['late', 'early', 'waits', 'next'].map(id => anOutcome({ id, prediction: made })),
  )
  return { replayed, replay, found, all, fresh: fresh.map(({ id }) => id), joined, upToSeq, outcomes }
}

describe('a folder of an earlier schema', () => {
  test.each(Object.keys(earlier).map(Number))('%i goes into a database as it would have gone on', async schema => {
    const data = folderOf(schema)
    const copy = tempFolder()
    cpSync(data, copy, { recursive: true })
    const url = await server.freshUrl()
    const moved = await move({ data, database: url }, io)
    const there = await told(takeOver(url))
    expect(moved.predictions).toBe(there.all.length)
    expect(there.all.length).toBeGreaterThan(0)
    expect(there).toEqual(await told({ kind: 'sqlite', file: join(copy, 'predictions.db') }))
  })
})
