/** What waiting the gateway adds at half of the load that saturates the slower contestant. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Contestant, oneAtATime, urlOf } from '../contestant.ts'
import { startCutover } from '../cutover.ts'
import { startProxy, startUpstream } from '../nginx.ts'
import type { OpenLoopJob, OpenLoopRun } from '../open-loop.ts'
import { settled } from '../proc.ts'
import { type Place, withPlace } from '../processes.ts'
import { runRole } from '../role.ts'
import { settings } from '../settings.ts'
import { rowsOf } from '../table.ts'
import { runWrk } from '../wrk.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds, connections } = settings
const slowMs = 20

type Run = OpenLoopRun & { longestPauseMs: number; slowPauses: number }

export const latency: Scenario = {
  what: 'latency at a fixed rate: half of what the slowest one can do',
  run: () =>
    withPlace(async place => {
      const upstream = await startUpstream(place)
      const gateways = [
        await startProxy(place, { upstream: upstream.port, release: true }),
        await startCutover(place, { upstream: upstream.port, release: true, gcTrace: 'gc.log' }),
        await startCutover(place, { upstream: upstream.port, release: true, pipelining: 16, gcTrace: 'gc-16.log' }),
      ]
      const perSecond = settings.perSecond ?? (await halfOfTheLeast(place, gateways))
      const contestants = [...gateways, directTo(upstream.port)]
      const run = (one: Contestant) => steadyRun(place, one, perSecond)
      for (const one of contestants) await run(one)
      const runs = await oneAtATime(contestants, { rounds, run })
      const rows = rowsOf(runs, latencyRows)
      const notes = [
        `${rounds} interleaved rounds of ${seconds} s, ${connections} connections; the job is the release job without a mirror.`,
        'Latency from when a request was due. What a gateway adds is its figure less that of the model server alone. Pauses are those of the collector on the main thread.',
      ]
      const title = `Latency at ${Math.round(perSecond).toLocaleString('en')} requests a second`
      return [{ title, notes, columns: contestants.map(({ name }) => name), rows }]
    }),
}

const latencyRows = [
  { title: 'p50, ms', digits: 2, of: (run: Run) => run.p50Ms, ratio: true },
  { title: 'p99, ms', digits: 2, of: (run: Run) => run.p99Ms, ratio: true },
  { title: 'p99.9, ms', digits: 2, of: (run: Run) => run.p999Ms, ratio: true },
  { title: 'longest, ms', digits: 1, of: (run: Run) => run.maxMs },
  { title: `answers over ${slowMs} ms`, digits: 0, of: (run: Run) => run.over20Ms },
  { title: 'longest collector pause, ms', digits: 1, of: (run: Run) => run.longestPauseMs },
  { title: `collector pauses over ${slowMs} ms`, digits: 0, of: (run: Run) => run.slowPauses },
  { title: 'answers a second', digits: 0, of: (run: Run) => run.perSecond },
  { title: 'failed requests', digits: 0, of: (run: Run) => run.failed + run.unanswered },
] as const

async function halfOfTheLeast(place: Place, contestants: readonly Contestant[]): Promise<number> {
  const rates: number[] = []
  for (const one of contestants) {
    await runWrk(place, urlOf(one), { seconds: Math.min(3, seconds) })
    const { requests, seconds: took } = await runWrk(place, urlOf(one), { seconds })
    await settled(one.pids)
    rates.push(requests / took)
  }
  return Math.floor(Math.min(...rates) / 2)
}

async function steadyRun(place: Place, one: Contestant, perSecond: number): Promise<Run> {
  await settled(one.pids)
  const port = Number(new URL(one.origin).port)
  const job: OpenLoopJob = { port, path: `${one.path}/predict`, perSecond, seconds, connections }
  const { gcTrace } = one
  const before = gcTrace === undefined ? 0 : pausesMs(place, gcTrace).length
  const run = await runRole('open-loop', job)
  if (gcTrace === undefined) return { ...run, longestPauseMs: Number.NaN, slowPauses: Number.NaN }
  const pauses = pausesMs(place, gcTrace).slice(before)
  return { ...run, longestPauseMs: Math.max(0, ...pauses), slowPauses: pauses.filter(ms => ms > slowMs).length }
}

/** Pauses of the main thread, which is the first one that the trace names. */
function pausesMs(place: Place, gcTrace: string): number[] {
  const file = join(place.folder, gcTrace)
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const pauses = [...text.matchAll(/^\[\d+:(0x[0-9a-f]+)[^\]]*\].*? MB, (?:pooled: [^,]*, )?([\d.]+) \/ /gm)]
  const main = pauses[0]?.[1]
  return pauses.filter(([, isolate]) => isolate === main).map(([, , ms]) => Number(ms))
}

function directTo(port: number): Contestant {
  const none = async () => Number.NaN
  const origin = `http://127.0.0.1:${port}`
  return {
    name: 'model server alone',
    origin,
    path: '',
    pids: () => [],
    records: none,
    dropped: none,
    end: async () => {},
  }
}
