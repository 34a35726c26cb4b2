import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { systemClock } from '../../src/adapters/clock/system.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import { WorkerClient } from '../../src/adapters/prediction-log/worker-client.ts'
import type { Outcome } from '../../src/core/prediction.ts'
import { predictionLogContract } from '../contract/prediction-log.contract.ts'
import { runSteps, someSteps } from '../contract/prediction-log-steps.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { startChild } from './child.ts'
import { tempFolder } from './temp-folder.ts'

predictionLogContract('memory', async clock => createMemoryPredictionLog({ clock }))
predictionLogContract('SQLite', clock => openSqlitePredictionLog({ file: join(tempFolder(), 'predictions.db'), clock }))

async function openAt(file: string) {
  const log = await openSqlitePredictionLog({ file, clock: systemClock })
  onTestFinished(() => log.close())
  return log
}

test('memory and SQLite agree on every receipt, join and correction of any history', async () => {
  const clocks = [createManualClock(), createManualClock()] as const
  const memory = createMemoryPredictionLog({ clock: clocks[0] })
  const sqlite = await openSqlitePredictionLog({ file: join(tempFolder(), 'predictions.db'), clock: clocks[1] })
  onTestFinished(() => sqlite.close())
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(/run\d+\//g, ''))
  await fc.assert(
    fc.asyncProperty(someSteps({ labelsPerRow: 'any' }), async steps => {
      const expected = await runSteps(memory, clocks[0], steps)
      const actual = await runSteps(sqlite, clocks[1], steps)
      expect(plain(actual)).toEqual(plain(expected))
    }),
    { numRuns: 60 },
  )
})

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
    await reopened.replay({ endpoint: 'digits', fromEpoch: 2 }, batch => {
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
    await log.replay({ endpoint: 'digits', fromEpoch: 0 }, batch =>
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
    await log.replay({ endpoint: 'digits', fromEpoch: 1 }, batch => {
      replayed.push(...batch.predictions.map(({ id }) => id), ...batch.joined.map(({ outcome }) => outcome.id))
    })
    expect(replayed).toEqual(['p1', 'o1', 'p4'])
  })

  test('a replay longer than one window skips nothing and tells nothing twice', async () => {
    const log = await openAt(join(tempFolder(), 'predictions.db'))
    const ids = Array.from({ length: 12_000 }, (_, index) => `p${index}`)
    await log.appendPredictions(
      ids.map((id, index) => aPrediction({ id, endpoint: index % 3 === 0 ? 'other' : 'digits' })),
    )
    const seen: string[] = []
    await log.replay({ endpoint: 'digits', fromEpoch: 1 }, batch => seen.push(...batch.predictions.map(({ id }) => id)))
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
    const client = await WorkerClient.open(script(code), 'predictions.db')
    const refused = { code: 'store-failed', message: expect.stringContaining(says) }
    const calls = [client.call('find', { limit: 1 }), client.call('appendOutcomes', { outcomes: [], nowMs: 0 })]
    for (const call of calls) await expect(call).rejects.toMatchObject(refused)
    await expect(client.call('find', { limit: 1 })).rejects.toMatchObject(refused)
    await client.close()
  })

  test('when it ends before the file is open, opening fails', async () => {
    const opening = WorkerClient.open(script('process.exit(3)'), 'predictions.db')
    await expect(opening).rejects.toMatchObject({ code: 'store-failed', message: expect.stringContaining('code 3') })
  })

  test('what cannot be sent fails by itself', async () => {
    const answers = `${opens} parentPort.on('message', ({ id, method }) => {
      parentPort.postMessage({ id, ok: true, output: [] })
      if (method === 'close') parentPort.close()
    })`
    const client = await WorkerClient.open(script(answers), 'predictions.db')
    const unsendable = { limit: (() => 1) as unknown as number }
    await expect(client.call('find', unsendable)).rejects.toMatchObject({ code: 'store-failed' })
    expect(await client.call('find', { limit: 1 })).toEqual([])
    await client.close()
  })
})
