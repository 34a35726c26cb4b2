/** Long answers and long uploads: what goes through, at what cost, in how much memory. */
import { type Contestant, oneAtATime, urlOf } from '../contestant.ts'
import { startCutover } from '../cutover.ts'
import { startModelServer } from '../model-servers.ts'
import { megabyte, startProxy, startUpstream } from '../nginx.ts'
import { cpuOf, peakRssDuring, settled } from '../proc.ts'
import { type Place, withPlace } from '../processes.ts'
import { settings } from '../settings.ts'
import { rowsOf, type Table } from '../table.ts'
import { runWrk } from '../wrk.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds } = settings

/** `seconds` at least: whole bodies alone are counted, so that a run must see many of them. */
type Size = { megabytes: number; connections: number; seconds: number }
type Way = 'answers' | 'uploads' | 'uploads in chunks'
type Case = Size & { title: string; way: Way }
type Run = {
  megabytesPerSecond: number
  microsPerMegabyte: number
  peakMegabytes: number
  whole: number
  failed: number
}

const sizes: readonly Size[] = [
  { megabytes: 1, connections: 16, seconds },
  { megabytes: 64, connections: 4, seconds: Math.max(10, seconds) },
]

const ways: readonly Way[] = ['answers', 'uploads', 'uploads in chunks']
/** Of an upload in chunks. */
const chunkBytes = 16 * 1024

export const bodies: Scenario = {
  what: 'answers and uploads of 1 MB and of 64 MB, uploads in chunks too',
  run: async () => {
    const cases = ways.flatMap(way => sizes.map(size => ({ ...size, way, title: `${size.megabytes} MB: ${way}` })))
    const tables: Table[] = []
    for (const one of cases) tables.push(await measureCase(one))
    return tables
  },
}

function measureCase(one: Case): Promise<Table> {
  return withPlace(async place => {
    const upstream = one.way === 'answers' ? (await startUpstream(place)).port : await startModelServer(place)
    const contestants = [
      await startProxy(place, { upstream, release: true, bodies: 'long' }),
      await startCutover(place, { upstream, release: true }),
    ]
    const run = (contestant: Contestant) => measure(place, contestant, one)
    for (const contestant of contestants) await run(contestant)
    const runs = await oneAtATime(contestants, { rounds, run })
    const notes = [
      `${one.connections} connections, ${rounds} interleaved rounds of ${one.seconds} s, one worker on one core.`,
    ]
    return { title: one.title, notes, columns: contestants.map(({ name }) => name), rows: rowsOf(runs, bodyRows) }
  })
}

const bodyRows = [
  { title: 'MB a second', digits: 0, of: (run: Run) => run.megabytesPerSecond, ratio: true },
  { title: 'CPU a MB, µs', digits: 0, of: (run: Run) => run.microsPerMegabyte, ratio: true },
  { title: 'resident memory at most, MB', digits: 0, of: (run: Run) => run.peakMegabytes },
  { title: 'whole bodies', digits: 0, of: (run: Run) => run.whole },
  { title: 'failed requests', digits: 0, of: (run: Run) => run.failed },
] as const

async function measure(place: Place, one: Contestant, { megabytes, connections, way, seconds }: Case): Promise<Run> {
  const upload = way !== 'answers'
  await settled(one.pids)
  const before = cpuOf(one.pids())
  const url = urlOf(one, upload ? '/upload' : `/${megabytes}m`)
  const body = upload ? { uploadBytes: megabytes * megabyte } : { method: 'GET' as const }
  const job = { seconds, connections, ...body, ...(way === 'uploads in chunks' && { chunkBytes }) }
  const { result, peakMegabytes } = await peakRssDuring(one.pids, () => runWrk(place, url, job))
  const after = cpuOf(one.pids())
  const cpuSeconds = after.userSeconds + after.kernelSeconds - before.userSeconds - before.kernelSeconds
  // wrk counts what it reads; of an upload that is the answer alone.
  const moved = upload ? result.requests * megabytes : result.bytes / megabyte
  return {
    megabytesPerSecond: moved / result.seconds,
    microsPerMegabyte: (cpuSeconds * 1e6) / Math.max(1, moved),
    peakMegabytes,
    whole: result.requests,
    failed: result.failed,
  }
}
