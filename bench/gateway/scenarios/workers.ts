/** One worker and two, on all cores, with the callers on the same ones. */
import { hasWorkers, startCutover } from '../cutover.ts'
import { interleaved } from '../interleave.ts'
import { jobRows, loadRows, loadRun } from '../load.ts'
import { startProxy, startUpstream } from '../nginx.ts'
import { withPlace } from '../processes.ts'
import { allCores, settings } from '../settings.ts'
import { rowsOf } from '../table.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds, connections } = settings

export const workers: Scenario = {
  what: 'the release job with one worker and with two, on all cores',
  run: () =>
    withPlace(async place => {
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
      const job = { seconds, upstream, core: allCores }
      for (const one of contestants) await loadRun(place, one, { ...job, seconds: Math.min(3, seconds) })
      const runs = await interleaved(contestants, { rounds, run: one => loadRun(place, one, job) })
      const notes = [
        `${connections} connections, ${rounds} interleaved rounds of ${seconds} s; callers, model server and gateway share all cores.`,
        ...(hasWorkers() ? [] : ['This build has no setting `--workers`.']),
      ]
      const rows = rowsOf(runs, [...loadRows, ...jobRows])
      return [{ title: 'Workers', notes, columns: contestants.map(({ name }) => name), rows }]
    }),
}
