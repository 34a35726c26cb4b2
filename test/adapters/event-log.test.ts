import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { openSqliteEventLog } from '../../src/adapters/event-log/sqlite.ts'
import { openDatabase } from '../../src/adapters/sqlite/open-database.ts'
import { eventLogContract, tick } from '../contract/event-log.contract.ts'
import { startChild } from './child.ts'
import { tempFolder } from './temp-folder.ts'

eventLogContract('memory', createMemoryEventLog)
eventLogContract('SQLite', () => openSqliteEventLog(join(tempFolder(), 'events.db')))

describe('event log on disk', () => {
  test('events are there when the file is opened again', () => {
    const file = join(tempFolder(), 'events.db')
    const log = openSqliteEventLog(file)
    const appended = log.append([tick('a'), tick('b')])
    log.close()
    const reopened = openSqliteEventLog(file)
    expect(reopened.read({ afterSeq: 0, limit: 10 })).toEqual(appended)
    expect(reopened.append([tick('c')])[0]?.seq).toBe(3)
    reopened.close()
  })

  test('every acknowledged event survives kill -9, whole appends only, without gaps', async () => {
    const file = join(tempFolder(), 'events.db')
    const child = startChild('append-events.ts', file)
    await child.lines(200)
    const acknowledged = await child.kill9()
    const log = openSqliteEventLog(file)
    const kept = log.read({ afterSeq: 0, limit: 1_000_000 })
    expect(kept.map(({ seq }) => seq)).toEqual(kept.map((_, index) => index + 1))
    expect(kept.length).toBeGreaterThanOrEqual(acknowledged.length)
    expect(kept.length % 2).toBe(0)
    for (const [index, { event }] of kept.entries()) expect(event.type).toBe(index % 2 === 0 ? 'fleet-ready' : 'tick')
    log.close()
  })

  test('a failure inside the transaction is a store-failed that keeps nothing', () => {
    const file = join(tempFolder(), 'events.db')
    const log = openSqliteEventLog(file)
    expect(() => log.append([tick('a'), { ...tick('b'), atMs: Number.NaN }])).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining(file) }),
    )
    expect(log.lastSeq()).toBe(0)
    expect(log.append([tick('c')])[0]?.seq).toBe(1)
    log.close()
  })

  test('a schema from a newer version is refused and left as it is', () => {
    const file = join(tempFolder(), 'events.db')
    openSqliteEventLog(file).close()
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    expect(() => openSqliteEventLog(file)).toThrow(
      expect.objectContaining({ code: 'data-folder-invalid', message: expect.stringMatching(/schema 99.*up to 1/) }),
    )
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 })
    database.close()
  })

  test('a file that is no database is named, with what to do', () => {
    const folder = tempFolder()
    expect(() => openSqliteEventLog(folder)).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining(folder) }),
    )
  })

  test('a commit is flushed to the disk: write-ahead log, full synchronisation', () => {
    const database = openDatabase({ file: join(tempFolder(), 'any.db'), migrations: [] })
    const pragma = (name: string) => database.prepare(`PRAGMA ${name}`).get()?.[name]
    expect(['journal_mode', 'synchronous', 'fullfsync', 'foreign_keys'].map(pragma)).toEqual(['wal', 2, 1, 1])
    database.close()
  })

  test('a migration that fails leaves the database at the one before', () => {
    const file = join(tempFolder(), 'any.db')
    const good = { number: 1, sql: 'CREATE TABLE one (a INTEGER) STRICT' }
    const bad = { number: 2, sql: 'CREATE TABLE two (a INTEGER) STRICT; CREATE TABLE one (a INTEGER) STRICT' }
    expect(() => openDatabase({ file, migrations: [good, bad] })).toThrow(
      expect.objectContaining({ code: 'store-failed' }),
    )
    const database = openDatabase({ file, migrations: [good] })
    expect(database.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'one' }])
    database.close()
  })
})
