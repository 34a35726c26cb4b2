// How long questions over a large prediction log take: copying the log for the first time, each question, what they need of
// memory and how long the caller's thread is held up; and the same aggregate asked of SQLite itself.
// Run: node bench/analytics.ts [rows]: a prediction and an outcome each, about 350 bytes of disk in a folder that is removed.
import { mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { openDuckdbAnalytics } from '../src/adapters/analytics/duckdb.ts'
import { systemClock } from '../src/adapters/clock/system.ts'
import { predictionLogMigrations } from '../src/adapters/prediction-log/migrations.ts'
import { openDatabase } from '../src/adapters/sqlite/open-database.ts'
import { inTransaction } from '../src/adapters/sqlite/transaction.ts'
import type { Analytics, OffPolicyQuery, SummaryQuery } from '../src/ports/analytics.ts'

const rows = Number(process.argv[2] ?? 10_000_000)
const rowsPerTransaction = 250_000
const bytesPerRow = 500
const startMs = Date.UTC(2026, 0, 1)
const dayMs = 24 * 3_600_000
const endpoint = 'digits'

/** Thirty days, four releases of five epochs each, a million units, one in ten to v2, one error in a hundred. */
const numbersSql =
  'WITH RECURSIVE numbers (i) AS (SELECT CAST(? AS INTEGER) UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < ?)'
/** Of 21 epochs, since one more begins with what is filled in later. */
const kindsSql = `
  WITH RECURSIVE epochs (e) AS (SELECT 1 UNION ALL SELECT e + 1 FROM epochs WHERE e < 21), two (n) AS (VALUES (0), (1))
  INSERT OR IGNORE INTO kinds (kind, endpoint, epoch, release, assigned, version, propensity, pinned, by_context, status, failed)
  SELECT 4 * e + 2 * v.n + f.n, '${endpoint}', e, 'r' || (1 + (e - 1) / 5), iif(v.n, 'v2', 'v1'), iif(v.n, 'v2', 'v1'),
    iif(v.n, 0.1, 0.9), 0, 0, iif(f.n, 500, 200), f.n FROM epochs, two v, two f`
const predictionsSql = `${numbersSql}
  INSERT INTO predictions (seq, id, kind, unit, at_ms, latency_ms, answer) SELECT 2 * i + 1, 'dGhlIHByZWZp.' || printf('%08x', i),
    4 * (1 + i * 20 / ${rows}) + 2 * (i % 10 = 0) + (i % 100 = 7), 'user-' || (i * 7919 % 1000003),
    ${startMs}.0 + i * ${(30 * dayMs) / rows}, 2 + (i * 104729 % 10007) / 200.0, '[' || (i % 10) || ']' FROM numbers`
const outcomesSql = `${numbersSql}
  INSERT INTO outcomes SELECT 2 * i + 2, 'f-' || printf('%022x', i), 2 * i + 1, 0, (i + (i % 20 = 3)) % 10, i % 100 / 100.0,
    '{}', ${startMs}.0 + i * ${(30 * dayMs) / rows} + 60000, NULL FROM numbers`

const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
const [log, file] = [join(folder, 'predictions.db'), join(folder, 'analytics.duckdb')]
const delay = monitorEventLoopDelay({ resolution: 1 })
try {
  refuseFullDisk()
  await measure(`fill with ${rows.toLocaleString('en')} predictions and outcomes`, async () => fill(0, rows))
  console.log(`log: ${megabytes(statSync(log).size)}; resident before copying: ${megabytes(process.memoryUsage.rss())}`)
  const analytics = await measure('open', () => openDuckdbAnalytics({ log, file, clock: systemClock }))
  delay.enable()
  await measure('first question, copying all', () => summary(analytics, { groupBy: ['version'] }))
  await questions(analytics)
  delay.disable()
  fill(rows, 10_000)
  delay.enable()
  await measure('after 10,000 more predictions and outcomes', () => summary(analytics, { groupBy: ['version'] }))
  delay.disable()
  await analytics.close()
  console.log(`caller's thread: delay p50 ${delayMs(50)}, p99 ${delayMs(99)}, most ${delayMs(100)} ms (timer of 1 ms)`)
  console.log(
    `copy: ${megabytes(statSync(file).size)}; most resident: ${megabytes(process.resourceUsage().maxRSS * 1024)}`,
  )
  await measure('the same by version in SQLite', async () => sqliteByVersion())
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

/** Straight into the tables: a minute instead of five. Ids are in order, as the gateway makes them. */
function fill(first: number, count: number) {
  const database = openDatabase({ file: log, migrations: predictionLogMigrations, cacheBytes: 64 * 1024 * 1024 })
  database.exec('PRAGMA synchronous = OFF')
  database.exec(kindsSql)
  const statements = [predictionsSql, outcomesSql].map(sql => database.prepare(sql))
  for (let start = first; start < first + count; start += rowsPerTransaction) {
    const end = Math.min(start + rowsPerTransaction, first + count)
    inTransaction(database, () => {
      for (const statement of statements) statement.run(start, end)
    })
  }
  database.exec('UPDATE indexed_outcomes SET up_to_seq = (SELECT max(seq) FROM outcomes)')
  database.close()
}

function sqliteByVersion() {
  const database = new DatabaseSync(log, { readOnly: true })
  database
    .prepare(
      `SELECT k.assigned, count(*), sum(k.failed OR k.status >= 400), count(DISTINCT p.unit), min(p.at_ms), max(p.at_ms)
       FROM predictions p JOIN kinds k ON k.kind = p.kind WHERE k.endpoint = ? GROUP BY k.assigned`,
    )
    .all(endpoint)
  database
    .prepare(
      `SELECT k.assigned, count(o.label), sum(p.answer -> o.row <> o.label), count(o.reward), sum(o.reward)
       FROM outcomes o CROSS JOIN predictions p ON p.seq = o.prediction_seq JOIN kinds k ON k.kind = p.kind
       WHERE k.endpoint = ? GROUP BY k.assigned`,
    )
    .all(endpoint)
  database.close()
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
