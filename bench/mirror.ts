/**
 * What copies for challengers cost callers: throughput and CPU per request with a mirror of 0, 10 and 100 %, and latency at
 * a steady rate beside a challenger that answers, one that hangs and one that crashes. All in one interleaved run, the
 * gateway on one core, callers and model servers on the other; ratios are to be believed before figures.
 *
 *   node bench/mirror.ts [throughput|latency]            (ROUNDS=5 SECONDS=3 RATE=300; Linux, at least 2 cores)
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { median } from './median.ts'
import { type Ask, budget, runGateway, type Told } from './mirror/gateway.ts'
import { closedLoop, type Load, openLoop } from './mirror/load.ts'
import { runUpstream, type UpstreamPorts } from './mirror/upstream.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const seconds = Number(process.env['SECONDS'] ?? 3)
const perSecond = Number(process.env['RATE'] ?? 300)
const callers = 64
const gatewayCore = '0'
const otherCore = '1'

type Case = { name: string; mirror: Ask['mirror']; run: (port: number) => Promise<Load> }
type Measured = Load & { cpuMicros: number; copied: number; dropped: number }

const saturated = (port: number) => closedLoop(port, { callers, seconds })
const steady = (port: number) => openLoop(port, { perSecond, seconds })

const throughputCases: readonly Case[] = [
  { name: 'no mirror', mirror: null, run: saturated },
  { name: 'mirror 10 %', mirror: { challenger: 'answers', fractionPpm: 100_000 }, run: saturated },
  { name: 'mirror 100 %', mirror: { challenger: 'answers', fractionPpm: 1_000_000 }, run: saturated },
]
const latencyCases: readonly Case[] = [
  { name: 'no mirror', mirror: null, run: steady },
  { name: 'challenger answers', mirror: { challenger: 'answers', fractionPpm: 1_000_000 }, run: steady },
  { name: 'challenger hangs', mirror: { challenger: 'hangs', fractionPpm: 1_000_000 }, run: steady },
  { name: 'challenger crashes', mirror: { challenger: 'crashes', fractionPpm: 1_000_000 }, run: steady },
]

async function main(only: string | undefined): Promise<void> {
  spawn('taskset', ['-cp', otherCore, String(process.pid)], { stdio: 'ignore' })
  const upstream = start(otherCore, 'upstream')
  const [ports] = (await once(upstream, 'message')) as [UpstreamPorts]
  const gateway = start(gatewayCore, 'gateway', JSON.stringify(ports))
  await once(gateway, 'message')
  try {
    if (only !== 'latency') print('throughput', await measureAll(gateway, throughputCases), throughputRows)
    if (only !== 'throughput')
      print(`latency at ${perSecond} requests a second`, await measureAll(gateway, latencyCases), latencyRows)
  } finally {
    for (const child of [gateway, upstream]) {
      child.disconnect()
      await once(child, 'exit')
    }
  }
}

function start(core: string, ...words: string[]): ChildProcess {
  const file = import.meta.filename
  return spawn('taskset', ['-c', core, process.execPath, file, ...words], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

async function measureAll(gateway: ChildProcess, cases: readonly Case[]): Promise<Map<string, Measured[]>> {
  const results = new Map<string, Measured[]>(cases.map(({ name }) => [name, []]))
  for (const one of cases) await measure(gateway, one)
  for (let round = 0; round < rounds; round += 1) {
    for (const one of round % 2 === 0 ? cases : cases.toReversed())
      results.get(one.name)?.push(await measure(gateway, one))
  }
  return results
}

async function measure(gateway: ChildProcess, { mirror, run }: Case): Promise<Measured> {
  const before = await tell(gateway, { mirror })
  const load = await run(before.port)
  // What is still on its way counts as well; a copy that hangs is over by then.
  await new Promise(done => setTimeout(done, budget.timeoutMs + 300))
  const after = await tell(gateway, { mirror: null })
  if (after.recordsDropped > before.recordsDropped) throw new Error('the recorder could not keep up')
  const [told, earlier] = [countsOf(after), countsOf(before)]
  return {
    ...load,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / load.requests,
    copied: (told.copied - earlier.copied) / load.requests,
    dropped: (told.dropped - earlier.dropped) / load.requests,
  }
}

async function tell(gateway: ChildProcess, ask: Ask): Promise<Told> {
  gateway.send(ask)
  const [told] = (await once(gateway, 'message')) as [Told]
  return told
}

function countsOf({ mirrors }: Told): { copied: number; dropped: number } {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    copied: sum(mirrors.map(({ answered, failed }) => answered + failed)),
    dropped: sum(mirrors.map(({ dropped }) => sum(Object.values(dropped)))),
  }
}

type Row = { title: string; of: (run: Measured) => number; digits: number; isRatio?: true }

const throughputRows: readonly Row[] = [
  { title: 'requests per second', of: run => run.requests / run.seconds, digits: 0, isRatio: true },
  { title: 'CPU per request, us', of: run => run.cpuMicros, digits: 0, isRatio: true },
  { title: 'copied, %', of: run => 100 * run.copied, digits: 1 },
  { title: 'dropped, %', of: run => 100 * run.dropped, digits: 1 },
  { title: 'failed requests', of: run => run.failed, digits: 0 },
]

const latencyRows: readonly Row[] = [
  { title: 'CPU per request, us', of: run => run.cpuMicros, digits: 0, isRatio: true },
  { title: 'p50, ms', of: run => run.p50Ms, digits: 2, isRatio: true },
  { title: 'p99, ms', of: run => run.p99Ms, digits: 2, isRatio: true },
  { title: 'copied, %', of: run => 100 * run.copied, digits: 1 },
  { title: 'dropped, %', of: run => 100 * run.dropped, digits: 1 },
  { title: 'failed requests', of: run => run.failed, digits: 0 },
]

/** Medians of the rounds; ratios are medians of each round's ratio to the first case. */
function print(title: string, results: ReadonlyMap<string, readonly Measured[]>, rows: readonly Row[]): void {
  const names = [...results.keys()]
  const baseline = results.get(names[0] ?? '') ?? []
  console.log(
    `\n${title}: medians of ${rounds} interleaved rounds of ${seconds} s, ${callers} callers, gateway on one core`,
  )
  console.log(`${''.padEnd(22)}${names.map(name => name.padStart(22)).join('')}`)
  for (const { title, of, digits, isRatio } of rows) {
    const cells = names.map(name => {
      const runs = results.get(name) ?? []
      const value = median(runs.map(of)).toFixed(digits)
      const ratio = median(runs.map((run, round) => of(run) / of(baseline[round] ?? run)))
      return (isRatio === true ? `${value} (${ratio.toFixed(2)})` : value).padStart(22)
    })
    console.log(`${title.padEnd(22)}${cells.join('')}`)
  }
}

const [role, given] = process.argv.slice(2)
if (role === 'upstream') await runUpstream()
else if (role === 'gateway') await runGateway(JSON.parse(given ?? '{}') as UpstreamPorts)
else await main(role)
