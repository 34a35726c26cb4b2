/** Forwarding and nothing else. */
import { oneAtATime } from '../contestant.ts'
import { canSwitchRecordingOff, startCutover } from '../cutover.ts'
import { jobRows, loadRows, loadRun } from '../load.ts'
import { startProxy, startUpstream } from '../nginx.ts'
import { withPlace } from '../processes.ts'
import { settings } from '../settings.ts'
import { rowsOf } from '../table.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds, connections } = settings

export const plain: Scenario = {
  what: 'forwarding alone, recording switched off',
  run: () =>
    withPlace(async place => {
      const upstream = await startUpstream(place)
      const isOff = canSwitchRecordingOff()
      const contestants = [
        await startProxy(place, { upstream: upstream.port, release: false }),
        await startCutover(place, { upstream: upstream.port, release: false, ...(isOff && { unrecorded: true }) }),
        await startCutover(place, {
          ...{ upstream: upstream.port, release: false, pipelining: 16 },
          ...(isOff && { unrecorded: true }),
        }),
      ]
      for (const one of contestants) await loadRun(place, one, { seconds: Math.min(3, seconds), upstream })
      const runs = await oneAtATime(contestants, { rounds, run: one => loadRun(place, one, { seconds, upstream }) })
      const recording = isOff ? 'recording off' : 'recording on, since this build cannot switch it off'
      const notes = [
        `${connections} connections, ${rounds} interleaved rounds of ${seconds} s, one worker on one core; ${recording}.`,
      ]
      const title = `Plain forwarding, ${isOff ? 'recording off' : 'RECORDING ON'}`
      return [
        { title, notes, columns: contestants.map(({ name }) => name), rows: rowsOf(runs, [...loadRows, jobRows[0]]) },
      ]
    }),
}
