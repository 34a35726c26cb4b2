/**
 * What the way through the server costs an ONNX model, and what batches give. In interleaved rounds: the bare rate of
 * onnxruntime-node in one thread beside that of the same model behind `cutover serve` (keep-alive callers on loopback,
 * predictions recorded as by default); then a model alone and in batches at 32 callers. Prints medians of each round's ratios: of
 * rates, and of the CPU time that the busiest thread (the model's) takes for a request, which other work on the machine disturbs
 * less. Linux, since that is where the kernel tells the time of each thread.
 *
 *   npm run bench:onnx            ROUNDS=7 SECONDS=3 MAX_WAIT=0ms node bench/onnx.ts
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { perceptronModel } from '../test/fixtures/onnx-model.ts'
import { freePort } from '../test/support/free-port.ts'
import { median } from './median.ts'
import { load } from './onnx/callers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const seconds = Number(process.env['SECONDS'] ?? 3)
const maxWait = process.env['MAX_WAIT'] ?? '0ms'
/** Enough that the model's thread always has a request that waits. */
const fewCallers = 4
const manyCallers = 32

const image = Array.from({ length: 64 }, (_, index) => index % 17)

/** Perceptrons of so many layers, whose width is chosen so that a run takes about so long on this machine. */
const layers = 7
const wanted = { slow: 1, small: 0.2 } as const
const widths = [256, 320, 384, 448, 512, 640, 768, 896, 1_024, 1_152, 1_280, 1_408, 1_536, 1_792, 2_048]

/** The kernel counts the time of threads in these. */
const ticksPerSecond = 100

/** `threadMicros`: CPU of the busiest thread, by request. */
type Run = { perSecond: number; threadMicros: number }
type Contest = { name: string; contestants: readonly (() => Promise<Run>)[]; titles: readonly string[] }

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
  const models = {
    slow: await perceptronOf('slow', wanted.slow),
    small: await perceptronOf('small', wanted.small),
    digits: resolve(import.meta.dirname, '../examples/digits/models/v2.onnx'),
  }
  const [inference, control] = [await freePort(), await freePort()]
  const server = startServer({ models, inference, control })
  servers.push(server)
  for (const name of Object.keys(models)) {
    for (const way of ['alone', 'batched']) await answers(inference, `${name}-${way}`)
  }
  const over = (endpoint: string, callers: number) => async () => {
    const before = threadTicks(server.pid)
    const result = await load(inference, { request: requestTo(endpoint), callers, seconds })
    const busiest = Math.max(
      ...[...threadTicks(server.pid)].map(([thread, ticks]) => ticks - (before.get(thread) ?? 0)),
    )
    if (result.failed > 0) throw new Error(`${result.failed} requests to ${endpoint} failed`)
    return { perSecond: result.perSecond, threadMicros: (busiest * 1e6) / ticksPerSecond / result.requests }
  }
  const batchesOf = (model: keyof typeof models): Pick<Contest, 'titles' | 'contestants'> => ({
    titles: ['over HTTP, each alone', 'over HTTP, in batches'],
    contestants: [over(`${model}-alone`, manyCallers), over(`${model}-batched`, manyCallers)],
  })
  const batched = `${manyCallers} callers, batches of up to 32 (max-wait ${maxWait})`
  const digits = batchesOf('digits')
  const contests: Contest[] = [
    {
      name: `a model of about ${wanted.slow} ms, ${fewCallers} callers`,
      titles: ['onnxruntime-node, bare', 'over HTTP, each alone'],
      contestants: [await bare(models.slow), over('slow-alone', fewCallers)],
    },
    { name: `the same, ${batched}`, ...batchesOf('slow') },
    { name: `a model of about ${wanted.small} ms, ${batched}`, ...batchesOf('small') },
    {
      name: `digits, ${batched}`,
      titles: [...digits.titles, 'onnxruntime-node, bare'],
      contestants: [...digits.contestants, await bare(models.digits)],
    },
  ]
  for (const contest of contests) await run(contest)
}

type ServerJob = { models: Readonly<Record<string, string>>; inference: number; control: number }

function startServer(options: ServerJob): ChildProcess {
  const endpoints = Object.entries(options.models).flatMap(([name, model]) => [
    endpoint(`${name}-alone`, model),
    endpoint(`${name}-batched`, `{ model: ${model}, max-batch: 32, max-wait: ${maxWait} }`),
  ])
  const file = join(folder, 'bench.yaml')
  writeFileSync(file, endpoints.join('---\n'))
  const ports = ['--inference-port', String(options.inference), '--control-port', String(options.control)]
  const words = ['serve', '-c', file, '--data', join(folder, 'data'), ...ports, '--log-level', 'error']
  const launcher = resolve(import.meta.dirname, '../bin/cutover.js')
  return spawn(process.execPath, [launcher, ...words], { stdio: ['ignore', 'ignore', 'inherit'] })
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

/** The file of the narrowest one that takes long enough; of the widest if none does. */
async function perceptronOf(name: string, runMs: number): Promise<string> {
  const file = join(folder, `${name}.onnx`)
  let [width, tookMs] = [0, 0]
  for (width of widths) {
    writeFileSync(file, perceptronModel(width, layers))
    tookMs = await msOfRun(await runner(file))
    if (tookMs >= runMs) break
  }
  console.log(`the ${name} model: ${layers} layers of ${width} units, ${tookMs.toFixed(2)} ms a run`)
  return file
}

async function msOfRun(runOne: () => Promise<unknown>): Promise<number> {
  for (let warmUp = 0; warmUp < 50; warmUp += 1) await runOne()
  const startedMs = performance.now()
  const runs = 200
  for (let done = 0; done < runs; done += 1) await runOne()
  return (performance.now() - startedMs) / runs
}

/** Runs one row. */
async function runner(model: string): Promise<() => Promise<unknown>> {
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 4,
  })
  const feeds = { image: new Tensor('float32', Float32Array.from(image), [1, 64]) }
  return () => session.run(feeds)
}

/** Runs one row after another for the time of a round. */
async function bare(model: string): Promise<() => Promise<Run>> {
  const runOne = await runner(model)
  return async () => {
    const startedMs = performance.now()
    const before = process.threadCpuUsage()
    let runs = 0
    for (; performance.now() < startedMs + seconds * 1_000; runs += 1) await runOne()
    const { user, system } = process.threadCpuUsage(before)
    return { perSecond: (runs * 1_000) / (performance.now() - startedMs), threadMicros: (user + system) / runs }
  }
}

/** User and system time of each thread of a process. */
function threadTicks(pid = 0): Map<string, number> {
  return new Map(readdirSync(`/proc/${pid}/task`).map(thread => [thread, ticksOf(`/proc/${pid}/task/${thread}/stat`)]))
}

function ticksOf(path: string): number {
  try {
    const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  } catch {
    // A thread that has just ended.
    return 0
  }
}

async function run({ name, titles, contestants }: Contest): Promise<void> {
  const results: Run[][] = contestants.map(() => [])
  for (const contestant of contestants) await contestant()
  for (let round = 0; round < rounds; round += 1) {
    const order = [...contestants.entries()]
    for (const [at, contestant] of round % 2 === 0 ? order : order.toReversed()) results[at]?.push(await contestant())
  }
  console.log(`\n${name}; medians of ${rounds} interleaved rounds of ${seconds} s, ratios to the first`)
  for (const [at, title] of titles.entries()) {
    const told = (of: (run: Run) => number, digits: number) => {
      const values = (results[at] ?? []).map(of)
      const ratios = values.map((value, round) => value / of(results[0]?.[round] ?? { perSecond: 0, threadMicros: 0 }))
      return `${median(values).toFixed(digits).padStart(8)} (${median(ratios).toFixed(2)})`
    }
    const rate = told(one => one.perSecond, 0)
    console.log(`  ${title.padEnd(26)}${rate} a second${told(one => one.threadMicros, 1)} us of its thread`)
  }
}

async function answers(port: number, endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    try {
      if ((await fetch(`http://127.0.0.1:${port}/v2/models/${endpoint}/ready`)).status === 200) return
    } catch {
      // Not up yet.
    }
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error(`${endpoint} never became ready`)
}
