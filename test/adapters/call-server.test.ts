/** The thread of the prediction log while its database goes away and comes back, in virtual time. */
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { PredictionPacker, packPredictions } from '../../src/adapters/packed-predictions/packer.ts'
import { CallServer } from '../../src/adapters/prediction-log/call-server.ts'
import { predictionLogMigrations } from '../../src/adapters/prediction-log/migrations.ts'
import { outcomeToRow } from '../../src/adapters/prediction-log/outcome-rows.ts'
import type { StoreRequest } from '../../src/adapters/prediction-log/store-calls.ts'
import type { CallReply } from '../../src/adapters/prediction-log/worker-calls.ts'
import { SqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { createIds } from '../../src/gateway/ids.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'

class Away extends Error {}

/** A database that can be cut off: at its next commits, which are not kept, or until it is there again. */
class FarDatabase extends SqliteDatabase {
  cuts = 0
  /** Commits that are kept, and of which nobody is told. */
  lostAnswers = 0
  isThere = true
  asked = 0

  override prepare(sql: string) {
    this.asked += 1
    if (!this.isThere) throw new Away()
    return super.prepare(sql)
  }

  override transact<T>(run: () => T): T {
    const output = this.#transact(run)
    if (this.lostAnswers === 0) return output
    this.lostAnswers -= 1
    throw new Away()
  }

  #transact<T>(run: () => T): T {
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
  const nextId = createIds(1_700_000_000_000)
  const ask = (request: Omit<StoreRequest, 'id'>) => server.receive({ ...request, id: ++lastId } as StoreRequest)
  return {
    database,
    replies,
    predict: (id: string) =>
      ask({ method: 'appendPredictions', input: { packed: packPredictions([aPrediction({ id })]), nowMs: 0 } }),
    /** With ids as a gateway makes them. */
    predictMade: (count: number) => {
      const packer = new PredictionPacker()
      for (let nth = 0; nth < count; nth += 1) {
        const prediction = aPrediction({ id: nextId() })
        packer.add({ ...prediction, madeId: true }, prediction)
      }
      ask({ method: 'appendPredictions', input: { packed: packer.take(), nowMs: 0 } })
    },
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

test('predictions of a gateway whose commit was kept, and not told of, are kept once', () => {
  const { database, predictMade, told } = openServer()
  database.lostAnswers = 1
  predictMade(3)
  vi.runAllTimers()
  expect(told()).toEqual(['kept'])
  predictMade(3)
  predictMade(2)
  database.lostAnswers = 1
  vi.runAllTimers()
  expect(told()).toEqual(['kept', 'kept'])
  const { places } = database.prepare('SELECT sum(last_seq - first_seq + 1) AS places FROM blocks').get() as never
  expect(places).toBe(8)
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
