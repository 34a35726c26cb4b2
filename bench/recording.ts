// What recording one prediction costs in CPU, from `record` to the row on disk and the evidence, wired as in `src/main.ts` but without
// pairs with challengers and adjustment by features: of the gateway's thread, and of all others (the store's thread, the helpers of the
// garbage collector).
// Run: ROUNDS=5 node bench/recording.ts [predictions a case: 200000] [OTHER-CHECKOUT]: every measurement is a process of its own,
// in turns with those of another checkout, if there is one, such as the version before; told is the least of the rounds,
// since what else the machine does can only add to it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../src/adapters/clock/system.ts'
import { createExpressions } from '../src/adapters/expressions/cel.ts'
import { openSqlitePredictionLog } from '../src/adapters/prediction-log/sqlite.ts'
import { createRecorder, type RunningRecorder } from '../src/adapters/recorder/recorder.ts'
import type { AnswerRule, EndpointSpec } from '../src/core/endpoint.ts'
import { limits } from '../src/core/limits.ts'
import { createAccumulator } from '../src/evidence/accumulator.ts'
import { awaitedBy, createDelayBook } from '../src/evidence/delay-book.ts'
import { compileDefinitions } from '../src/evidence/metric-book.ts'
import { createWatchBook } from '../src/evidence/watch/watch-book.ts'
import { createIds } from '../src/gateway/ids.ts'
import type { RawPrediction } from '../src/ports/recorder.ts'

type Cpu = { mainMs: number; otherMs: number }

const cases = ['plain-stable', 'rule-stable', 'plain-release', 'rule-release'] as const
const rounds = Number(process.env['ROUNDS'] ?? 5)
const predictions = Number(process.argv[2] ?? 200_000)
const [wanted, checkout] = [process.env['CASE'], process.argv[3]]
/** What one turn of a busy gateway's loop brings. */
const perTurn = 50
const units = 10_000

type Measured = { main: number; other: number; bytes: number }

function printAll(): void {
  const scripts = [...(checkout === undefined ? [] : [join(checkout, 'bench/recording.ts')]), import.meta.filename]
  console.log('| case | checkout | main thread, µs | other threads, µs | together, µs | bytes on disk |')
  console.log('| --- | --- | ---: | ---: | ---: | ---: |')
  for (const name of cases) {
    const measured = scripts.map((): Measured[] => [])
    for (let round = 0; round < rounds; round += 1)
      for (const [index, script] of scripts.entries()) measured[index]?.push(measuredBy(script, name))
    for (const [index, all] of measured.entries()) {
      const least = all.reduce((best, one) => (one.main + one.other < best.main + best.other ? one : best))
      const numbers = [least.main, least.other, least.main + least.other].map(value => value.toFixed(2))
      console.log(`| ${name} | ${scripts[index]} | ${numbers.join(' | ')} | ${least.bytes.toFixed(0)} |`)
    }
  }
}

function measuredBy(script: string, name: string): Measured {
  const { stdout } = spawnSync(process.execPath, [...process.execArgv, script, String(predictions)], {
    env: { ...process.env, CASE: name },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  return JSON.parse(stdout)
}

async function printCase(of: { hasRule: boolean; hasRelease: boolean }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
  try {
    const file = join(folder, 'predictions.db')
    const made = await measure(of, nothingRecorded)
    const log = await openSqlitePredictionLog({ file, clock: systemClock })
    const recorder = startRecorder(of, log)
    await drive(recorder, of, { from: 0, count: predictions / 4 })
    const cpu = await measure(of, recorder)
    const { recorded } = recorder.stats()
    await recorder.close()
    await log.close()
    if (recorded !== 1.25 * predictions) throw new Error(`${recorded} were recorded of ${1.25 * predictions}`)
    const [main, other] = [cpu.mainMs - made.mainMs, cpu.otherMs - made.otherMs].map(ms => (ms * 1_000) / predictions)
    console.log(JSON.stringify({ main, other, bytes: statSync(file).size / recorded }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Making the predictions costs something too: this is how much. */
const nothingRecorded: Pick<RunningRecorder, 'record' | 'stats'> = {
  record: () => {},
  stats: () => ({ recorded: 0, dropped: 0, queued: 0, featuresMalformed: 0 }),
}

async function measure(
  of: { hasRule: boolean; hasRelease: boolean },
  recorder: Pick<RunningRecorder, 'record' | 'stats'>,
): Promise<Cpu> {
  const [before, mainBefore] = [process.cpuUsage(), process.threadCpuUsage()]
  await drive(recorder, of, { from: predictions, count: predictions })
  const [all, main] = [process.cpuUsage(before), process.threadCpuUsage(mainBefore)]
  const mainMs = (main.user + main.system) / 1_000
  return { mainMs, otherMs: (all.user + all.system) / 1_000 - mainMs }
}

/** In turns, as a gateway does; what is queued never comes near to its bound. */
async function drive(
  recorder: Pick<RunningRecorder, 'record' | 'stats'>,
  of: { hasRule: boolean; hasRelease: boolean },
  { from, count }: { from: number; count: number },
): Promise<void> {
  for (let start = from; start < from + count; start += perTurn) {
    for (let index = start; index < start + perTurn; index += 1) recorder.record(prediction(index, of))
    await nextTurn()
    while (recorder.stats().queued > 4 * limits.recorderBatchMax) await sleep(5)
  }
  while (recorder.stats().queued > 0) await sleep(10)
}

const ids = createIds(systemClock.nowMs())
const rule: AnswerRule = { output: '/label', read: 'value' }
const body = Buffer.from(
  JSON.stringify({ label: 7, model: 'digits', scores: Array.from({ length: 10 }, (_, at) => (at + 0.123456789) / 55) }),
)
const answerBytes = Buffer.concat([body, Buffer.alloc(300 - body.length, ' ')])

function prediction(index: number, { hasRule, hasRelease }: { hasRule: boolean; hasRelease: boolean }): RawPrediction {
  const version = hasRelease && index % 10 === 0 ? 'v2' : 'v1'
  return {
    id: ids(),
    madeId: true,
    endpoint: 'digits',
    epoch: 1,
    release: hasRelease ? 'digits-1' : null,
    unit: `user-${index % units}`,
    assigned: version,
    version,
    propensity: hasRelease ? (version === 'v2' ? 0.1 : 0.9) : 1,
    pinned: false,
    atMs: 1_700_000_000_000 + Math.floor(index / 10),
    latencyMs: 3.25 + (index % 100) / 7,
    status: 200,
    failed: false,
    payload: null,
    raw: hasRule ? { body: Buffer.from(answerBytes), contentType: 'application/json', rule, protocol: 'http' } : null,
  }
}

function startRecorder(
  { hasRule }: { hasRule: boolean },
  log: Awaited<ReturnType<typeof openSqlitePredictionLog>>,
): RunningRecorder {
  const spec = endpoint(hasRule)
  const definitions = compileDefinitions(spec, createExpressions())
  const books = [
    createAccumulator({
      definitions: name => (name === spec.name ? definitions : null),
      learnedWindowMs: () => null,
      pairing: () => null,
      regression: () => null,
    }),
    createWatchBook({ watched: () => null }),
    createDelayBook({ awaited: awaitedBy(name => (name === spec.name ? spec : undefined)) }),
  ]
  return createRecorder({
    log,
    clock: systemClock,
    onCommitted: batch => {
      for (const book of books) book.add(batch)
    },
    flushMs: limits.recorderFlushMs,
    batchMax: limits.recorderBatchMax,
    queueMax: limits.recorderQueueMax,
  })
}

function endpoint(hasRule: boolean): EndpointSpec {
  return {
    name: 'digits',
    protocol: 'http',
    unit: { from: 'header', name: 'x-user' },
    stable: 'v1',
    versions: {},
    allowPin: false,
    answer: hasRule ? rule : null,
    metrics: { accuracy: { type: 'accuracy' } },
    timeouts: { connectMs: 1_000, firstByteMs: 10_000, idleMs: 10_000 },
    bodyBytesMax: 1_000_000,
    payloadSamplePpm: 0,
  } as EndpointSpec
}

if (wanted === undefined) printAll()
else await printCase({ hasRule: wanted.startsWith('rule'), hasRelease: wanted.endsWith('release') })
