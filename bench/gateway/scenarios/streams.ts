/** Hundreds of streams of tokens at once: the first byte, every later one, and memory. */
import { type Contestant, oneAtATime } from '../contestant.ts'
import { startCutover } from '../cutover.ts'
import { startModelServer } from '../model-servers.ts'
import { startProxy } from '../nginx.ts'
import { cpuOf, peakRssDuring, rssMegabytesOf, settled } from '../proc.ts'
import { withPlace } from '../processes.ts'
import { runRole } from '../role.ts'
import { settings } from '../settings.ts'
import { rowsOf } from '../table.ts'
import type { StreamsRun } from '../token-client.ts'
import type { Scenario } from './scenario.ts'

const { rounds, seconds, streams: count, tokensPerSecond } = settings
/** A stream lasts about two seconds. */
const tokensPerStream = Math.ceil(2 * tokensPerSecond)

type Run = StreamsRun & { microsPerToken: number; peakMegabytes: number; grownMegabytes: number }

export const streams: Scenario = {
  what: 'server-sent events: many streams of tokens at once',
  run: () =>
    withPlace(async place => {
      const upstream = await startModelServer(place)
      const contestants = [
        await startProxy(place, { upstream, release: true, bodies: 'streams' }),
        await startCutover(place, { upstream, release: true }),
      ]
      for (const one of contestants) await measure(one)
      const runs = await oneAtATime(contestants, { rounds, run: measure })
      const notes = [
        `${rounds} interleaved rounds of ${seconds} s, ${tokensPerStream} tokens a stream, one worker on one core; callers and model server share the other.`,
        'A token is late from when the model server wrote it to when its caller read it.',
      ]
      const title = `${count} streams at once, ${tokensPerSecond} tokens a second each`
      return [{ title, notes, columns: contestants.map(({ name }) => name), rows: rowsOf(runs, streamRows) }]
    }),
}

const streamRows = [
  { title: 'first byte p50, ms', digits: 2, of: (run: Run) => run.firstByteP50Ms, ratio: true },
  { title: 'first byte p99, ms', digits: 2, of: (run: Run) => run.firstByteP99Ms, ratio: true },
  { title: 'token late p50, ms', digits: 2, of: (run: Run) => run.tokenP50Ms, ratio: true },
  { title: 'token late p99, ms', digits: 2, of: (run: Run) => run.tokenP99Ms, ratio: true },
  { title: 'tokens a second', digits: 0, of: (run: Run) => run.tokensPerSecond, ratio: true },
  { title: 'CPU a token, µs', digits: 1, of: (run: Run) => run.microsPerToken, ratio: true },
  { title: 'resident memory at most, MB', digits: 0, of: (run: Run) => run.peakMegabytes },
  { title: 'of it grown in the round', digits: 1, of: (run: Run) => run.grownMegabytes },
  { title: 'streams', digits: 0, of: (run: Run) => run.streamsDone },
  { title: 'failed streams', digits: 0, of: (run: Run) => run.failed },
] as const

async function measure(one: Contestant): Promise<Run> {
  await settled(one.pids)
  const before = cpuOf(one.pids())
  const beforeMegabytes = rssMegabytesOf(one.pids())
  const port = Number(new URL(one.origin).port)
  const job = { port, path: `${one.path}/tokens`, streams: count, tokensPerSecond, tokensPerStream, seconds }
  const { result, peakMegabytes } = await peakRssDuring(one.pids, () => runRole('streams', job))
  await settled(one.pids)
  const after = cpuOf(one.pids())
  const cpuSeconds = after.userSeconds + after.kernelSeconds - before.userSeconds - before.kernelSeconds
  const tokens = Math.max(1, result.streamsDone * tokensPerStream)
  const grownMegabytes = rssMegabytesOf(one.pids()) - beforeMegabytes
  return { ...result, microsPerToken: (cpuSeconds * 1e6) / tokens, peakMegabytes, grownMegabytes }
}
