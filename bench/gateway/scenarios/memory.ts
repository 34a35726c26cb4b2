/** Whether memory stays where it is over millions of requests. */
import { urlOf } from '../contestant.ts'
import { startCutover } from '../cutover.ts'
import { startUpstream } from '../nginx.ts'
import { rssMegabytesOf, settled } from '../proc.ts'
import { withPlace } from '../processes.ts'
import { settings } from '../settings.ts'
import { slopeOf } from '../slope.ts'
import { runWrk } from '../wrk.ts'
import type { Scenario } from './scenario.ts'

/** Memory is read after each slice of the requests, once what is queued has been written. */
const sliceSeconds = 10

export const memory: Scenario = {
  what: 'resident memory over REQUESTS requests (10 million by default)',
  run: () =>
    withPlace(async place => {
      const upstream = await startUpstream(place)
      const one = await startCutover(place, { upstream: upstream.port, release: true })
      await runWrk(place, urlOf(one), { seconds: 5 })
      await settled(one.pids)
      const points = [{ millions: 0, megabytes: rssMegabytesOf(one.pids()) }]
      let [requests, failed] = [0, 0]
      while (requests < settings.requests) {
        const run = await runWrk(place, urlOf(one), { seconds: sliceSeconds })
        if (run.requests === 0) throw new Error('nothing is answered any more')
        requests += run.requests
        failed += run.failed
        await settled(one.pids)
        points.push({ millions: requests / 1e6, megabytes: rssMegabytesOf(one.pids()) })
      }
      // The first half is the heap finding its size.
      const late = points.filter(({ millions }) => millions >= requests / 2e6)
      const slope = slopeOf(late.map(({ millions, megabytes }) => ({ x: millions, y: megabytes })))
      const at = (index: number) => points.at(index)?.megabytes ?? Number.NaN
      const cells: [string, number, number][] = [
        ['requests, millions', 2, requests / 1e6],
        ['resident memory at the start, MB', 0, at(0)],
        ['half way', 0, late[0]?.megabytes ?? Number.NaN],
        ['at the end', 0, at(-1)],
        ['at most', 0, Math.max(...points.map(({ megabytes }) => megabytes))],
        ['growth in the second half, MB a million requests', 2, slope],
        ['predictions dropped', 0, await one.dropped()],
        ['failed requests', 0, failed],
      ]
      const rows = cells.map(([title, digits, value]) => ({ title, digits, values: [[value]] }))
      const notes = [`The release job without a mirror, under full load, read after every ${sliceSeconds} s.`]
      return [{ title: 'Memory', notes, columns: ['cutover'], rows }]
    }),
}
