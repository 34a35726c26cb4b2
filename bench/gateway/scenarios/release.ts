/** The job of a release: sticky 90/10, a record a request, id and version in the answer; with and without copies. */
import { oneAtATime } from '../contestant.ts'
import { startCutover } from '../cutover.ts'
import { jobRows, loadRows, loadRun } from '../load.ts'
import { startProxy, startUpstream } from '../nginx.ts'
import { withPlace } from '../processes.ts'
import { settings } from '../settings.ts'
import { rowsOf, type Table } from '../table.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds, connections } = settings

const mirrorNote =
  'Both copy what v1 answered. No stage of a release splits and mirrors at once today: the mirror is put on the traffic table on its way to the gateway; everything else is the server as people run it.'

export const release: Scenario = {
  what: 'sticky 90/10, a mirror of 10 %, a record a request',
  run: () => measureJob('Release job with a mirror of 10 %', 10),
}

export const releaseFull: Scenario = {
  what: 'the same with a mirror of 100 %',
  run: () => measureJob('Release job with a mirror of 100 %', 100),
}

export const split: Scenario = {
  what: 'the same without a mirror: a canary as it is',
  run: () => measureJob('Release job without a mirror', null),
}

async function measureJob(title: string, percent: number | null): Promise<Table[]> {
  const mirror = percent === null ? {} : { mirrorPercent: percent }
  return withPlace(async place => {
    const upstream = await startUpstream(place)
    const contestants = [
      await startProxy(place, { upstream: upstream.port, release: true, ...mirror }),
      await startCutover(place, { upstream: upstream.port, release: true, ...mirror }),
      await startCutover(place, { upstream: upstream.port, release: true, pipelining: 16, ...mirror }),
    ]
    const warmUpSeconds = Math.min(3, seconds)
    for (const one of contestants) await loadRun(place, one, { seconds: warmUpSeconds, upstream })
    const runs = await oneAtATime(contestants, { rounds, run: one => loadRun(place, one, { seconds, upstream }) })
    const rows = rowsOf(runs, [...loadRows, ...jobRows])
    const size = `${connections} connections, ${rounds} interleaved rounds of ${seconds} s, bodies of 512 bytes, one worker on one core.`
    return [
      {
        title,
        columns: contestants.map(({ name }) => name),
        rows,
        notes: [size, ...(percent === null ? [] : [mirrorNote])],
      },
    ]
  })
}
