import { interleaved } from './interleave.ts'

/** What is measured: something that takes requests and forwards them. */
export type Contestant = {
  name: string
  origin: string
  /** Before the path of the model server. */
  path: string
  /** The file of its place that pauses of its garbage collector go to; left out where nobody asked for them. */
  gcTrace?: string
  pids(): number[]
  /** Requests recorded so far, copies not counted; NaN for one that records nothing. */
  records(): Promise<number>
  /** Records and copies that were lost to full queues so far; NaN for one that does not tell. */
  dropped(): Promise<number>
  end(): Promise<void>
}

export function urlOf({ origin, path }: Contestant, rest = '/predict'): string {
  return `${origin}${path}${rest}`
}

/** Rounds of one after the other, in which those that are not measured stand still: a runtime collects and compiles when it rests. */
export async function oneAtATime<Run>(
  contestants: readonly Contestant[],
  { rounds, run }: { rounds: number; run: (one: Contestant) => Promise<Run> },
): Promise<Run[][]> {
  const others = (one: Contestant) => contestants.filter(contestant => contestant !== one)
  const alone = async (one: Contestant) => {
    signalAll(others(one), 'SIGSTOP')
    try {
      return await run(one)
    } finally {
      signalAll(others(one), 'SIGCONT')
    }
  }
  return interleaved(contestants, { rounds, run: alone })
}

function signalAll(contestants: readonly Contestant[], signal: NodeJS.Signals): void {
  for (const { pids } of contestants) for (const pid of pids()) process.kill(pid, signal)
}
