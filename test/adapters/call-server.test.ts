/** The thread of the prediction log while its database goes away and comes back, in virtual time. */
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { packPredictions } from '../../src/adapters/packed-predictions/packer.ts'
import { CallServer } from '../../src/adapters/prediction-log/call-server.ts'
import { predictionLogMigrations } from '../../src/adapters/prediction-log/migrations.ts'
import { outcomeToRow } from '../../src/adapters/prediction-log/outcome-rows.ts'
import type { StoreRequest } from '../../src/adapters/prediction-log/store-calls.ts'
import type { CallReply } from '../../src/adapters/prediction-log/worker-calls.ts'
import { SqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'

class Away extends Error {}

/** A database that can be cut off: at its next commits, which are not kept, or until it is there again. */
class FarDatabase extends SqliteDatabase {
  cuts = 0
  isThere = true
  asked = 0

  override prepare(sql: string) {
    this.asked += 1
    if (!this.isThere) throw new Away()
    return super.prepare(sql)
  }

  override transact<T>(run: () => T): T {
    return super.transact(() => {
      if (!this.isThere) throw new Away()
      const output = run()
      if (this.cuts === 0) return output
      this.cuts -= 1
      throw new Away()
    })
  }

  override isAway(cause?: unknown): boolean {
    return cause instanceof Away
  }
}

function openServer() {
  const raw = new DatabaseSync(':memory:')
  migrate(raw, predictionLogMigrations, ':memory:')
  const database = new FarDatabase(raw, ':memory:')
  onTestFinished(() => database.close())
  const replies: CallReply[] = []
  const server = new CallServer({ database, send: reply => replies.push(reply), ended: () => {} })
  let lastId = 0
  const ask = (request: Omit<StoreRequest, 'id'>) => server.receive({ ...request, id: ++lastId } as StoreRequest)
  return {
    database,
    replies,
    predict: (id: string) =>
      ask({ method: 'appendPredictions', input: { packed: packPredictions([aPrediction({ id })]), nowMs: 0 } }),
    judge: (id: string) =>
      ask({
        method: 'appendOutcomes',
        input: { rows: [outcomeToRow(anOutcome({ id: `of ${id}`, prediction: id }))], nowMs: 0 },
      }),
    /** What was told since the last time. */
    told: () => replies.splice(0).map(reply => (reply.ok ? statusesOf(reply.output) : reply.error.code)),
  }
}

function statusesOf(output: unknown): string {
  return (output as { statuses?: string[] }).statuses?.join() ?? 'kept'
}

beforeEach(() => {
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})

test('an outcome whose commit was cut off is never a duplicate of itself, though the database is there again at once', () => {
  const { database, predict, judge, told } = openServer()
  predict('p1')
  vi.runAllTimers()
  expect(told()).toEqual(['kept'])
  database.cuts = 1
  judge('p1')
  judge('p2')
  vi.runAllTimers()
  expect(told()).toEqual(['store-failed', 'store-failed'])
  judge('p1')
  judge('p2')
  vi.runAllTimers()
  expect(told()).toEqual(['joined', 'pending'])
})

test('predictions that wait are tried every quarter of a second, whatever else is asked meanwhile', () => {
  const { database, predict, judge, told } = openServer()
  database.isThere = false
  predict('p1')
  for (let time = 0; time < 100; time += 1) {
    judge('p1')
    vi.advanceTimersByTime(1)
  }
  expect(told()).toEqual(Array.from({ length: 100 }, () => 'store-failed'))
  database.asked = 0
  vi.advanceTimersByTime(1_000)
  expect(database.asked).toBe(4)
  database.isThere = true
  vi.advanceTimersByTime(250)
  expect(told()).toEqual(['kept'])
})
