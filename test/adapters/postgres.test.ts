/** The stores on a real PostgreSQL: they promise there what they promise on a file, and go on when it was away. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openDuckdbAnalytics } from '../../src/adapters/analytics/duckdb.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { openDataFolder } from '../../src/adapters/data-folder/data-folder.ts'
import { openSqlEventLog } from '../../src/adapters/event-log/sql.ts'
import { openSqliteEventLog } from '../../src/adapters/event-log/sqlite.ts'
import { PostgresConnection } from '../../src/adapters/postgres/connection.ts'
import { PostgresDatabase } from '../../src/adapters/postgres/database.ts'
import {
  announce,
  giveUpLease,
  keepGuests,
  leaseTimes,
  readLease,
  renewLease,
  setUpLease,
  takeLease,
} from '../../src/adapters/postgres/lease.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { postgresMigrations } from '../../src/adapters/postgres/migrations/index.ts'
import { holdDatabase } from '../../src/adapters/postgres/shared-database.ts'
import { Blocks } from '../../src/adapters/prediction-log/blocks.ts'
import { OutcomeIds } from '../../src/adapters/prediction-log/outcome-ids.ts'
import { PredictionReader } from '../../src/adapters/prediction-log/prediction-reader.ts'
import { openSqlPredictionLog } from '../../src/adapters/prediction-log/sql.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import { connectBriefly, openPostgres, type PostgresPlace } from '../../src/adapters/stores/store-place.ts'
import { openDeliveryStore } from '../../src/adapters/webhooks/delivery-store.ts'
import { openSqliteDeliveries } from '../../src/adapters/webhooks/sqlite-deliveries.ts'
import type { CliIo } from '../../src/cli/io.ts'
import { type Ending, endAll } from '../../src/main/endings.ts'
import { move } from '../../src/main/move.ts'
import { openStores } from '../../src/main/stores.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import { agreementContract } from '../contract/agreement.contract.ts'
import { analyticsContract } from '../contract/analytics.contract.ts'
import { eventLogContract, tick } from '../contract/event-log.contract.ts'
import { predictionLogContract } from '../contract/prediction-log.contract.ts'
import { anOutcome, aPrediction, aShadow } from '../contract/samples.ts'
import { trimmingContract } from '../contract/trimming.contract.ts'
import { breakingWay } from '../support/breaking-way.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { tempFolder } from './temp-folder.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

/** New tables, which this process holds. */
async function newPlace(): Promise<PostgresPlace> {
  const url = await server.freshUrl()
  const connection = connectBriefly(url)
  setUpLease(connection)
  const term = takeLease(connection, holder('a test')) ?? -1
  connection.close()
  return { kind: 'postgres', url, term }
}

/** No two of these are one server. */
/** A server that waits, and does nothing else. */
const waits = { sees() {}, isFit: () => true, end: async () => {}, toldToEnd: new Promise<void>(() => {}) }

function holder(name: string, owner: string | null = null) {
  return { name, owner }
}

function openEvents(place: PostgresPlace) {
  const database = openPostgres(place, 'cutover test')
  onTestFinished(() => database.close())
  migrate(database, 'events', postgresMigrations.events)
  return openSqlEventLog(database)
}

async function openPredictions(place: PostgresPlace, clock: Clock = systemClock) {
  const log = await openSqlPredictionLog({ place, clock })
  onTestFinished(() => log.close())
  return log
}

/** Another server takes the tables over, as it does where this one has not renewed its lease for long. */
function takeOver({ url }: Pick<PostgresPlace, 'url'>): number {
  const connection = connectBriefly(url)
  connection.script("UPDATE cutover_lease SET renewed_at = renewed_at - interval '1 hour'")
  const term = takeLease(connection, holder('another one'))
  connection.close()
  return term ?? -1
}

const openLog = async (clock: Clock) => openSqlPredictionLog({ place: await newPlace(), clock })

predictionLogContract('PostgreSQL', openLog)
trimmingContract('PostgreSQL', openLog, { histories: 10 })
eventLogContract('PostgreSQL', async () => openEvents(await newPlace()))
analyticsContract('DuckDB beside PostgreSQL', async clock => {
  const place = await newPlace()
  const log = await openSqlPredictionLog({ place, clock })
  return { log, analytics: await openDuckdbAnalytics({ log: place, file: join(tempFolder(), 'copy.duckdb'), clock }) }
})

agreementContract('PostgreSQL', openLog, { histories: 30 })

test('ids of any characters are told apart and come back as they were', async () => {
  const log = await openPredictions(await newPlace())
  const ids = [
    'a\0b',
    'a\uE000b',
    'a\uE0000b',
    'a\uE000eb',
    '\uE000',
    '\0',
    'a"b',
    "a'b",
    'a\\b',
    'a,b',
    '{a}',
    'NULL',
    '',
  ]
  await log.appendOutcomes(ids.map(id => anOutcome({ id: `of ${id}`, prediction: id })))
  const { fresh, joined } = await log.appendPredictions(ids.map(id => aPrediction({ id })))
  expect(fresh.map(({ id }) => id)).toEqual(ids)
  expect(joined.map(({ outcome }) => outcome.prediction)).toEqual(ids)
  const again = await log.appendOutcomes(ids.map(id => anOutcome({ id: `of ${id}`, prediction: id })))
  expect(again.receipts.map(({ status }) => status)).toEqual(ids.map(() => 'duplicate'))
  for (const id of ids) expect((await log.find({ id, limit: 2 })).map(({ prediction }) => prediction.id)).toEqual([id])
})

test('what is on the server is there for the next one that opens it', async () => {
  const place = await newPlace()
  const [events, log] = [openEvents(place), await openSqlPredictionLog({ place, clock: systemClock })]
  const appended = events.append([tick('a'), tick('b')])
  await log.appendPredictions([aPrediction({ id: 'p1' })])
  await log.appendOutcomes([anOutcome({ id: 'o1', prediction: 'p1' }), anOutcome({ id: 'o2', prediction: 'p2' })])
  await log.close()
  const next = { ...place, term: takeOver(place) }
  expect(openEvents(next).read({ afterSeq: 0, limit: 10 })).toEqual(appended)
  const reopened = await openPredictions(next)
  expect(
    (await reopened.appendPredictions([aPrediction({ id: 'p1' }), aPrediction({ id: 'p2' })])).joined,
  ).toHaveLength(1)
  const { receipts } = await reopened.appendOutcomes([anOutcome({ id: 'o1', prediction: 'p1' })])
  expect(receipts).toEqual([{ status: 'duplicate' }])
})

describe('an address', () => {
  const atServer = async (path: string): Promise<string> => new URL(path, await server.freshUrl()).href

  test('names a database of any name', async () => {
    const name = `my/db ü?#&%"'`
    await server.ask(`CREATE DATABASE "${name.replace('"', '""')}"`)
    const connection = connectBriefly(await atServer(`/${encodeURIComponent(name)}`))
    onTestFinished(() => connection.close())
    expect(connection.script('SELECT current_database() AS name').rows).toEqual([{ name }])
  })

  test('has the password that the server asks for, or is told to be without one', async () => {
    const password = 'p@s/s:w#%ö'
    await server.ask(`CREATE ROLE locked LOGIN PASSWORD '${password}'`)
    const rules = `('host all locked 127.0.0.1/32 scram-sha-256'), ('host all all 127.0.0.1/32 trust')`
    const [place] = await server.ask('SHOW hba_file')
    await server.ask(`COPY (VALUES ${rules}) TO '${place?.['hba_file']}'`)
    await server.ask('SELECT pg_reload_conf()')
    const connect = async (secret: string) => {
      const url = new URL(await atServer('/postgres'))
      Object.assign(url, { username: 'locked', password: secret })
      const connection = connectBriefly(url.href)
      onTestFinished(() => connection.close())
      return connection.script('SELECT current_user AS name').rows
    }
    expect(await connect(encodeURIComponent(password))).toEqual([{ name: 'locked' }])
    await expect(connect('')).rejects.toThrow('it asks for a password, and none is given; set PGPASSWORD')
    await expect(connect('wrong')).rejects.toMatchObject({ code: '28P01' })
  })
})

describe('the lease', () => {
  test('is had by one at a time, until it is given up or not renewed', async () => {
    const { url, term } = await newPlace()
    const connection = connectBriefly(url)
    onTestFinished(() => connection.close())
    expect(takeLease(connection, holder('another one'))).toBeNull()
    expect(readLease(connection)).toMatchObject({ holder: 'a test', servedAt: null, stands: 'held' })
    announce(connection, term, 'here')
    expect(readLease(connection).servedAt).toBe('here')
    expect(renewLease(connection, term)).toBe(true)
    giveUpLease(connection, term)
    expect(readLease(connection)).toMatchObject({ servedAt: null, stands: 'given-up' })
    expect(takeLease(connection, holder('another one'))).toBe(term + 1)
    announce(connection, term, 'there')
    expect(readLease(connection)).toMatchObject({ holder: 'another one', servedAt: null })
    expect(renewLease(connection, term)).toBe(false)
    connection.script(`UPDATE cutover_lease SET renewed_at = renewed_at - interval '${leaseTimes.lastsMs - 1_000} ms'`)
    expect(takeLease(connection, holder('a third one'))).toBeNull()
    connection.script("UPDATE cutover_lease SET renewed_at = renewed_at - interval '1001 ms'")
    expect(readLease(connection).stands).toBe('over')
    expect(takeLease(connection, holder('a third one'))).toBe(term + 2)
  })

  test('is had at once by the same server after a start, however its last life ended', async () => {
    const { url } = await newPlace()
    const connection = connectBriefly(url)
    onTestFinished(() => connection.close())
    giveUpLease(connection, 1)
    expect(takeLease(connection, holder('one', 'folder on a'))).toBe(2)
    expect(takeLease(connection, holder('its copy', 'folder on b'))).toBeNull()
    expect(takeLease(connection, holder('one again', 'folder on a'))).toBe(3)
  })

  test('of two that ask at one moment one gets it', async () => {
    const url = await server.freshUrl()
    const connections = [connectBriefly(url), connectBriefly(url)] as const
    for (const connection of connections) onTestFinished(() => connection.close())
    for (const connection of connections) setUpLease(connection)
    expect(connections.map(connection => takeLease(connection, holder('one'))).toSorted()).toEqual([1, null].toSorted())
  })

  test('is left to whoever has it where nobody has reached the database for long', async () => {
    const { url, term } = await newPlace()
    const [connection, other] = [connectBriefly(url), connectBriefly(url)]
    onTestFinished(() => connection.close())
    onTestFinished(() => other.close())
    let looks = 0
    const sees = (): void => {
      looks += 1
    }
    const waiting = { ...waits, sees }
    const held = holdDatabase(connection, {
      ...{ url, owner: 'who waits', clock: createManualClock() },
      onWaiting: async () => waiting,
      onTakenOver: () => {},
    })
    await expect.poll(() => looks, { timeout: 5_000 }).toBeGreaterThan(0)
    await server.crash()
    await expect.poll(() => readsLease(other)).toBe(false)
    await server.start()
    await expect.poll(() => readsLease(other), { timeout: 5_000 }).toBe(true)
    other.script("UPDATE cutover_lease SET renewed_at = renewed_at - interval '1 hour'")
    looks = 0
    await expect.poll(() => looks, { timeout: 5_000 }).toBeGreaterThan(1)
    expect(renewLease(other, term)).toBe(true)
    giveUpLease(other, term)
    expect((await held).term).toBe(term + 1)
  })

  test('that is over when somebody starts is left to whoever has it for two renewals, and then taken', async () => {
    const { url, term } = await newPlace()
    const [connection, other] = [connectBriefly(url), connectBriefly(url)]
    onTestFinished(() => connection.close())
    onTestFinished(() => other.close())
    const startedMs = performance.now()
    other.script("UPDATE cutover_lease SET renewed_at = renewed_at - interval '1 hour'")
    const held = await holdDatabase(connection, {
      ...{ url, owner: 'who starts', clock: createManualClock() },
      onWaiting: async () => waits,
      onTakenOver: () => {},
    })
    expect(held.term).toBe(term + 1)
    expect(performance.now() - startedMs).toBeGreaterThan(2 * leaseTimes.renewEveryMs - 1)
    expect(renewLease(other, term)).toBe(false)
  })

  test('is over for whoever hears of a later one, once, though the database may not be reached from there', async () => {
    const connection = connectBriefly(await server.freshUrl())
    let takenOver = 0
    const { term, succeededBy, close } = await holdDatabase(connection, {
      ...{ url: 'postgres://nowhere', owner: 'who has it', clock: createManualClock() },
      onWaiting: () => expect.unreachable(),
      onTakenOver: () => {
        takenOver += 1
      },
    })
    onTestFinished(close)
    connection.close()
    const heard = [term - 1, term, term + 1, term + 2].map(next => {
      succeededBy(next)
      return takenOver
    })
    expect(heard).toEqual([0, 0, 1, 1])
  })

  test('that is given up is left for a while to others by one that lacks what model servers want', async () => {
    const { url, term } = await newPlace()
    const started = async (owner: string, isFit: boolean) => {
      const connection = connectBriefly(url)
      onTestFinished(() => connection.close())
      const seen: number[] = []
      const sees = (_: unknown, of: number) => void seen.push(of)
      const onWaiting = async () => ({ ...waits, isFit: () => isFit, sees })
      const held = holdDatabase(connection, {
        ...{ url, owner, clock: createManualClock(), onWaiting },
        onTakenOver: () => {},
      })
      const hasSeen = (of: number) => expect.poll(() => seen, { timeout: 5_000 }).toContain(of)
      await hasSeen(term)
      return { connection, hasSeen, held: held.then(({ term: of }) => ({ owner, term: of, atMs: performance.now() })) }
    }
    const unfit = await started('unfit', false)
    const fit = await started('fit', true)
    giveUpLease(fit.connection, term)
    expect(await Promise.race([unfit.held, fit.held])).toMatchObject({ owner: 'fit', term: term + 1 })
    await unfit.hasSeen(term + 1)
    const freeMs = performance.now()
    giveUpLease(fit.connection, term + 1)
    const { atMs, ...taken } = await unfit.held
    expect(taken).toEqual({ owner: 'unfit', term: term + 2 })
    expect(atMs - freeMs).toBeGreaterThan(leaseTimes.unfitWaitsMs - 1)
  })

  test('keeps through all who have it whether gateways of other servers may answer callers', async () => {
    const { url } = await newPlace()
    const connection = connectBriefly(url)
    onTestFinished(() => connection.close())
    // A table of a version before there were any.
    connection.script('ALTER TABLE cutover_lease DROP COLUMN guests')
    setUpLease(connection)
    expect(readLease(connection).hasGuests).toBe(false)
    expect(keepGuests(connection, 1, true)).toBe(true)
    giveUpLease(connection, 1)
    expect(takeLease(connection, holder('the next'))).toBe(2)
    expect(readLease(connection).hasGuests).toBe(true)
    expect([keepGuests(connection, 1, false), readLease(connection).hasGuests]).toEqual([false, true])
  })

  test('a writer that stops in the middle of a transaction does not keep it from the next one', async () => {
    const place = await newPlace()
    const database = openPostgres(place, 'cutover test')
    onTestFinished(() => database.close())
    const mayBeSilent = database.prepare(
      "SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'",
    )
    const mayBeSilentMs = database.transact(() => Number(mayBeSilent.get()?.['setting']))
    expect(mayBeSilentMs).toBeLessThan(leaseTimes.lastsMs - leaseTimes.renewEveryMs)
    expect(mayBeSilentMs).toBeGreaterThan(0)
  })

  test('whoever has lost it writes nothing more, and whoever has it does', async () => {
    const place = await newPlace()
    const [events, log] = [openEvents(place), await openPredictions(place)]
    events.append([tick('a')])
    await log.appendPredictions([aPrediction({ id: 'p1' })])
    const next = { ...place, term: takeOver(place) }
    const refused = { code: 'store-failed', message: expect.stringContaining('another server has taken') }
    expect(() => events.append([tick('b')])).toThrow(expect.objectContaining(refused))
    await expect(log.appendPredictions([aPrediction({ id: 'p2' })])).rejects.toMatchObject(refused)
    await expect(log.appendOutcomes([anOutcome({ prediction: 'p1' })])).rejects.toMatchObject(refused)
    expect(openEvents(next).append([tick('c')])[0]?.seq).toBe(2)
    const found = await (await openPredictions(next)).find({ limit: 9 })
    expect(found.map(({ prediction, outcomes }) => [prediction.id, outcomes.length])).toEqual([['p1', 0]])
  })
})

describe('a server that is away for a while', () => {
  test('has predictions wait for it and refuses outcomes; none is lost, and none there twice', async () => {
    const place = await newPlace()
    const log = await openPredictions(place)
    await log.appendPredictions([aPrediction({ id: 'before' })])
    await log.appendOutcomes([anOutcome({ id: 'o1', prediction: 'before' })])
    await server.crash()
    const waiting = [
      log.appendPredictions([aPrediction({ id: 'm1' })]),
      log.appendPredictions([aPrediction({ id: 'm2' })]),
    ]
    await expect(log.appendOutcomes([anOutcome({ id: 'o2', prediction: 'before' })])).rejects.toMatchObject({
      code: 'store-failed',
    })
    await server.start()
    expect((await Promise.all(waiting)).map(({ fresh }) => fresh.map(({ id }) => id))).toEqual([['m1'], ['m2']])
    expect((await log.appendPredictions([aPrediction({ id: 'm1' })])).fresh).toEqual([])
    const outcomes = ['o1', 'o2'].map(id => anOutcome({ id, prediction: 'before' }))
    const { receipts } = await log.appendOutcomes(outcomes)
    expect(receipts.map(({ status }) => status)).toEqual(['duplicate', 'joined'])
    expect((await log.find({ limit: 9 })).map(({ prediction }) => prediction.id)).toEqual(['m2', 'm1', 'before'])
  })

  test('is asked anew where an answer did not come in time, and what comes too late is no answer to something else', async () => {
    const timeouts = { connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 }
    const url = await server.freshUrl()
    const connection = new PostgresConnection({ url, applicationName: 'test', ...timeouts }, 2_000)
    onTestFinished(() => connection.close())
    const late = () => connection.script('SELECT pg_sleep(3), 1 AS a')
    expect(late).toThrow(expect.objectContaining({ isConnected: false }))
    expect(connection.script('SELECT 2 AS a').rows).toEqual([{ a: 2 }])
    expect(connection.isOpen).toBe(true)
  })

  test('is told at once, and asked again when it is there', async () => {
    const events = openEvents(await newPlace())
    events.append([tick('a')])
    await server.crash()
    const beforeMs = performance.now()
    for (let time = 0; time < 20; time += 1)
      expect(() => events.append([tick('b')])).toThrow(/postgres:\/\/cutover@127/)
    expect(performance.now() - beforeMs).toBeLessThan(2_000)
    await server.start()
    await expect.poll(() => appendsTo(events), { timeout: 10_000 }).toBe(true)
    expect(events.lastSeq()).toBe(2)
  })
})

describe('a commit whose answer is lost', () => {
  /** The place, and the same one by a way that breaks. */
  async function breakingPlace() {
    const place = await newPlace()
    const way = await breakingWay(place.url)
    onTestFinished(() => way.close())
    return { place, way, broken: { ...place, url: way.url } }
  }

  test('is none of an event that was refused: the log has what was told, without it and without a gap', async () => {
    const { place, way, broken } = await breakingPlace()
    const events = openEvents(broken)
    events.append([tick('a')])
    way.loseAnswer()
    expect(() => events.append([tick('b'), tick('b')])).toThrow()
    expect(openEvents(place).lastSeq()).toBe(3)
    await expect.poll(() => appendsTo(events), { timeout: 10_000 }).toBe(true)
    expect(openEvents(place).read({ afterSeq: 0, limit: 9 })).toMatchObject([
      { seq: 1, event: tick('a').event },
      { seq: 2, event: tick('c').event },
    ])
  })

  test.each(['loseAnswer', 'loseCommit'] as const)('%s: what is answered is there, and all of it once', async loss => {
    const { place, way, broken } = await breakingPlace()
    const log = await openPredictions(broken)
    const ids = Array.from({ length: 50 }, (_, number) => `p${number}`)
    const outcomes = ids.map(id => anOutcome({ id: `of ${id}`, prediction: id }))
    way[loss]()
    await Promise.all(ids.map(id => log.appendPredictions([aPrediction({ id })])))
    way[loss]()
    const answered: string[] = []
    const tell = async (outcome: (typeof outcomes)[number]) => {
      await log.appendOutcomes([outcome])
      answered.push(outcome.id)
    }
    await Promise.allSettled(outcomes.map(tell))
    const kept = await (await openPredictions(place)).find({ limit: 100 })
    expect(kept.map(({ prediction }) => prediction.id).toSorted()).toEqual(ids.toSorted())
    const keptOutcomes = kept.flatMap(one => one.outcomes.map(({ id }) => id))
    expect(new Set(keptOutcomes).size).toBe(keptOutcomes.length)
    expect(answered.filter(id => !keptOutcomes.includes(id))).toEqual([])
  })
})

function readsLease(connection: PostgresConnection): boolean {
  try {
    return readLease(connection).holder !== ''
  } catch {
    return false
  }
}

function appendsTo(events: ReturnType<typeof openEvents>): boolean {
  try {
    events.append([tick('c')])
    return true
  } catch {
    return false
  }
}

describe('what cannot be opened', () => {
  test('says where and why, and never the password', async () => {
    const url = 'postgres://cutover:hush@127.0.0.1:1/cutover?sslmode=disable'
    const opening = openSqlPredictionLog({ place: { kind: 'postgres', url, term: 1 }, clock: systemClock })
    await expect(opening).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(
        /^could not open postgres:\/\/cutover@127\.0\.0\.1:1\/cutover: .*is PostgreSQL running/,
      ),
    })
  })

  test('keeps the password from whoever starts a server too', async () => {
    const folder = openDataFolder(tempFolder())
    onTestFinished(() => folder.close())
    const endings: Ending[] = []
    const opening = openStores(
      {
        ...{ folder, clock: systemClock, database: 'postgres://cutover:hush@127.0.0.1:1/cutover?sslmode=disable' },
        ...{ onPacking: () => {}, onLost: () => {}, onUnread: () => {}, onTakenOver: () => {} },
        onWaiting: () => Promise.reject(new Error('nobody waits')),
      },
      endings,
    )
    await expect(opening).rejects.toMatchObject({
      message: expect.stringMatching(/^could not open postgres:\/\/cutover@127\.0\.0\.1:1\/cutover: /),
    })
    await endAll(endings)
  })

  test('a schema of a newer version is refused and left as it is', async () => {
    const place = await newPlace()
    openEvents(place)
    const connection = connectBriefly(place.url)
    onTestFinished(() => connection.close())
    connection.script('UPDATE cutover_schemas SET number = 99')
    expect(() => openEvents(place)).toThrow(
      expect.objectContaining({ code: 'data-folder-invalid', message: expect.stringMatching(/schema 99.*up to 1/) }),
    )
    expect(connection.script('SELECT number FROM cutover_schemas').rows).toEqual([{ number: 99 }])
  })

  test('a migration that fails leaves the tables at the one before', async () => {
    const database = openPostgres(await newPlace(), 'cutover test')
    onTestFinished(() => database.close())
    const good = { number: 1, sql: 'CREATE TABLE one (a integer)' }
    const bad = { number: 2, sql: 'CREATE TABLE two (a integer); CREATE TABLE one (a integer)' }
    expect(() => migrate(database, 'any', [good, bad])).toThrow(/already exists/)
    migrate(database, 'any', [good])
    expect(database.prepare("SELECT to_regclass('two') AS found").get()).toEqual({ found: null })
  })
})

test('rows are read on as they are taken, in one another too, and nobody need take all of them', async () => {
  const database = openPostgres(await newPlace(), 'cutover test')
  onTestFinished(() => database.close())
  const numbers = database.prepare('SELECT n FROM generate_series(1, CAST(? AS bigint)) AS n')
  const taken: number[] = []
  for (const outer of numbers.iterate(40)) {
    for (const inner of numbers.iterate(1_000_000)) {
      taken.push(Number(outer['n']) * Number(inner['n']))
      if (Number(inner['n']) === 2) break
    }
  }
  expect(taken).toEqual(Array.from({ length: 40 }, (_, index) => [index + 1, 2 * (index + 1)]).flat())
  expect(database.transact(() => numbers.all(2))).toEqual([{ n: 1 }, { n: 2 }])
})

test('a log is opened, and read again, with few questions however much it holds: each takes its time', async () => {
  const place = await newPlace()
  const log = await openPredictions(place)
  const ids = Array.from({ length: 900 }, (_, index) => `p${index}`)
  await log.appendPredictions(ids.map(id => aPrediction({ id })))
  await log.appendOutcomes(ids.map(id => anOutcome({ id: `of ${id}`, prediction: id })))
  const connection = connectBriefly(place.url)
  const database = new PostgresDatabase(connection, { name: 'test', term: place.term })
  onTestFinished(() => database.close())
  const asked = vi.spyOn(connection, 'query')
  new OutcomeIds(database)
  expect(asked).toHaveBeenCalledTimes(2)
  const reader = new PredictionReader(database, new Blocks(database))
  const tails = [{ endpoint: 'digits', fromEpoch: 0 }]
  const window = { afterSeq: 850, upToSeq: 1_800 }
  reader.replayWindow({ tails, window })
  asked.mockClear()
  const [batch] = reader.replayWindow({ tails, window })
  expect([batch?.predictions.length, batch?.joined.length]).toEqual([50, 900])
  expect(asked).toHaveBeenCalledTimes(3)
})

test('deliveries are due, noted and told as on a file', async () => {
  const database = openPostgres(await newPlace(), 'cutover test')
  onTestFinished(() => database.close())
  migrate(database, 'deliveries', postgresMigrations.deliveries)
  const store = openDeliveryStore(database)
  const notice = { endpoint: 'digits', webhook: 'chat', release: null, event: 'promoted', url: 'http://127.0.0.1:1/' }
  const added = ['a', 'b'].map(id => ({ ...notice, id, createdAtMs: 1_000, secret: { env: 'HUSH' }, body: '{}' }))
  store.add(7, added)
  store.add(7, added)
  expect(store.takenSeq()).toBe(7)
  const due = store.due(1_000, 10)
  expect(due.map(({ id }) => id)).toEqual(['a', 'b'])
  store.note(due[0]?.number ?? 0, { state: 'waiting', attempts: 40, nextAtMs: 5_000, detail: 'ECONNREFUSED' })
  store.note(due[1]?.number ?? 0, { state: 'delivered', attempts: 1, nextAtMs: 0, detail: '' })
  expect(store.due(4_999, 10)).toEqual([])
  expect(store.due(5_000, 10).map(({ id, attempts }) => [id, attempts])).toEqual([['a', 40]])
  expect(store.list({ state: 'delivered', limit: 9 }).map(({ id, release }) => [id, release])).toEqual([['b', null]])
  expect(store.list({ endpoint: 'other', limit: 9 })).toEqual([])
})

describe('what a data folder keeps', () => {
  const io = { env: {}, cwd: '/' } as unknown as CliIo
  /** A folder with events, predictions with bodies and shadows, outcomes that joined and that wait, and a delivery. */
  async function fullFolder(): Promise<string> {
    const data = tempFolder()
    const events = openSqliteEventLog(join(data, 'events.db'))
    events.append([tick('a'), tick('b')])
    events.close()
    const log = await openSqlitePredictionLog({ file: join(data, 'predictions.db'), clock: systemClock })
    const payload = { request: new Uint8Array([1, 0, 255]), response: new Uint8Array(0) }
    await log.appendPredictions([aPrediction({ id: 'p1', unit: 'a\0b', payload }), aPrediction({ id: 'p2', epoch: 7 })])
    await log.appendPredictions([aShadow('p1')])
    await log.appendOutcomes(['p1', 'p2', 'p3'].map(id => anOutcome({ id: `of-${id}`, prediction: id })))
    await log.close()
    const deliveries = openSqliteDeliveries(join(data, 'deliveries.db'))
    const notice = { endpoint: 'digits', webhook: 'chat', release: null, event: 'promoted', url: 'http://127.0.0.1:1/' }
    deliveries.add(7, [{ ...notice, id: 'd1', createdAtMs: 1_000, secret: null, body: '{}' }])
    deliveries.close()
    return data
  }

  test('goes into a new database whole, and goes on there as it would have in the folder', async () => {
    const [data, url] = [await fullFolder(), await server.freshUrl()]
    expect(await move({ data, database: url }, io)).toMatchObject({ events: 2, predictions: 3, outcomes: 3 })
    const place = { kind: 'postgres', url, term: takeOver({ url }) } as const
    const logs = [
      await openPredictions(place),
      await openSqlitePredictionLog({ file: join(data, 'predictions.db'), clock: systemClock }),
    ] as const
    onTestFinished(() => logs[1].close())
    const told = async (log: PredictionLog) => {
      const items: unknown[] = []
      await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 0 }] }, batch => items.push(batch))
      const late = await log.appendPredictions([aPrediction({ id: 'p1' }), aPrediction({ id: 'p3', epoch: 9 })])
      const again = await log.appendOutcomes(
        ['p1', 'p3', 'p4'].map(id => anOutcome({ id: `of-${id}`, prediction: id })),
      )
      return { items, found: await log.find({ withPayload: true, limit: 9 }), late, again }
    }
    expect(await told(logs[0])).toEqual(await told(logs[1]))
    const events = openEvents(place)
    expect(events.append([tick('c')])[0]?.seq).toBe(3)
    const database = openPostgres(place, 'cutover test')
    onTestFinished(() => database.close())
    const deliveries = openDeliveryStore(database)
    expect(deliveries.takenSeq()).toBe(7)
    expect(deliveries.due(1_000, 9).map(({ id }) => id)).toEqual(['d1'])
  })

  test('goes nowhere where another log is, or a server that serves from it', async () => {
    const data = await fullFolder()
    const place = await newPlace()
    await expect(move({ data, database: place.url }, io)).rejects.toMatchObject({
      code: 'in-use',
      message: expect.stringContaining('a test serves from postgres://'),
    })
    openEvents(place).append([tick('a')])
    const connection = connectBriefly(place.url)
    giveUpLease(connection, place.term)
    await expect(move({ data, database: place.url }, io)).rejects.toMatchObject({
      code: 'in-use',
      message: expect.stringContaining('its table events is not empty'),
    })
    expect(takeLease(connection, holder('the next'))).not.toBeNull()
    connection.close()
  })
})
