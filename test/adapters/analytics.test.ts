import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openDuckdbAnalytics } from '../../src/adapters/analytics/duckdb.ts'
import { unitHash } from '../../src/adapters/analytics/export-rows.ts'
import { bucketLatencyMs, latencyBucket } from '../../src/adapters/analytics/latency-buckets.ts'
import { createMemoryAnalytics } from '../../src/adapters/analytics/memory.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { openSqlitePredictionLog } from '../../src/adapters/prediction-log/sqlite.ts'
import type { StorePlace } from '../../src/adapters/stores/store-place.ts'
import type { Analytics, OffPolicyRow, SummaryRow } from '../../src/ports/analytics.ts'
import { analyticsContract } from '../contract/analytics.contract.ts'
import { runSteps, someSteps } from '../contract/prediction-log-steps.ts'
import { anOutcome, aPrediction } from '../contract/samples.ts'
import { startChild } from './child.ts'
import { tempFolder } from './temp-folder.ts'

analyticsContract('memory', async clock => {
  const log = createMemoryPredictionLog({ clock })
  return { log, analytics: createMemoryAnalytics({ log }) }
})
analyticsContract('DuckDB', async clock => {
  const folder = tempFolder()
  const log = await openSqlitePredictionLog({ file: join(folder, 'predictions.db'), clock })
  const [logFile, file] = [join(folder, 'predictions.db'), join(folder, 'analytics.duckdb')]
  return { log, analytics: await openDuckdbAnalytics({ log: fileAt(logFile), file, clock }) }
})

/** A log in a folder of its own, with a copy that may be opened again and again. */
async function logInFolder() {
  const folder = tempFolder()
  const clock = createManualClock(1_700_000_000_000)
  const [logFile, file] = [join(folder, 'predictions.db'), join(folder, 'analytics.duckdb')]
  const log = await openSqlitePredictionLog({ file: logFile, clock })
  onTestFinished(() => log.close())
  return { folder, clock, log, logFile, file, open: () => openDuckdbAnalytics({ log: fileAt(logFile), file, clock }) }
}

function fileAt(file: string): StorePlace {
  return { kind: 'sqlite', file }
}

async function requestsOf(analytics: Analytics): Promise<number> {
  const [row] = await analytics.summarise({ endpoint: 'digits', groupBy: [] })
  await analytics.close()
  return row?.requests ?? 0
}

test('memory and DuckDB agree on any history, however often they are asked in between', async () => {
  const { log, clock, open } = await logInFolder()
  const analytics = await open()
  onTestFinished(() => analytics.close())
  const memory = createMemoryAnalytics({ log })
  await fc.assert(
    fc.asyncProperty(fc.array(someSteps({ labelsPerRow: 'any' }), { maxLength: 3 }), async histories => {
      for (const steps of histories) {
        const { endpoints } = await runSteps(log, clock, steps)
        for (const endpoint of endpoints) {
          for (const groupBy of [[], ['version', 'epoch'], ['release', 'hour']] as const) {
            const [expected, actual] = await Promise.all(
              [memory, analytics].map(one => one.summarise({ endpoint, groupBy })),
            )
            expect(actual?.map(plainSummary)).toEqual(expected?.map(plainSummary))
          }
          for (const value of [{ kind: 'reward' }, { kind: 'correct' }, { kind: 'metric', name: 'clicks' }] as const) {
            const read = async (one: Analytics) => {
              const rows: OffPolicyRow[] = []
              await one.offPolicyRows({ endpoint, value }, batch => rows.push(...batch))
              return rows.map(plainGroup).sort()
            }
            expect(await read(analytics)).toEqual(await read(memory))
          }
        }
      }
    }),
    { numRuns: 15 },
  )
})

/** Latencies to within their bucket, sums to within rounding. */
function plainSummary({ latencyMs, rewards, ...rest }: SummaryRow) {
  const buckets = Object.values(latencyMs ?? {}).map(latencyBucket)
  return { ...rest, buckets, rewards: { ...rewards, sum: rewards.sum.toFixed(9) } }
}

function plainGroup({ values, ...rest }: OffPolicyRow): string {
  const rounded = Object.entries(values ?? {}).map(([name, value]) => `${name} ${value.toFixed(9)}`)
  return JSON.stringify({ ...rest, rounded })
}

test('the copy is kept, and what came meanwhile is added, when it is opened again', async () => {
  const { log, open, file } = await logInFolder()
  await log.appendPredictions([aPrediction({ id: 'a' })])
  expect(await requestsOf(await open())).toBe(1)
  const { size } = statSync(file)
  await log.appendPredictions([aPrediction({ id: 'b' }), aPrediction({ id: 'c' })])
  expect(await requestsOf(await open())).toBe(3)
  expect(statSync(file).size).toBeGreaterThanOrEqual(size)
})

test.each<{ what: string; harm: (file: string) => void }>([
  { what: 'was deleted', harm: file => rmSync(file) },
  { what: 'is empty', harm: file => writeFileSync(file, '') },
  { what: 'is something else', harm: file => writeFileSync(file, 'not a database '.repeat(10_000)) },
  { what: 'was cut short', harm: file => truncateSync(file, Math.floor(statSync(file).size / 2)) },
  { what: 'has a torn journal', harm: file => writeFileSync(`${file}.wal`, 'torn') },
])('a copy that $what is made again', async ({ harm }) => {
  const { log, open, file } = await logInFolder()
  await log.appendPredictions(Array.from({ length: 5_000 }, (_, index) => aPrediction({ id: `p${index}` })))
  expect(await requestsOf(await open())).toBe(5_000)
  harm(file)
  expect(await requestsOf(await open())).toBe(5_000)
})

test('a copy is right again when it is opened after the log has let go of what it had, or of all that it had', async () => {
  const { log, open } = await logInFolder()
  const append = (id: string, atMs: number) => log.appendPredictions([aPrediction({ id, atMs })])
  for (const [id, atMs] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const)
    await append(id, atMs)
  expect(await requestsOf(await open())).toBe(3)
  await log.trim({ beforeMs: 3, needed: [] })
  expect(await requestsOf(await open())).toBe(1)
  await append('d', 4)
  await append('e', 5)
  await log.trim({ beforeMs: 5, needed: [] })
  expect(await requestsOf(await open())).toBe(1)
})

test('a copy of another log is made again', async () => {
  const first = await logInFolder()
  const second = await logInFolder()
  await first.log.appendPredictions(['a', 'b', 'c'].map(id => aPrediction({ id })))
  await second.log.appendPredictions(['d', 'e', 'f', 'g'].map(id => aPrediction({ id })))
  expect(await requestsOf(await first.open())).toBe(3)
  const swapped = await openDuckdbAnalytics({ log: fileAt(second.logFile), file: first.file, clock: first.clock })
  expect(await requestsOf(swapped)).toBe(4)
  expect(await requestsOf(await first.open())).toBe(3)
})

test('killed while it copies, it goes on where the last window was kept, and counts nothing twice', async () => {
  const { log, open, file, logFile } = await logInFolder()
  const rows = 150_000
  for (let start = 0; start < rows; start += 10_000) {
    await log.appendPredictions(Array.from({ length: 10_000 }, (_, index) => aPrediction({ id: `p${start + index}` })))
  }
  await log.appendOutcomes(
    Array.from({ length: 10_000 }, (_, index) => anOutcome({ id: `o${index}`, prediction: `p${index * 9}` })),
  )
  const child = startChild('copy-log.ts', logFile, file)
  await child.lines(1)
  await new Promise(resolve => setTimeout(resolve, 150))
  await child.kill9()
  const analytics = await open()
  const [row] = await analytics.summarise({ endpoint: 'digits', groupBy: [] })
  await analytics.close()
  expect(row).toMatchObject({ requests: rows, labelled: 10_000, wrong: 0, units: 1 })
})

test('it copies by itself as time passes, and a question then finds little to do', async () => {
  const { log, clock, open } = await logInFolder()
  const analytics = await open()
  await log.appendPredictions([aPrediction()])
  clock.advance(60_000)
  expect(await requestsOf(analytics)).toBe(1)
})

test('closed, it refuses with store-failed and leaves no folder for intermediate results', async () => {
  const { open, file } = await logInFolder()
  const analytics = await open()
  await analytics.close()
  await analytics.close()
  const refused = { code: 'store-failed' }
  await expect(analytics.summarise({ endpoint: 'digits', groupBy: [] })).rejects.toMatchObject(refused)
  await expect(
    analytics.offPolicyRows({ endpoint: 'digits', value: { kind: 'reward' } }, () => {}),
  ).rejects.toMatchObject(refused)
  expect(existsSync(`${file}.tmp`)).toBe(false)
  expect(readdirSync(dirname(file)).filter(name => name.startsWith('analytics'))).toEqual(['analytics.duckdb'])
})

test('a log that is not there is store-failed', async () => {
  const folder = tempFolder()
  const opening = openDuckdbAnalytics({
    log: fileAt(join(folder, 'predictions.db')),
    file: join(folder, 'analytics.duckdb'),
    clock: createManualClock(),
  })
  await expect(opening).rejects.toMatchObject({ code: 'store-failed' })
})

test('a latency is told back within 0.5 % from a microsecond to a day', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 86_400_000, noNaN: true }), latencyMs => {
      const told = bucketLatencyMs(latencyBucket(latencyMs))
      expect(Math.abs(told / latencyMs - 1)).toBeLessThan(0.005)
    }),
  )
  for (const latencyMs of [0, -1, Number.MIN_VALUE])
    expect(bucketLatencyMs(latencyBucket(latencyMs))).toBeLessThan(0.0011)
  for (const latencyMs of [1e300, Number.POSITIVE_INFINITY]) expect(latencyBucket(latencyMs)).toBeLessThan(32_767)
})

test('a million units like those of real callers have a million hashes', () => {
  const hashes = new Set<number>()
  for (let index = 0; index < 500_000; index += 1) {
    hashes.add(unitHash(`user-${index}`))
    hashes.add(unitHash(index.toString(36)))
  }
  expect(hashes.size).toBe(1_000_000)
})
