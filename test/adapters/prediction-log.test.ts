import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { packPredictions } from '../../src/adapters/packed-predictions/packer.ts'
import { LastingClient } from '../../src/adapters/prediction-log/lasting-client.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { predictionLogMigrations } from '../../src/adapters/prediction-log/migrations.ts'
import { OutcomeIds } from '../../src/adapters/prediction-log/outcome-ids.ts'
import { packRows } from '../../src/adapters/prediction-log/pack-rows.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import type { StoreCalls, StoreThreadData } from '../../src/adapters/prediction-log/store-calls.ts'
import { WorkerClient } from '../../src/adapters/prediction-log/worker-client.ts'

import type { SqlDatabase } from '../../src/adapters/sql/database.ts'
import { SqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { openDatabase } from '../../src/adapters/sqlite/open-database.ts'
import { limits } from '../../src/core/limits.ts'
import type { Measures } from '../../src/core/measures.ts'
import type { Outcome } from '../../src/core/prediction.ts'
import { createIds } from '../../src/gateway/ids.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { agreementContract } from '../contract/agreement.contract.ts'
import { predictionLogContract } from '../contract/prediction-log.contract.ts'
import { runSteps, someSteps, withoutRuns } from '../contract/prediction-log-steps.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { trimmingContract } from '../contract/trimming.contract.ts'
import { startChild } from './child.ts'
import { tempFolder } from './temp-folder.ts'

predictionLogContract('memory', async clock => createMemoryPredictionLog({ clock }))
predictionLogContract('SQLite', clock => openSqlitePredictionLog({ file: join(tempFolder(), 'predictions.db'), clock }))
trimmingContract('memory', async clock => createMemoryPredictionLog({ clock }))
trimmingContract('SQLite', clock => openSqlitePredictionLog({ file: join(tempFolder(), 'predictions.db'), clock }), {
  histories: 20,
})

async function openAt(file: string) {
  const log = await openSqlitePredictionLog({ file, clock: systemClock })
  onTestFinished(() => log.close())
  return log
}

test('a thread of a store has a heap of its own bound: V8 lets garbage of more than that lie', async () => {
  const script = new URL('./heap-worker.ts', import.meta.url)
  const client = await WorkerClient.open<{ heap: { input: null; output: number } }>(script, { name: 'none' })
  onTestFinished(() => client.close().catch(() => {}))
  expect(await client.call('heap', null)).toBeLessThanOrEqual(limits.storeHeapMegabytesMax)
})

agreementContract('SQLite', clock => openSqlitePredictionLog({ file: join(tempFolder(), 'predictions.db'), clock }), {
  histories: 60,
})

test('a history with restarts goes on as if there had been none', async () => {
  const clocks = [createManualClock(), createManualClock()] as const
  const memory = createMemoryPredictionLog({ clock: clocks[0] })
  const open = () => openSqlitePredictionLog({ file, clock: clocks[1] })
  const file = join(tempFolder(), 'predictions.db')
  let sqlite = await open()
  onTestFinished(() => sqlite.close())
  const restart = async () => {
    await sqlite.close()
    sqlite = await open()
  }
  const current: PredictionLog = {
    appendPredictions: batch => sqlite.appendPredictions(batch),
    appendOutcomes: batch => sqlite.appendOutcomes(batch),
    find: query => sqlite.find(query),
    replay: (query, each) => sqlite.replay(query, each),
    trim: trim => sqlite.trim(trim),
    close: () => sqlite.close(),
  }
  await fc.assert(
    fc.asyncProperty(someSteps({ labelsPerRow: 'any' }), async steps => {
      const expected = await runSteps(memory, clocks[0], steps)
      const actual = await runSteps(current, clocks[1], steps, restart)
      expect(withoutRuns(actual)).toEqual(withoutRuns(expected))
    }),
    { numRuns: 6 },
  )
})

const bodies = { request: new Uint8Array([1]), response: new Uint8Array([2]) }

describe('prediction log on disk', () => {
  test('predictions, outcomes and those that wait are there when the file is opened again', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const log = await openAt(file)
    await log.appendPredictions([aPrediction({ epoch: 2 })])
    await log.appendOutcomes([anOutcome({ id: 'a' }), anOutcome({ id: 'b', prediction: 'p2', label: 'x' })])
    await log.close()
    const reopened = await openAt(file)
    expect((await reopened.appendOutcomes([anOutcome({ id: 'a' })])).receipts).toEqual([{ status: 'duplicate' }])
    expect((await reopened.appendPredictions([aPrediction()])).fresh).toEqual([])
    const { joined } = await reopened.appendPredictions([aPrediction({ id: 'p2', epoch: 3 })])
    expect(joined).toMatchObject([{ outcome: { id: 'b' }, epoch: 3, before: null }])
    const items: string[] = []
    await reopened.replay({ tails: [{ endpoint: 'digits', fromEpoch: 2 }] }, batch => {
      items.push(...batch.predictions.map(({ id }) => id), ...batch.joined.map(({ outcome }) => outcome.id))
    })
    expect(items).toEqual(['p1', 'a', 'p2', 'b'])
  })

  test('every acknowledged outcome survives kill -9, exactly once', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const child = startChild('append-outcomes.ts', file)
    await child.lines(300)
    const acknowledged = (await child.kill9()).map(line => line.split(' ')[0] ?? '')
    const log = await openAt(file)
    const again = acknowledged.map(name => anOutcome({ id: `o${name}`, prediction: name }))
    const { receipts } = await log.appendOutcomes(again)
    expect(new Set(receipts.map(({ status }) => status))).toEqual(new Set(['duplicate']))
    // Those whose prediction was lost with the process still find it when it comes again.
    await log.appendPredictions(acknowledged.map(id => aPrediction({ id })))
    const joined: Outcome[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, batch =>
      joined.push(...batch.joined.map(item => item.outcome)),
    )
    const ids = joined.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(ids)).toEqual(new Set([...ids, ...acknowledged.map(name => `o${name}`)]))
  })

  test('an append that cannot be kept fails alone: those committed with it are kept', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const good = [log.appendPredictions([aPrediction()]), log.appendOutcomes([anOutcome()])]
    const bad = log.appendPredictions([aPrediction({ id: 'p2' }), aPrediction({ id: 'p3', latencyMs: Number.NaN })])
    const after = log.appendPredictions([aPrediction({ id: 'p4' })])
    await expect(bad).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringContaining('predictions.db'),
    })
    await Promise.all([...good, after])
    expect((await log.find({ limit: 9 })).map(({ prediction }) => prediction.id)).toEqual(['p4', 'p1'])
    const replayed: string[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, batch => {
      replayed.push(...batch.predictions.map(({ id }) => id), ...batch.joined.map(({ outcome }) => outcome.id))
    })
    expect(replayed).toEqual(['p1', 'o1', 'p4'])
  })

  test('outcomes of an append that failed are new when they come again', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    await log.appendPredictions([aPrediction()])
    const outcomes = [anOutcome({ id: 'a' }), anOutcome({ id: 'b', prediction: 'p2' })]
    const bad = log.appendOutcomes([...outcomes, anOutcome({ id: 'c', atMs: Number.NaN })])
    await expect(bad).rejects.toMatchObject({ code: 'store-failed' })
    const { receipts, joined } = await log.appendOutcomes([...outcomes, ...outcomes])
    expect(receipts.map(({ status }) => status)).toEqual(['joined', 'pending', 'duplicate', 'duplicate'])
    expect(joined).toMatchObject([{ before: null }])
  })

  test('bodies of an earlier schema are read as those of requests that cannot be sent again', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const old = openDatabase({ file, migrations: predictionLogMigrations.slice(0, 3) })
    old.exec(`
      INSERT INTO predictions VALUES (1, 'p1', 'digits', 1, NULL, 'ada', 'v1', 'v1', 0.95, 0, 1.5, 3.25, 200, 0, '[3]', NULL, NULL);
      INSERT INTO payloads VALUES (1, x'7b7d', x'5b5d')`)
    old.close()
    const log = await openAt(file)
    const [found] = await log.find({ withPayload: true, limit: 1 })
    expect(found?.prediction.payload).toEqual({
      request: Uint8Array.from([0x7b, 0x7d]),
      response: Uint8Array.from([0x5b, 0x5d]),
    })
  })

  test('a file of an earlier schema keeps its outcomes, those that wait and its ids', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const old = openDatabase({ file, migrations: predictionLogMigrations.slice(0, 2) })
    old.exec(`
      INSERT INTO predictions VALUES (1, 'p1', 'digits', 1, NULL, 'ada', 'v1', 'v1', 0.95, 0, 1.5, 3.25, 200, 0, '[3]', NULL, NULL);
      INSERT INTO epochs VALUES ('digits', 1, 1);
      INSERT INTO outcomes VALUES
        (1, 'late', 'p1', 0, '4', NULL, '{}', 7.5, 8, 3, 1, '3', '{"label":3,"reward":null,"metrics":{}}'),
        (2, 'early', 'p1', 0, '3', NULL, '{}', 6.5, 8, 2, 1, '3', NULL),
        (3, 'waits', 'p2', 0, '5', NULL, '{}', 6.5, 8, NULL, NULL, NULL, NULL)`)
    old.close()
    const log = await openSqlitePredictionLog({ file, clock: createManualClock(9) })
    onTestFinished(() => log.close())
    const again = ['late', 'early', 'waits'].map(id => anOutcome({ id }))
    expect((await log.appendOutcomes(again)).receipts).toEqual(Array(3).fill({ status: 'duplicate' }))
    const { joined } = await log.appendPredictions([aPrediction({ id: 'p2' })])
    expect(joined).toMatchObject([{ outcome: { id: 'waits', label: 5 } }])
    const replayed: unknown[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, batch => {
      replayed.push(...batch.joined.map(({ outcome, predicted, before }) => [outcome.id, predicted, before?.label]))
    })
    expect(replayed).toEqual([
      ['early', 3, undefined],
      ['late', 3, 3],
      ['waits', 3, undefined],
    ])
  })

  test('rows of the schema before kinds are found, joined and replayed as they were', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const old = openDatabase({ file, migrations: predictionLogMigrations.slice(0, 6) })
    const row = (seq: number, parts: string) => `(${seq}, 'p${seq}', 'digits', ${parts}, '{"a":1}', NULL, 1)`
    old.exec(`
      INSERT INTO predictions VALUES
        ${row(1, "1, NULL, 'ada', 'v1', 'v1', 0.95, 0, 1.5, 3.25, 200, 0, '[3]', NULL")},
        ${row(2, "2, 'digits-1', 'bob', 'v2', 'v1', 0.05, 1, 2.5, 4.25, 503, 1, NULL, '[[0.5]]'")},
        ${row(4, "2, 'digits-1', 'eve', 'v2', 'v2', 0.05, 0, 3.5, 5.25, 200, 0, '[4]', NULL")};
      INSERT INTO epochs VALUES ('digits', 1, 1), ('digits', 2, 2);
      INSERT INTO payloads VALUES (1, x'7b7d', x'5b5d', NULL);
      INSERT INTO outcomes VALUES (3, 'o3', 1, 0, '7', NULL, '{}', 6.5, NULL)`)
    old.close()
    const log = await openAt(file)
    const found = await log.find({ endpoint: 'digits', limit: 9 })
    expect(found.map(({ prediction }) => prediction.id)).toEqual(['p4', 'p2', 'p1'])
    expect(found[1]?.prediction).toEqual({
      ...aPrediction({ id: 'p2', epoch: 2, release: 'digits-1', unit: 'bob', assigned: 'v2', version: 'v1' }),
      ...{ propensity: 0.05, pinned: true, atMs: 2.5, latencyMs: 4.25, status: 503, failed: true },
      ...{ answer: null, scores: [[0.5]], features: { a: 1 }, byContext: true },
    })
    expect(found[2]?.prediction.payload?.request).toEqual(Uint8Array.from([0x7b, 0x7d]))
    expect(found[2]?.outcomes).toMatchObject([{ id: 'o3', prediction: 'p1' }])
    expect((await log.appendPredictions([aPrediction({ id: 'p2' })])).fresh).toEqual([])
    const { joined } = await log.appendOutcomes([anOutcome({ id: 'o4', prediction: 'p4' })])
    expect(joined).toMatchObject([{ epoch: 2, version: 'v2', unit: 'eve', predicted: 4, byContext: true }])
    const replayed: string[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 2 }] }, batch => {
      replayed.push(...batch.predictions.map(({ id }) => id), ...batch.joined.map(({ outcome }) => outcome.id))
    })
    expect(replayed).toEqual(['p2', 'p4', 'o4'])
  })

  test('rows of the schema before blocks are packed as they were, however often that is broken off', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const old = openDatabase({ file, migrations: predictionLogMigrations.slice(0, 8) })
    const [made = '', later = ''] = [createIds(0), createIds(0)].map(next => next())
    const row = (seq: number, id: string, kind: number, parts: string) =>
      `(${seq}, '${id}', ${kind}, 'u${seq}', ${seq}.5, 3.25, ${parts})`
    old.exec(`
      INSERT INTO kinds VALUES (1, 'digits', 1, NULL, 'v1', 'v1', 0.95, 0, 0, 200, 0), (2, 'digits', 2, 'digits-1', 'v2', 'v2', 0.95, 0, 1, 201, 0);
      INSERT INTO epochs VALUES ('digits', 1, 1), ('digits', 2, 3);
      INSERT INTO predictions VALUES
        ${row(1, made, 1, '\'[3,"cat"]\', NULL, NULL, NULL, NULL')},
        ${row(3, `${made}~v2`, 2, `'[4]', NULL, NULL, '${made}', NULL`)},
        ${row(4, 'mine', 2, `NULL, '[[0.5]]', '{"a":1}', '${made}', '{"tokens":7}'`)},
        ${row(5, later, 2, 'NULL, NULL, NULL, NULL, NULL')},
        ${row(6, 'given', 1, "'[true]', NULL, NULL, NULL, NULL")};
      INSERT INTO kind_slots VALUES (0, 1), (0, 2);
      INSERT INTO payloads VALUES (1, x'7b7d', x'5b5d', '{"method":"POST","path":"/x","headers":[]}');
      INSERT INTO outcomes VALUES (2, 'o2', 1, 1, '"cat"', NULL, '{}', 6.5, NULL)`)
    old.close()

    const broken = openDatabase({ file, migrations: predictionLogMigrations })
    broken.exec(`UPDATE predictions_by_row SET answer = 'torn' WHERE seq = 5`)
    const told: number[] = []
    const tell = (rows: number) => told.push(rows)
    expect(() => packRows(broken, tell, { rowsPerTransaction: 2 })).toThrow()
    broken.exec('UPDATE predictions_by_row SET answer = NULL WHERE seq = 5')
    broken.close()

    const log = await openSqlitePredictionLog({ file, clock: systemClock, onPacking: tell })
    onTestFinished(() => log.close())
    expect(told).toEqual([5, 3])
    const found = await log.find({ limit: 9 })
    const second = {
      epoch: 2,
      release: 'digits-1',
      version: 'v2',
      assigned: 'v2',
      status: 201,
      byContext: true as const,
    }
    const facts = (seq: number) => ({ unit: `u${seq}`, atMs: seq + 0.5, latencyMs: 3.25 })
    const sent = { method: 'POST', path: '/x', headers: [] }
    const payload = { request: Uint8Array.from([0x7b, 0x7d]), response: Uint8Array.from([0x5b, 0x5d]), sent }
    const unnamed = { answer: null, scores: [[0.5]], features: { a: 1 }, measures: { tokens: 7 } as Measures }
    expect(found.map(({ prediction }) => prediction)).toEqual([
      aPrediction({ id: 'given', ...facts(6), answer: [true] }),
      aPrediction({ id: later, ...second, ...facts(5), answer: null }),
      aPrediction({ id: 'mine', ...second, ...facts(4), ...unnamed, shadowOf: made }),
      aPrediction({ id: `${made}~v2`, ...second, ...facts(3), answer: [4], shadowOf: made }),
      aPrediction({ id: made, ...facts(1), answer: [3, 'cat'], payload }),
    ])
    expect((await log.find({ version: 'v1', withPayload: true, limit: 9 })).map(({ outcomes }) => outcomes)).toEqual([
      [anOutcome({ id: 'o2', prediction: made, row: 1, label: 'cat', atMs: 6.5 })],
    ])
    expect((await log.appendPredictions([made, later, 'mine', 'given'].map(id => aPrediction({ id })))).fresh).toEqual(
      [],
    )
    const { joined } = await log.appendOutcomes([anOutcome({ prediction: made, row: 1 })])
    expect(joined.map(({ version, shadowOf, before }) => [version, shadowOf, before?.label])).toEqual([
      ['v1', undefined, 'cat'],
      ['v2', made, 'cat'],
      ['v2', made, 'cat'],
    ])
    const replayed: string[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, batch => {
      replayed.push(...batch.predictions.map(({ id }) => id), ...batch.joined.map(({ outcome }) => outcome.id))
    })
    expect(replayed).toEqual([made, 'o2', `${made}~v2`, 'mine', later, 'given', 'o1', 'o1', 'o1'])
  })

  test('those with bodies are found among many blocks without any such, whatever else has bodies', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const payload = { request: Uint8Array.from([7]), response: Uint8Array.from([8]) }
    const has = (index: number) => index % 700 === 3
    const endpoint = (index: number) => (index < 1_000 || index === 2_103 ? 'digits' : 'other')
    const all = Array.from({ length: 3_000 }, (_, index) =>
      aPrediction({ id: `p${index}`, endpoint: endpoint(index), ...(has(index) && { payload }) }),
    )
    for (let start = 0; start < all.length; start += 500) await log.appendPredictions(all.slice(start, start + 500))
    const found = await log.find({ endpoint: 'digits', withPayload: true, limit: 9 })
    expect(found.map(({ prediction }) => prediction)).toEqual([all[2_103], all[703], all[3]])
  })

  test('bodies are kept apart from the predictions that are read without them', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const log = await openAt(file)
    const payload = { request: new Uint8Array(40_000).fill(7), response: Uint8Array.from([8]) }
    const batch = [aPrediction(), aPrediction({ id: 'p2', payload }), aPrediction({ id: 'p3' })]
    await log.appendPredictions(batch)
    expect((await log.find({ limit: 9 })).map(({ prediction }) => prediction)).toEqual(batch.toReversed())
    const database = new DatabaseSync(file, { readOnly: true })
    expect(Number(database.prepare('SELECT length(records) AS n FROM blocks').get()?.['n'])).toBeLessThan(1_000)
    database.close()
  })

  test('a rare version is found wherever it is among many others, newest first, up to the limit', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const isRare = (index: number) => [3, 4, 1_100, 2_047, 2_048, 5_999].includes(index)
    const all = Array.from({ length: 6_000 }, (_, index) =>
      aPrediction({ id: `p${index}`, version: isRare(index) ? 'v2' : 'v1', status: index % 2 === 0 ? 200 : 404 }),
    )
    for (let start = 0; start < all.length; start += 1_500) await log.appendPredictions(all.slice(start, start + 1_500))
    const ids = async (limit: number) =>
      (await log.find({ endpoint: 'digits', version: 'v2', limit })).map(({ prediction }) => prediction.id)
    expect(await ids(100)).toEqual(['p5999', 'p2048', 'p2047', 'p1100', 'p4', 'p3'])
    expect(await ids(4)).toEqual(['p5999', 'p2048', 'p2047', 'p1100'])
    expect(await log.find({ endpoint: 'other', limit: 9 })).toEqual([])
  })

  test('many blocks go some at a time, and leave nothing behind in any table', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const log = await openAt(file)
    const nextId = createIds(0)
    const madeOrNot = (index: number) => (index % 3 === 0 ? `p${index}` : nextId())
    for (let block = 0; block < 100; block += 1) {
      const predictions = Array.from({ length: 60 }, (_, place) =>
        aPrediction({ id: madeOrNot(place + block * 60), atMs: 10, ...(place === 7 && { payload: bodies }) }),
      )
      const [first] = predictions
      const shadow = { shadowOf: first?.id ?? '', version: 'v8', assigned: 'v8' }
      await log.appendPredictions([...predictions, aPrediction({ id: `s${block}`, atMs: 10, ...shadow })])
      await log.appendOutcomes(predictions.slice(0, 3).map(({ id }) => anOutcome({ id: `of ${id}`, prediction: id })))
    }
    await log.appendPredictions([aPrediction({ id: 'new', atMs: 30 })])
    const trim = { beforeMs: 20, needed: [] }
    expect(await log.trim(trim)).toMatchObject({ isDone: false })
    while (!(await log.trim(trim)).isDone);
    await log.close()
    const database = new DatabaseSync(file, { readOnly: true })
    onTestFinished(() => database.close())
    const rows = (table: string) => Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows'])
    const tables = ['blocks', 'block_kinds', 'scattered_ids', 'unnamed_shadows', 'payloads', 'outcomes', 'outcome_ids']
    expect(Object.fromEntries(tables.map(table => [table, rows(table)]))).toEqual({
      ...{ blocks: 1, block_kinds: 1, scattered_ids: 1 },
      ...{ unnamed_shadows: 0, payloads: 0, outcomes: 0, outcome_ids: 0 },
    })
  })

  test('numbers that are free are not given again, before a restart and after it', async () => {
    const file = join(tempFolder(), 'predictions.db')
    const log = await openAt(file)
    await log.appendPredictions([aPrediction({ id: 'a', atMs: 10 })])
    await log.appendPredictions([aPrediction({ id: 'b', atMs: 30 })])
    // The highest numbers belong to what goes.
    await log.appendOutcomes([1, 2, 3].map(index => anOutcome({ id: `o${index}`, prediction: 'a' })))
    await log.trim({ beforeMs: 20, needed: [] })
    await log.close()
    const reopened = await openAt(file)
    await reopened.appendPredictions([aPrediction({ id: 'c', atMs: 40 })])
    await reopened.close()
    const database = new DatabaseSync(file, { readOnly: true })
    onTestFinished(() => database.close())
    expect(database.prepare('SELECT first_seq AS seq FROM blocks ORDER BY first_seq').all()).toMatchObject([
      { seq: 2 },
      { seq: 6 },
    ])
  })

  test('a batch with repeated ids takes no numbers for them', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const batch = (from: number) => Array.from({ length: 120 }, (_, index) => aPrediction({ id: `p${from + index}` }))
    await log.appendPredictions(batch(0))
    const { fresh } = await log.appendPredictions(batch(60))
    expect(fresh.map(({ id }) => id)).toEqual(
      batch(120)
        .slice(0, 60)
        .map(({ id }) => id),
    )
    const newest: string[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }], newest: 3 }, ({ predictions }) => {
      newest.push(...predictions.map(({ id }) => id))
    })
    expect(newest).toEqual(['p177', 'p178', 'p179'])
  })

  test.each([
    ['nowhere', null],
    ['first', 0],
    ['in the middle', 70],
    ['last', 119],
  ])('a batch behind outcomes is committed behind them, plain or not; an id was known %s', async (_where, place) => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const batch = (name: string, scores: number[][] | null) =>
      Array.from({ length: 120 }, (_, index) =>
        aPrediction({ id: index === place ? 'known' : `${name}${index}`, ...(index % 50 === 9 && { scores }) }),
      )
    const wanted = ['known']
    await log.appendPredictions([aPrediction({ id: 'known' })])
    for (const [name, scores] of [['plain', null] as const, ['whole', [[0.5, 0.5]]] as const]) {
      await log.appendOutcomes([0, 1, 2].map(at => anOutcome({ id: `${name}-o${at}`, prediction: 'known' })))
      const { fresh } = await log.appendPredictions(batch(name, scores?.map(row => [...row]) ?? null))
      expect(fresh.length).toBe(place === null ? 120 : 119)
      wanted.push(`${name}-o0`, `${name}-o1`, `${name}-o2`, ...fresh.map(({ id }) => id))
    }
    const told: string[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, ({ predictions, joined }) => {
      told.push(...predictions.map(({ id }) => id), ...joined.map(({ outcome }) => outcome.id))
    })
    expect(told).toEqual(wanted)
  })

  test('a replay longer than one window skips nothing and tells nothing twice', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const ids = Array.from({ length: 12_000 }, (_, index) => `p${index}`)
    await log.appendPredictions(
      ids.map((id, index) => aPrediction({ id, endpoint: index % 3 === 0 ? 'other' : 'digits' })),
    )
    const seen: string[] = []
    await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, batch =>
      seen.push(...batch.predictions.map(({ id }) => id)),
    )
    expect(seen).toEqual(ids.filter((_, index) => index % 3 !== 0))
  })

  test('a schema from a newer version is refused', async () => {
    const file = join(tempFolder(), 'predictions.db')
    await (await openAt(file)).close()
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    database.close()
    const refused = { code: 'data-folder-invalid', message: expect.stringContaining('schema 99') }
    await expect(openAt(file)).rejects.toMatchObject(refused)
  })

  test('a file that cannot be opened is named', async () => {
    const folder = tempFolder()
    const refused = { code: 'store-failed', message: expect.stringContaining(folder) }
    await expect(openAt(folder)).rejects.toMatchObject(refused)
  })
})

test('ids of outcomes are known wherever they moved until they are let go, after crashes and after what was rolled back', () => {
  const transaction = fc.record({
    ids: fc.array(
      fc.nat(150).map(number => `o${number}`),
      { maxLength: 12 },
    ),
    /** Of the oldest outcomes; then none is added. */
    gone: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }) }),
    end: fc.constantFrom(
      'commit',
      'commit',
      'commit',
      'commit',
      'commit',
      'commit',
      'commit and crash',
      'fail',
      'fail',
      'crash',
    ),
  })
  fc.assert(
    fc.property(fc.array(transaction, { maxLength: 40, size: 'max' }), transactions => {
      const { database, addOutcome, deleteOutcomes } = memoryDatabase()
      const bounds = { gatheredMax: 8, sliceIds: 3, pageIds: 2 }
      const accepted = new Set<string>()
      let known = new OutcomeIds(database, bounds)
      for (const { ids: some, gone, end } of transactions) {
        const ids = gone > 0 ? [] : some
        const leaving = [...accepted].slice(0, Math.min(gone, accepted.size - 1))
        database.exec('BEGIN')
        expect(known.known(ids)).toEqual(new Set(ids.filter(id => accepted.has(id))))
        const fresh = [...new Set(ids)].filter(id => !accepted.has(id))
        const seqs = fresh.map(id => addOutcome(id))
        for (const id of fresh) known.add(id)
        deleteOutcomes(leaving)
        known.forget(leaving)
        known.settle()
        const keeps = end.startsWith('commit')
        database.exec(keeps ? 'COMMIT' : 'ROLLBACK')
        if (keeps) known.committed(seqs.at(-1) ?? accepted.size)
        else known.rolledBack()
        if (keeps) for (const id of fresh) accepted.add(id)
        if (keeps) for (const id of leaving) accepted.delete(id)
        if (end.endsWith('crash')) known = new OutcomeIds(database, bounds)
        expect(indexedIds(database).filter(id => !accepted.has(id))).toEqual([])
      }
      database.close()
    }),
  )
})

function memoryDatabase() {
  const raw = new DatabaseSync(':memory:')
  migrate(raw, predictionLogMigrations, ':memory:')
  const insert = raw.prepare("INSERT INTO outcomes VALUES (NULL, ?, 1, 0, NULL, NULL, '{}', 1, NULL)")
  const deleteOne = ['outcomes', 'outcome_ids'].map(table => raw.prepare(`DELETE FROM ${table} WHERE id = ?`))
  return {
    database: new SqliteDatabase(raw, ':memory:'),
    addOutcome: (id: string) => Number(insert.run(id).lastInsertRowid),
    deleteOutcomes: (ids: readonly string[]) => {
      for (const id of ids) for (const statement of deleteOne) statement.run(id)
    },
  }
}

function indexedIds(database: SqlDatabase): string[] {
  return database
    .prepare('SELECT id FROM outcome_ids')
    .all()
    .map(({ id }) => String(id))
}

describe('the thread of the store', () => {
  const script = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`)
  const opens =
    "import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ id: 0, ok: true, output: null });"

  test.each([
    {
      how: 'throws',
      code: `${opens} parentPort.on('message', () => { throw new Error('out of luck') })`,
      says: 'out of luck',
    },
    { how: 'exits', code: `${opens} parentPort.on('message', () => process.exit(7))`, says: 'code 7' },
  ])('when it $how, waiting calls and later ones fail with store-failed', async ({ code, says }) => {
    const client = await WorkerClient.open<StoreCalls>(script(code), { name: 'predictions.db' })
    const refused = { code: 'store-failed', message: expect.stringContaining(says) }
    const calls = [client.call('find', { limit: 1 }), client.call('appendOutcomes', { rows: [], nowMs: 0 })]
    for (const call of calls) await expect(call).rejects.toMatchObject(refused)
    await expect(client.call('find', { limit: 1 })).rejects.toMatchObject(refused)
    await client.close()
  })

  test('when it ends a client that lasts fails the calls of that thread, tells it, and starts another one', async () => {
    const code = `${opens} parentPort.on('message', ({ id, method }) => {
      if (method === 'appendOutcomes') process.exit(7)
      parentPort.postMessage({ id, ok: true, output: [] })
      if (method === 'close') parentPort.close()
    })`
    const lost = Promise.withResolvers<string>()
    const told: string[] = []
    const client = await LastingClient.open<StoreCalls>(
      script(code),
      { name: 'predictions.db' },
      {
        onLost: ({ message }) => {
          told.push(message)
          lost.resolve(message)
        },
      },
    )
    const died = { code: 'store-failed', message: expect.stringContaining('code 7') }
    await expect(client.call('appendOutcomes', { rows: [], nowMs: 0 })).rejects.toMatchObject(died)
    await lost.promise
    expect(await client.call('find', { limit: 1 })).toEqual([])
    await client.close()
    expect(told).toEqual([expect.stringContaining('code 7')])
  })

  test('that dies leaves its file to the next one, with all that was committed', async () => {
    const worker = new URL('../../src/adapters/prediction-log/store-worker.ts', import.meta.url)
    const code = `import { parentPort } from 'node:worker_threads'
      import ${JSON.stringify(worker.href)}
      parentPort.on('message', ({ method }) => { if (method === 'find') process.exit(7) })`
    const lost = Promise.withResolvers<void>()
    const file = join(tempFolder(), 'predictions.db')
    const data: StoreThreadData = { name: file, place: { kind: 'sqlite', file } }
    const client = await LastingClient.open<StoreCalls>(script(code), data, { onLost: () => lost.resolve() })
    onTestFinished(() => client.close())
    const append = (id: string) => {
      const packed = packPredictions([aPrediction({ id })])
      return client.call('appendPredictions', { packed, nowMs: 0 }, [packed])
    }
    await append('before')
    await expect(client.call('find', { limit: 1 })).rejects.toMatchObject({ code: 'store-failed' })
    await lost.promise
    expect((await append('before')).repeated).toEqual([0])
    expect((await append('after')).repeated).toEqual([])
  })

  test('when it ends before the file is open, opening fails', async () => {
    const opening = WorkerClient.open<StoreCalls>(script('process.exit(3)'), { name: 'predictions.db' })
    await expect(opening).rejects.toMatchObject({ code: 'store-failed', message: expect.stringContaining('code 3') })
  })

  test('what cannot be sent fails by itself', async () => {
    const answers = `${opens} parentPort.on('message', ({ id, method }) => {
      parentPort.postMessage({ id, ok: true, output: [] })
      if (method === 'close') parentPort.close()
    })`
    const client = await WorkerClient.open<StoreCalls>(script(answers), { name: 'predictions.db' })
    const unsendable = { limit: (() => 1) as unknown as number }
    await expect(client.call('find', unsendable)).rejects.toMatchObject({ code: 'store-failed' })
    expect(await client.call('find', { limit: 1 })).toEqual([])
    await client.close()
  })
})
