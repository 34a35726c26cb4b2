/**
 * A server under everything at once, for a long time: plain requests, uploads, streams, callers that leave, that
 * read slowly, that send what is no request, feedback; model servers that flap; an operator who never leaves it alone.
 * At the end it is reckoned up: memory, sockets, timers, records, counters. Ends with 1 if anything does not hold.
 *
 *   node bench/soak.ts [MINUTES [postgres [SERVERS [changing]]] [words for serve …]]        (30 by default; Linux)
 *
 * With `postgres` everything is kept in one, which is started for it, by one server or several that all answer callers.
 * `changing` has one of them end after the other, and start again.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { StorePlace } from '../src/adapters/stores/store-place.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { pause, type World } from './soak/ask.ts'
import { callAll } from './soak/callers.ts'
import { newLedger } from './soak/ledger.ts'
import { operate } from './soak/operator.ts'
import { answerLines, type Line, leftoverLines, line, memoryLine, recordLines, socketsLine } from './soak/reckoning.ts'
import { type SoakServer, soakServer } from './soak/servers.ts'
import { flap, startUpstream, type Upstream } from './soak/upstreams.ts'
import { connectionsTo, type Look, look, type MetricsPage, metricsOf } from './soak/watch.ts'

const [minutesWord, ...rest] = process.argv.slice(2)
const minutes = Number(minutesWord ?? 30)
if (!(minutes > 0)) throw new Error(`MINUTES is a number above 0, not ${minutesWord}`)
const hasDatabase = rest[0] === 'postgres'
const serverCount = hasDatabase && /^\d+$/.test(rest[1] ?? '') ? Number(rest[1]) : 1
const isChanging = serverCount > 1 && rest[2] === 'changing'
const words = rest.slice((hasDatabase ? 1 : 0) + (serverCount > 1 ? 1 : 0) + (isChanging ? 1 : 0))
const lookEveryMs = 2_000
/** After it idle connections to model servers have been closed, and the log has everything. */
const calmSeconds = 20
/** For long enough that all of them serve in between. */
const changeEveryMs = 45_000

const database = hasDatabase ? await startPostgres() : null
const folder = mkdtempSync(join(tmpdir(), 'cutover-soak-'))
const place: StorePlace =
  database === null
    ? { kind: 'sqlite', file: join(folder, 'server-1/data/predictions.db') }
    : { kind: 'postgres', url: await database.freshUrl(), term: 0 }
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
  const servers = await startServers()
  try {
    await pause(3_000)
    const first = await Promise.all(servers.map(look))
    const ports = servers.map(({ port }) => port)
    const world = { ports, mayBeGone: isChanging, ledger: newLedger(), agent: new Agent({ keepAlive: true }) }
    const looks = await underLoad(world, servers)
    world.agent.destroy()
    await pause(calmSeconds * 1_000)
    const last = await Promise.all(servers.map(look))
    const page = await metricsOf(servers[0]?.control ?? '')
    const counted = {
      requests: page.sum('cutover_requests_total'),
      recorded: page.sum('cutover_predictions_recorded_total'),
    }
    const connections = servers.reduce((sum, { port }) => sum + connectionsTo(port), 0)
    const codes: (number | null)[] = []
    // The one that decides at last: what the others have left goes to it.
    for (const one of servers.toReversed()) codes.push(await one.stop())
    // Processes that came later have counted from nothing.
    const kept = isChanging ? [] : countLines({ first, last, looks, page, connections })
    const records = await recordLines(world.ledger, place, isChanging ? null : counted)
    const end = line(
      'servers end when they are told to',
      codes.every(code => code === 0),
      `exit code ${codes.join(', ')}`,
    )
    return [...kept, ...answerLines(world.ledger, page), ...records, end, complaints(servers)]
  } finally {
    for (const one of servers) await one.kill()
  }
}

/** The first one decides. */
async function startServers(): Promise<SoakServer[]> {
  const file = join(folder, 'soak.yaml')
  writeFileSync(file, stringify(endpointOf({ stable: 'v1', samplePercent: 1 })))
  const all = [...(place.kind === 'postgres' ? ['--database', place.url] : []), ...words]
  const servers: SoakServer[] = []
  for (let number = 1; number <= serverCount; number += 1) {
    const server = await soakServer(`server-${number}`, folder, all)
    servers.push(server)
    // The others have it from the log, and so has whoever starts again.
    await server.start(number === 1 ? ['-c', file] : [])
  }
  return servers
}

type Counts = { first: Look[]; last: Look[]; looks: Look[][]; page: MetricsPage; connections: number }

function countLines({ first, last, looks, page, connections }: Counts): Line[] {
  return [
    ...looks.map((of, index) => memoryLine(of, `server ${index + 1}`)),
    ...first.map((look, index) => socketsLine(look, last[index] as Look, `server ${index + 1}`)),
    ...leftoverLines(first[0] as Look, last[0] as Look, page, connections),
  ]
}

async function underLoad(world: Omit<World, 'signal'>, servers: readonly SoakServer[]): Promise<Look[][]> {
  const over = AbortSignal.timeout(minutes * 60_000)
  const looks: Look[][] = servers.map(() => [])
  const watching = (async () => {
    while (!over.aborted) {
      if (!isChanging) for (const [index, server] of servers.entries()) looks[index]?.push(await look(server))
      await pause(lookEveryMs)
    }
  })()
  const [operated, moods, changes] = await Promise.all([
    operate(
      servers.map(({ control }) => control),
      { endpoint: endpointOf, signal: over },
    ),
    flap(upstreams, over),
    isChanging ? change(servers, over) : 0,
    callAll({ ...world, signal: over }),
    watching,
  ])
  const { ledger } = world
  const told = (map: Map<string, number>) => [...map].toSorted().map(([key, times]) => `${key}: ${times}`)
  console.log(`answers by kind and status  ${told(ledger.statuses).join(', ')}`)
  console.log(`cut by model servers ${ledger.cut}, left by callers ${ledger.left}; moods  ${told(moods).join(', ')}`)
  console.log(
    `operator: ${operated.swaps} done, ${operated.refusals} refused; releases  ${told(operated.endings).join(', ')}; servers told to end ${changes}\n`,
  )
  return looks
}

/** One after the other is told to end, and started again once the next one has followed it. */
async function change(servers: readonly SoakServer[], signal: AbortSignal): Promise<number> {
  let changes = 0
  for (;;) {
    await pause(changeEveryMs)
    if (signal.aborted) return changes
    const server = servers[changes % servers.length] as SoakServer
    const code = await server.stop()
    if (code !== 0) throw new Error(`${server.name} ended with ${code}`)
    await server.start()
    changes += 1
  }
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
function complaints(servers: readonly SoakServer[]): Line {
  const errors = servers.flatMap(server => server.errors())
  return line(
    'no error was logged',
    errors.length === 0,
    errors.length === 0 ? 'none' : `${errors.length}, the first: ${errors[0]}`,
  )
}
