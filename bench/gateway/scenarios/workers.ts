/** One worker and two, on all cores, with the callers on the same ones. */
import { type Contestant, oneAtATime } from '../contestant.ts'
import { hasWorkers, startCutover } from '../cutover.ts'
import { type Counted, jobRows, loadRows, loadRun } from '../load.ts'
import { startProxy, startUpstream } from '../nginx.ts'
import { type Place, withPlace } from '../processes.ts'
import { allCores, settings } from '../settings.ts'
import { rowsOf, type Table } from '../table.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds, connections } = settings

export const workers: Scenario = {
  what: 'one worker and two, on all cores: the release job, and work that is mostly the gateway’s own',
  run: async () => [await releaseJob(), ...(hasWorkers() ? [await ownWork()] : [])],
}

function releaseJob(): Promise<Table> {
  return withPlace(async place => {
    const upstream = await startUpstream(place)
    const shared = { upstream: upstream.port, release: true, core: allCores }
    const contestants = [
      { ...(await startProxy(place, shared)), name: 'nginx, 1 worker' },
      { ...(await startProxy(place, { ...shared, workers: 2 })), name: 'nginx, 2 workers' },
      { ...(await startCutover(place, shared)), name: 'cutover, 1 worker' },
      ...(hasWorkers()
        ? [{ ...(await startCutover(place, { ...shared, workers: 2 })), name: 'cutover, 2 workers' }]
        : []),
    ]
    const notes = hasWorkers() ? [] : ['This build has no setting `--workers`.']
    return { title: 'Workers', ...(await measured(place, contestants, { upstream }, notes)) }
  })
}

const unitsSent = 64
/** Read whole for the unit: half a millisecond of the gateway's, a fraction of that of callers' and model server's. */
const bodies = Array.from({ length: unitsSent }, (_, unit) =>
  JSON.stringify({
    rows: Array.from({ length: 2_000 }, (_, at) => ({ [`k${(at * 7 + unit) % 97}`]: at % 10 })),
    user: `user-${unit}`,
  }),
)

/** Where callers and model server leave the cores to the gateway, so that a second worker has one. */
function ownWork(): Promise<Table> {
  return withPlace(async place => {
    const upstream = await startUpstream(place)
    const shared = { upstream: upstream.port, release: true, core: allCores, unitPointer: '/user' }
    const contestants = [
      { ...(await startCutover(place, { ...shared, workers: 1 })), name: '1 worker' },
      { ...(await startCutover(place, { ...shared, workers: 2 })), name: '2 workers' },
    ]
    const size = `Bodies of ${Math.round((bodies[0]?.length ?? 0) / 1_024)} KB in JSON, whose unit stands in the body.`
    const table = await measured(place, contestants, { upstream, bodies }, [size])
    return { title: 'Workers with work of their own', ...table }
  })
}

async function measured(
  place: Place,
  contestants: readonly Contestant[],
  what: { upstream: Counted; bodies?: readonly string[] },
  more: readonly string[],
): Promise<Omit<Table, 'title'>> {
  const job = { ...what, seconds, core: allCores }
  for (const one of contestants) await loadRun(place, one, { ...job, seconds: Math.min(3, seconds) })
  const runs = await oneAtATime(contestants, { rounds, run: one => loadRun(place, one, job) })
  const size = `${connections} connections, ${rounds} interleaved rounds of ${seconds} s; callers, model server and gateway share all cores.`
  const rows = rowsOf(runs, [...loadRows, ...jobRows])
  return { notes: [size, ...more], columns: contestants.map(({ name }) => name), rows }
}
