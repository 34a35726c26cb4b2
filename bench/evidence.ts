// What a tick costs, whatever lies behind it: the same evidence read and judged after few and after many predictions;
// and what unit-level metrics cost in memory and exactness.
// Run: node bench/evidence.ts [predictions: 100000000] [units: 10000000]
import { judge } from '../src/core/judge/judge.ts'
import type { MetricCheck } from '../src/core/metric-check.ts'
import type { MetricSpec } from '../src/core/metrics/spec.ts'
import type { Prediction } from '../src/core/prediction.ts'
import { type Accumulator, createAccumulator } from '../src/evidence/accumulator.ts'
import type { MetricDefinitions } from '../src/evidence/metric-book.ts'
import { UnitMetric } from '../src/evidence/unit-metric.ts'
import { aPrediction } from '../test/contract/samples.ts'
import { runningRelease } from '../test/support/evidence.ts'

const many = Number(process.argv[2] ?? 100_000_000)
const units = Number(process.argv[3] ?? 10_000_000)
const epochs = [2, 3, 4]

const slow: MetricSpec = { type: 'mean', of: { from: 'latency' } }
const definitions: MetricDefinitions = {
  labelWindowMs: 60_000,
  metrics: [{ name: 'slow', spec: slow, expression: null }],
}
const base = { margin: 0.01, alpha: 0.01, minEvents: 100 }
const guardrails: MetricCheck[] = [
  { ...base, metric: 'error-rate', measure: { kind: 'error-rate' } },
  { ...base, metric: 'latency-p99', measure: { kind: 'latency', quantile: 0.99 } },
  { ...base, metric: 'slow', measure: { kind: 'metric', spec: slow, scale: 'relative' } },
]
const release = runningRelease([1, 5, 25], { guardrails })

console.log('| predictions | added per second | tick, median | tick, p95 | heap |')
console.log('| ---: | ---: | ---: | ---: | ---: |')
for (const count of [10_000, many]) measureTick(count)
measureUnits()

function measureTick(count: number): void {
  const accumulator = createAccumulator({ definitions: () => definitions })
  const startedMs = performance.now()
  fill(accumulator, count)
  const perSecond = (count / (performance.now() - startedMs)) * 1_000
  const ticksMs = Array.from({ length: 300 }, () => {
    const tickMs = performance.now()
    judge(release, accumulator.read({ endpoint: 'digits', epochs }))
    return performance.now() - tickMs
  }).toSorted((a, b) => a - b)
  const at = (share: number) => `${(ticksMs[Math.floor(300 * share)] ?? 0).toFixed(2)} ms`
  console.log(
    `| ${count.toLocaleString('en')} | ${Math.round(perSecond).toLocaleString('en')} | ${at(0.5)} | ${at(0.95)} | ${megabytes(process.memoryUsage().heapUsed)} |`,
  )
}

/** One batch over and over, with the fields that evidence reads changed in place: making objects is not measured. */
function fill(accumulator: Accumulator, count: number): void {
  const size = 2_000
  const batch = Array.from(
    { length: size },
    () => aPrediction({ release: 'digits-1' }) as { -readonly [K in keyof Prediction]: Prediction[K] },
  )
  for (let start = 0; start < count; start += size) {
    for (const [index, prediction] of batch.entries()) {
      const number = start + index
      const version = number % 10 === 0 ? 'v2' : 'v1'
      prediction.epoch = epochs[Math.floor((number / count) * epochs.length)] ?? 2
      prediction.assigned = version
      prediction.version = version
      prediction.unit = `u${number % 100_000}`
      prediction.latencyMs = 1 + (number % 977) / 100
      prediction.status = number % 1_000 === 7 ? 500 : 200
      prediction.atMs = 1_700_000_000_000 + number
    }
    accumulator.add({ fresh: batch, joined: [] })
  }
}

function measureUnits(): void {
  const spec: MetricSpec = { type: 'mean', of: { from: 'reward' }, unitLevel: true }
  const metric = new UnitMetric(spec, 2_000_000)
  const before = memory()
  const startedMs = performance.now()
  for (let unit = 0; unit < units; unit += 1)
    metric.add({ epoch: 2, version: unit % 2 === 0 ? 'v1' : 'v2', unit: `user-${unit}` }, [(unit * 7919) % 101])
  const perSecond = (units / (performance.now() - startedMs)) * 1_000
  console.log(
    `\n${units.toLocaleString('en')} units: ${Math.round(perSecond).toLocaleString('en')} a second, ${megabytes(memory() - before)} more memory; ` +
      `evidence over ${(metric.share * 100).toFixed(2)} % of the units, standard errors ${Math.sqrt(1 / metric.share).toFixed(2)} times those of all`,
  )
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
