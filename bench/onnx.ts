/**
 * What the way through the server costs an ONNX model, and what batches give. In interleaved rounds: the bare rate of
 * onnxruntime-node in one thread beside that of the same model behind `cutover serve` (keep-alive callers on loopback,
 * predictions recorded as by default); then a model alone and in batches at 32 callers. Prints ratios of each round.
 *
 *   npm run bench:onnx            ROUNDS=7 SECONDS=3 MAX_WAIT=0ms node bench/onnx.ts
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { perceptronModel } from '../test/fixtures/onnx-model.ts'
import { freePort } from '../test/support/free-port.ts'
import { load } from './onnx/callers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const seconds = Number(process.env['SECONDS'] ?? 3)
const maxWait = process.env['MAX_WAIT'] ?? '0ms'
/** Enough that the model's thread always has a request that waits. */
const fewCallers = 4
const manyCallers = 32

const image = Array.from({ length: 64 }, (_, index) => index % 17)

type Contest = { name: string; contestants: readonly (() => Promise<number>)[]; titles: readonly string[] }

const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
const servers: ChildProcess[] = []
try {
  await main()
} finally {
  for (const server of servers) {
    server.kill('SIGTERM')
    if (server.exitCode === null) await new Promise(done => server.once('exit', done))
  }
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const slow = join(folder, 'slow.onnx')
  writeFileSync(slow, perceptronModel(1_024, 7))
  const small = resolve(import.meta.dirname, '../examples/digits/models/v2.onnx')
  const [inference, control] = [await freePort(), await freePort()]
  servers.push(startServer({ slow, small, inference, control }))
  await answers(inference, 'small-alone')
  const [bareSlow, bareSmall] = [await bare(slow), await bare(small)]
  const over = (endpoint: string, callers: number) => async () => {
    const result = await load(inference, { request: requestTo(endpoint), callers, seconds })
    if (result.failed > 0) throw new Error(`${result.failed} requests to ${endpoint} failed`)
    return result.perSecond
  }
  const contests: Contest[] = [
    {
      name: `a model of about 1 ms, ${fewCallers} callers`,
      titles: ['onnxruntime-node, bare', 'over HTTP, each alone'],
      contestants: [bareSlow, over('slow-alone', fewCallers)],
    },
    {
      name: `the same, ${manyCallers} callers, batches of up to 32 (max-wait ${maxWait})`,
      titles: ['over HTTP, each alone', 'over HTTP, in batches'],
      contestants: [over('slow-alone', manyCallers), over('slow-batched', manyCallers)],
    },
    {
      name: `digits (${manyCallers} callers)`,
      titles: ['over HTTP, each alone', 'over HTTP, in batches', 'onnxruntime-node, bare'],
      contestants: [over('small-alone', manyCallers), over('small-batched', manyCallers), bareSmall],
    },
  ]
  for (const contest of contests) await run(contest)
}

function startServer(options: { slow: string; small: string; inference: number; control: number }): ChildProcess {
  const endpoints = [options.slow, options.small].flatMap((model, at) => {
    const name = at === 0 ? 'slow' : 'small'
    return [
      endpoint(`${name}-alone`, model),
      endpoint(`${name}-batched`, `{ model: ${model}, max-batch: 32, max-wait: ${maxWait} }`),
    ]
  })
  const file = join(folder, 'bench.yaml')
  writeFileSync(file, endpoints.join('---\n'))
  const ports = ['--inference-port', String(options.inference), '--control-port', String(options.control)]
  const words = ['serve', '-c', file, '--data', join(folder, 'data'), ...ports, '--log-level', 'error']
  const launcher = resolve(import.meta.dirname, '../bin/cutover.js')
  return spawn(process.execPath, [launcher, ...words], { stdio: ['ignore', 'ignore', 'ignore'] })
}

function endpoint(name: string, onnx: string): string {
  return `kind: Endpoint
name: ${name}
stable: v1
versions: { v1: { onnx: ${onnx} } }
prediction: { output: probabilities, read: argmax }
`
}

function requestTo(endpoint: string): string {
  const body = JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: image }] })
  const head = [`POST /v2/models/${endpoint}/infer HTTP/1.1`, 'host: bench', 'content-type: application/json']
  return `${head.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

/** Runs one row after another for the time of a round. */
async function bare(model: string): Promise<() => Promise<number>> {
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 4,
  })
  const feeds = { image: new Tensor('float32', Float32Array.from(image), [1, 64]) }
  return async () => {
    const startedMs = performance.now()
    let runs = 0
    for (; performance.now() < startedMs + seconds * 1_000; runs += 1) await session.run(feeds)
    return (runs * 1_000) / (performance.now() - startedMs)
  }
}

async function run({ name, titles, contestants }: Contest): Promise<void> {
  const results = contestants.map(() => [] as number[])
  for (const contestant of contestants) await contestant()
  for (let round = 0; round < rounds; round += 1) {
    const order = [...contestants.keys()]
    for (const at of round % 2 === 0 ? order : order.toReversed()) {
      results[at]?.push((await contestants[at]?.()) ?? Number.NaN)
    }
  }
  console.log(`\n${name}; medians of ${rounds} interleaved rounds of ${seconds} s`)
  for (const [at, title] of titles.entries()) {
    const ratios = (results[at] ?? []).map((value, round) => value / (results[0]?.[round] ?? Number.NaN))
    const [rate, ratio] = [median(results[at] ?? []), median(ratios)]
    console.log(`  ${title.padEnd(26)}${rate.toFixed(0).padStart(8)} a second${ratio.toFixed(2).padStart(8)}`)
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

async function answers(port: number, endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      if ((await fetch(`http://127.0.0.1:${port}/v2/models/${endpoint}/ready`)).status === 200) return
    } catch {
      // Not up yet.
    }
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error(`${endpoint} never became ready`)
}
