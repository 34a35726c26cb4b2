/** One measured run under full load: what went through, what it cost, and whether the job was done. */
import { type Contestant, urlOf } from './contestant.ts'
import { cpuOf, settled } from './proc.ts'
import { type Place, pause } from './processes.ts'
import { runWrk, type WrkJob, type WrkRun } from './wrk.ts'

export type LoadRun = WrkRun & {
  perSecond: number
  userMicros: number
  kernelMicros: number
  cpuMicros: number
  /** On other threads than the one that serves: the store, the collector's helpers. */
  otherMicros: number
  /** Per request that wrk saw answered; those that its end cut off are recorded too. */
  records: number
  /** What model servers got beyond the requests that were recorded, as a share of these. */
  copies: number
  dropped: number
}

export type Counted = { requests(): Promise<number> }

/** nginx keeps lines of its log for a second. */
const logFlushMs = 1_200

export async function loadRun(
  place: Place,
  one: Contestant,
  job: WrkJob & { upstream: Counted; rest?: string },
): Promise<LoadRun> {
  await settled(one.pids)
  const before = await readings(one, job.upstream)
  const run = await runWrk(place, urlOf(one, job.rest), job)
  await settled(one.pids)
  if (!Number.isNaN(before.records)) await pause(logFlushMs)
  const after = await readings(one, job.upstream)
  const of = (what: keyof typeof before) => (after[what] - before[what]) / Math.max(1, run.requests)
  const [userMicros, kernelMicros] = [of('userSeconds') * 1e6, of('kernelSeconds') * 1e6]
  return {
    ...run,
    perSecond: run.requests / run.seconds,
    userMicros,
    kernelMicros,
    cpuMicros: userMicros + kernelMicros,
    otherMicros: of('otherSeconds') * 1e6,
    records: of('records'),
    copies: (after.forwarded - before.forwarded) / (after.records - before.records) - 1,
    dropped: after.dropped - before.dropped,
  }
}

async function readings(one: Contestant, upstream: Counted) {
  const [records, dropped, forwarded] = [await one.records(), await one.dropped(), await upstream.requests()]
  return { records, dropped, forwarded, ...cpuOf(one.pids()) }
}

export const loadRows = [
  { title: 'requests a second', digits: 0, of: (run: LoadRun) => run.perSecond, ratio: true },
  { title: 'CPU a request, µs', digits: 1, of: (run: LoadRun) => run.cpuMicros, ratio: true },
  { title: 'of it user', digits: 1, of: (run: LoadRun) => run.userMicros, ratio: true },
  { title: 'of it kernel', digits: 1, of: (run: LoadRun) => run.kernelMicros, ratio: true },
  { title: 'of it on other threads', digits: 1, of: (run: LoadRun) => run.otherMicros },
  { title: 'of one core, %', digits: 0, of: (run: LoadRun) => (run.cpuMicros * run.perSecond) / 1e4 },
  { title: 'p50, ms', digits: 2, of: (run: LoadRun) => run.p50Ms, ratio: true },
  { title: 'p99, ms', digits: 2, of: (run: LoadRun) => run.p99Ms, ratio: true },
  { title: 'failed requests', digits: 0, of: (run: LoadRun) => run.failed },
] as const

export const jobRows = [
  { title: 'records a request', digits: 3, of: (run: LoadRun) => run.records },
  { title: 'copies, % of the requests', digits: 1, of: (run: LoadRun) => 100 * run.copies },
  { title: 'records and copies dropped', digits: 0, of: (run: LoadRun) => run.dropped },
] as const
