/**
 * A server under everything at once, for a long time: plain requests, uploads, streams, callers that leave, that
 * read slowly, that send what is no request, feedback; model servers that flap; an operator who never leaves it alone.
 * At the end it is reckoned up: memory, sockets, timers, records, counters. Ends with 1 if anything does not hold.
 *
 *   node bench/soak.ts [MINUTES [postgres] [words for serve …]]        (30 by default; Linux)
 *
 * With `postgres` the server keeps everything in one, which is started for it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import type { StorePlace } from '../src/adapters/stores/store-place.ts'
import { freePort } from '../test/support/free-port.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { until } from './gateway/processes.ts'
import { pause, type World } from './soak/ask.ts'
import { callAll } from './soak/callers.ts'
import { newLedger } from './soak/ledger.ts'
import { operate } from './soak/operator.ts'
import { answerLines, type Line, leftoverLines, line, memoryLine, recordLines } from './soak/reckoning.ts'
import { flap, startUpstream, type Upstream } from './soak/upstreams.ts'
import { connectionsTo, type Look, look, metricsOf } from './soak/watch.ts'

const minutes = Number(process.argv[2] ?? 30)
if (!(minutes > 0)) throw new Error(`MINUTES is a number above 0, not ${process.argv[2]}`)
const lookEveryMs = 2_000
/** After it idle connections to model servers have been closed, and the log has everything. */
const calmSeconds = 20
const stopWithinMs = 20_000

const database = process.argv[3] === 'postgres' ? await startPostgres() : null
const place: StorePlace | null =
  database === null ? null : { kind: 'postgres', url: await database.freshUrl(), term: 0 }
const words = process.argv.slice(database === null ? 3 : 4)

const folder = mkdtempSync(join(tmpdir(), 'cutover-soak-'))
const upstreams: readonly Upstream[] = await Promise.all(['v1', 'v1', 'v2', 'v2'].map(startUpstream))
try {
  const lines = await soak()
  for (const { what, holds, figures } of lines) console.log(`${wordOf(holds)}  ${what}: ${figures}`)
  process.exitCode = lines.some(({ holds }) => holds === false) ? 1 : 0
} finally {
  for (const one of upstreams) await one.close()
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
}

function wordOf(holds: boolean | null): string {
  return holds === null ? 'short' : holds ? 'PASS ' : 'FAIL '
}

async function soak(): Promise<Line[]> {
  const [inference, control] = [await freePort(), await freePort()]
  const child = startServer(inference, control)
  const server = { pid: child.pid ?? 0, control: `http://127.0.0.1:${control}` }
  try {
    await until('the server is ready', async () => (await fetch(`${server.control}/readyz`)).status === 200)
    await pause(3_000)
    const first = await look(server)
    const world = { port: inference, ledger: newLedger(), agent: new Agent({ keepAlive: true }) }
    const looks = await underLoad(world, server)
    world.agent.destroy()
    await pause(calmSeconds * 1_000)
    const [last, page] = [await look(server), await metricsOf(server.control)]
    const left = leftoverLines(first, last, page, connectionsTo(inference))
    const counted = {
      requests: page.sum('cutover_requests_total'),
      recorded: page.sum('cutover_predictions_recorded_total'),
    }
    child.kill('SIGTERM')
    const code = await Promise.race([
      once(child, 'exit').then(([found]) => found),
      pause(stopWithinMs).then(() => 'none'),
    ])
    const records = await recordLines(
      world.ledger,
      place ?? { kind: 'sqlite', file: join(folder, 'data/predictions.db') },
      counted,
    )
    const end = line('the server ends when it is told to', code === 0, `exit code ${code}`)
    return [memoryLine(looks), ...left, ...answerLines(world.ledger, page), ...records, end, complaints()]
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
}

async function underLoad(world: Omit<World, 'signal'>, server: { pid: number; control: string }): Promise<Look[]> {
  const { signal } = new AbortController()
  const over = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000)])
  const looks: Look[] = []
  const watching = (async () => {
    while (!over.aborted) {
      looks.push(await look(server))
      await pause(lookEveryMs)
    }
  })()
  const [operated, moods] = await Promise.all([
    operate(server.control, { endpoint: endpointOf, signal: over }),
    flap(upstreams, over),
    callAll({ ...world, signal: over }),
    watching,
  ])
  const { ledger } = world
  const told = (map: Map<string, number>) => [...map].toSorted().map(([key, times]) => `${key}: ${times}`)
  console.log(`answers by kind and status  ${told(ledger.statuses).join(', ')}`)
  console.log(`cut by model servers ${ledger.cut}, left by callers ${ledger.left}; moods  ${told(moods).join(', ')}`)
  console.log(
    `operator: ${operated.swaps} done, ${operated.refusals} refused; releases  ${told(operated.endings).join(', ')}\n`,
  )
  return looks
}

function startServer(inference: number, control: number) {
  const file = join(folder, 'soak.yaml')
  writeFileSync(file, stringify(endpointOf({ stable: 'v1', samplePercent: 1 })))
  const all = [
    ...['serve', '-c', file, '--data', join(folder, 'data'), '--log-level', 'error'],
    ...['--inference-port', String(inference), '--control-port', String(control)],
    ...(place?.kind === 'postgres' ? ['--database', place.url] : []),
    ...words,
  ]
  const launcher = resolve(import.meta.dirname, '../bin/cutover.js')
  const child = spawn(process.execPath, [launcher, ...all], { stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr.on('data', chunk => writeFileSync(join(folder, 'stderr.log'), chunk, { flag: 'a' }))
  return child
}

function endpointOf({ stable, samplePercent }: { stable: string; samplePercent: number }): object {
  const of = (version: string) => ({
    url: upstreams.filter(one => one.version === version).map(({ url }) => url),
    ready: { path: '/ready' },
  })
  return {
    kind: 'Endpoint',
    name: 'soak',
    protocol: 'http',
    unit: { header: 'x-user-id' },
    stable,
    versions: { v1: of('v1'), v2: of('v2') },
    prediction: { output: '/label' },
    metrics: { accuracy: { type: 'accuracy' } },
    timeouts: { connect: '1s', 'first-byte': '10s', idle: '10s' },
    'payload-sample': `${samplePercent}%`,
  }
}

/** Errors are logged where something failed that should not. */
function complaints(): Line {
  const logged = readFileSync(join(folder, 'stderr.log'), 'utf8')
  const errors = logged.split('\n').filter(text => text.includes('"level":50') || text.includes('"level":60'))
  return line(
    'no error was logged',
    errors.length === 0,
    errors.length === 0 ? 'none' : `${errors.length}, the first: ${errors[0]}`,
  )
}
