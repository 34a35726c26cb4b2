// How many predictions and outcomes a second the embedded store takes, or a PostgreSQL on the same machine, each batch on the disk before the next is sent,
// and how long the gateway's thread is held up by handing a batch over.
// Run: node bench/prediction-log.ts [rows] [ordered|random] [postgres]: ids as the gateway makes them, or as callers may.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/adapters/clock/system.ts'
import { PredictionPacker } from '../src/adapters/packed-predictions/packer.ts'
import { setUpLease, takeLease } from '../src/adapters/postgres/lease.ts'
import { openSqlPredictionLog } from '../src/adapters/prediction-log/sql.ts'
import { openSqlitePredictionLog } from '../src/adapters/prediction-log/sqlite.ts'
import { connectBriefly } from '../src/adapters/stores/store-place.ts'
import type { Outcome, Prediction } from '../src/core/prediction.ts'
import type { PredictionLog } from '../src/ports/prediction-log.ts'
import { startPostgres, type TestPostgres } from '../test/support/postgres.ts'

const batchRows = 2_000
const all = Number(process.argv[2] ?? 400_000)
const idOf = process.argv[3] === 'random' ? randomId : orderedId
const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
const file = join(folder, 'predictions.db')
const server = process.argv[4] === 'postgres' ? await startPostgres() : null
try {
  const log = server === null ? await openSqlitePredictionLog({ file, clock: systemClock }) : await openOn(server)
  await measureAppends('predictions', prediction, batch => log.appendPredictions(packed(batch)))
  await measureAppends('outcomes, joined', outcome, batch => log.appendOutcomes(batch))
  await measureAppends(
    'outcomes of predictions all over the log',
    scattered,
    batch => log.appendOutcomes(batch),
    40_000,
  )
  await measureReplay(log)
  await measureSingleOutcomes(log)
  await log.close()
  if (server === null)
    console.log(`file: ${(statSync(file).size / all).toFixed(0)} bytes per prediction with its outcome`)
} finally {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function openOn(server: TestPostgres): Promise<PredictionLog> {
  const url = await server.freshUrl()
  const connection = connectBriefly(url)
  setUpLease(connection)
  const term = takeLease(connection, { name: 'bench', owner: null }) ?? 0
  connection.close()
  return openSqlPredictionLog({ place: { kind: 'postgres', url, term }, clock: systemClock })
}

async function measureAppends<T>(
  what: string,
  make: (index: number) => T,
  append: (batch: T[]) => Promise<unknown>,
  rows = all,
) {
  let appendMs = 0
  let handOverMs = 0
  for (let start = 0; start < rows; start += batchRows) {
    const batch = Array.from({ length: batchRows }, (_, index) => make(start + index))
    const startedMs = performance.now()
    const done = append(batch)
    handOverMs += performance.now() - startedMs
    await done
    appendMs += performance.now() - startedMs
  }
  const perBatchMs = (handOverMs / rows) * batchRows
  console.log(
    `${what}: ${perSecond(rows, appendMs)}; ${perBatchMs.toFixed(2)} ms of the caller's thread per ${batchRows}`,
  )
}

async function measureReplay(log: PredictionLog) {
  let replayed = 0
  const startedMs = performance.now()
  await log.replay({ tails: [{ endpoint: 'digits', fromEpoch: 1 }] }, ({ predictions, joined }) => {
    replayed += predictions.length + joined.length
  })
  console.log(`replay: ${perSecond(replayed, performance.now() - startedMs)}`)
}

async function measureSingleOutcomes(log: PredictionLog) {
  const durationsMs: number[] = []
  for (let index = 0; index < 200; index += 1) {
    const startedMs = performance.now()
    await log.appendOutcomes([{ ...outcome(index), id: `single-${index}` }])
    durationsMs.push(performance.now() - startedMs)
  }
  durationsMs.sort((a, b) => a - b)
  console.log(`one outcome alone: median ${durationsMs[100]?.toFixed(2)} ms, p99 ${durationsMs[198]?.toFixed(2)} ms`)
}

function perSecond(count: number, durationMs: number): string {
  return `${Math.round((count / durationMs) * 1000).toLocaleString('en')} rows/s (${count.toLocaleString('en')} rows)`
}

function packed(batch: readonly Prediction[]): ArrayBuffer {
  const packer = new PredictionPacker()
  for (const one of batch) packer.add({ ...one, madeId: idOf === orderedId }, one)
  return packer.take()
}

function prediction(index: number): Prediction {
  const version = index % 10 === 0 ? 'v2' : 'v1'
  return {
    id: idOf(index),
    endpoint: 'digits',
    epoch: 1 + Math.floor(index / 50_000),
    release: 'digits-1',
    unit: `user-${index % 10_000}`,
    assigned: version,
    version,
    propensity: 0.9,
    pinned: false,
    atMs: 1_700_000_000_000 + index,
    latencyMs: 3.25 + (index % 100) / 7,
    status: 200,
    failed: false,
    answer: [index % 10],
    scores: null,
    features: null,
    payload: null,
  }
}

function outcome(index: number): Outcome {
  const atMs = 1_700_000_100_000 + index
  return {
    id: `f-${randomId(index)}`,
    prediction: idOf(index),
    row: 0,
    label: index % 10,
    reward: null,
    metrics: {},
    atMs,
  }
}

function scattered(index: number): Outcome {
  const place = Math.imul(index, 0x9e3779b1) >>> 0
  return { ...outcome(index), id: `late-${index}`, prediction: idOf(place % all) }
}

/** What a process shares, and a counter. */
function orderedId(index: number): string {
  return `dGhlIHByZWZpe.${(36 ** 5 + index).toString(36)}`
}

/** Spread over the whole index, the hardest case: nearly every row dirties a page of its own. */
function randomId(index: number): string {
  const high = (Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
  return `${high}-${index.toString(16).padStart(24, '0')}`
}
