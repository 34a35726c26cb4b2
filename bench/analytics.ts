// How long questions over a large prediction log take: copying the log for the first time, each question, what they need of
// memory and how long the caller's thread is held up.
// Run: node bench/analytics.ts [rows]: a prediction and an outcome each, about 350 bytes of disk in a folder that is removed.
import { mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openDuckdbAnalytics } from '../src/adapters/analytics/duckdb.ts'
import { systemClock } from '../src/adapters/clock/system.ts'
import { PredictionPacker } from '../src/adapters/packed-predictions/packer.ts'
import { openSqlitePredictionLog } from '../src/adapters/prediction-log/sqlite.ts'
import type { Outcome } from '../src/core/prediction.ts'
import type { Analytics, OffPolicyQuery, SummaryQuery } from '../src/ports/analytics.ts'

const rows = Number(process.argv[2] ?? 10_000_000)
const batchRows = 2_000
const bytesPerRow = 500
const startMs = Date.UTC(2026, 0, 1)
const dayMs = 24 * 3_600_000
const endpoint = 'digits'

/** As the gateway makes them: what a process shares, and a counter. */
const idOf = (index: number) => `dGhlIHByZWZpe.${(36 ** 5 + index).toString(36)}`

const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
const [log, file] = [join(folder, 'predictions.db'), join(folder, 'analytics.duckdb')]
const delay = monitorEventLoopDelay({ resolution: 1 })
try {
  refuseFullDisk()
  await measure(`fill with ${rows.toLocaleString('en')} predictions and outcomes`, () => fill(0, rows))
  console.log(`log: ${megabytes(statSync(log).size)}; resident before copying: ${megabytes(process.memoryUsage.rss())}`)
  const analytics = await measure('open', () =>
    openDuckdbAnalytics({ log: { kind: 'sqlite', file: log }, file, clock: systemClock }),
  )
  delay.enable()
  await measure('first question, copying all', () => summary(analytics, { groupBy: ['version'] }))
  await questions(analytics)
  delay.disable()
  await fill(rows, 10_000)
  delay.enable()
  await measure('after 10,000 more predictions and outcomes', () => summary(analytics, { groupBy: ['version'] }))
  delay.disable()
  await analytics.close()
  console.log(`caller's thread: delay p50 ${delayMs(50)}, p99 ${delayMs(99)}, most ${delayMs(100)} ms (timer of 1 ms)`)
  console.log(
    `copy: ${megabytes(statSync(file).size)}; most resident: ${megabytes(process.resourceUsage().maxRSS * 1024)}`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function questions(analytics: Analytics) {
  const day = { sinceMs: startMs + 10 * dayMs, untilMs: startMs + 11 * dayMs }
  await measure('total', () => summary(analytics, { groupBy: [] }))
  await measure('by version', () => summary(analytics, { groupBy: ['version'] }))
  await measure('by version and epoch', () => summary(analytics, { groupBy: ['version', 'epoch'] }))
  await measure('by version and hour', () => summary(analytics, { groupBy: ['version', 'hour'] }))
  await measure('by release and day', () => summary(analytics, { groupBy: ['release', 'day'] }))
  await measure('one day by version and hour', () => summary(analytics, { ...day, groupBy: ['version', 'hour'] }))
  await measure('off-policy, reward', () => offPolicy(analytics, { value: { kind: 'reward' } }))
  await measure('off-policy, correct, one release', () =>
    offPolicy(analytics, { value: { kind: 'correct' }, release: 'r2' }),
  )
}

async function summary(analytics: Analytics, query: Omit<SummaryQuery, 'endpoint'>): Promise<Analytics> {
  const answer = await analytics.summarise({ endpoint, ...query })
  const requests = answer.reduce((sum, row) => sum + row.requests, 0)
  console.log(`  ${answer.length} rows, ${requests.toLocaleString('en')} requests`)
  return analytics
}

async function offPolicy(analytics: Analytics, query: Omit<OffPolicyQuery, 'endpoint'>) {
  let groups = 0
  await analytics.offPolicyRows({ endpoint, ...query }, batch => {
    groups += batch.length
  })
  console.log(`  ${groups} groups`)
}

async function measure<T>(what: string, run: () => Promise<T>): Promise<T> {
  const startedMs = performance.now()
  const result = await run()
  console.log(`${what}: ${((performance.now() - startedMs) / 1000).toFixed(2)} s`)
  return result
}

/** Thirty days, four releases of five epochs each, a million units, one in ten to v2, one error in a hundred. */
async function fill(first: number, count: number) {
  const predictions = await openSqlitePredictionLog({ file: log, clock: systemClock })
  for (let start = first; start < first + count; start += batchRows) {
    const places = Array.from({ length: batchRows }, (_, index) => start + index)
    const packer = new PredictionPacker()
    for (const place of places) packer.add(prediction(place), readOf(place))
    await predictions.appendPredictions(packer.take())
    await predictions.appendOutcomes(places.map(outcome))
  }
  await predictions.close()
}

function prediction(index: number) {
  const epoch = 1 + Math.floor((index * 20) / rows)
  const [version, failed] = [index % 10 === 0 ? 'v2' : 'v1', index % 100 === 7]
  return {
    ...{ id: idOf(index), madeId: true, endpoint, epoch, release: `r${1 + Math.floor((epoch - 1) / 5)}` },
    ...{ unit: `user-${(index * 7919) % 1_000_003}`, assigned: version, version },
    ...{ propensity: version === 'v2' ? 0.1 : 0.9, pinned: false, status: failed ? 500 : 200, failed, payload: null },
    ...{ atMs: atMs(index), latencyMs: 2 + ((index * 104_729) % 10_007) / 200 },
  }
}

function readOf(index: number) {
  return { answer: [index % 10], scores: null, features: null }
}

function outcome(index: number): Outcome {
  const label = (index + (index % 20 === 3 ? 1 : 0)) % 10
  const value = { row: 0, label, reward: (index % 100) / 100, metrics: {}, atMs: atMs(index) + 60_000 }
  return { id: `f-${index.toString(16).padStart(22, '0')}`, prediction: idOf(index), ...value }
}

function atMs(index: number): number {
  return startMs + (index * 30 * dayMs) / rows
}

function refuseFullDisk() {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < rows * bytesPerRow * 2)
    throw new Error(`less than ${megabytes(rows * bytesPerRow * 2)} are free`)
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024).toLocaleString('en')} MB`
}

function delayMs(percentile: number): string {
  return (delay.percentile(percentile) / 1e6).toFixed(1)
}
