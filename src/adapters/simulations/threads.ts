/** Simulations in threads of their own, which take a few seeds at a time; they end with the job. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Seeds } from '../../core/simulate/job.ts'
import type { Run } from '../../core/simulate/run.ts'
import type { Simulations } from '../../ports/simulations.ts'

export interface SimulationThreads extends Simulations {
  /** Ends every thread. What is under way rejects, and so does what is asked after that. */
  close(): Promise<void>
}

/** What a thread says: the runs that it was asked for. */
export type ThreadMessage = { runs: readonly Run[] }

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const script = new URL(
  import.meta.url.endsWith('.ts') ? './simulation-worker.ts' : './simulation-worker.js',
  import.meta.url,
)

export function createSimulations({ threads = defaultThreads() }: { threads?: number } = {}): SimulationThreads {
  const open = new Set<Worker>()
  let isClosed = false
  return {
    async run(job, seeds, told = () => {}) {
      if (isClosed) throw ended()
      const queue = chunksOf(seeds)
      const runs: Run[] = []
      const take = (done: readonly Run[]): void => {
        runs.push(...done)
        told(runs.length)
      }
      const wanted = Math.max(1, Math.min(threads, queue.length))
      const workers = Array.from({ length: wanted }, () => new Worker(script, { workerData: job }))
      for (const worker of workers) open.add(worker)
      try {
        await Promise.all(workers.map(worker => work(worker, queue, take)))
      } catch (error) {
        throw isClosed ? ended() : error
      } finally {
        await Promise.all(workers.map(worker => worker.terminate()))
        for (const worker of workers) open.delete(worker)
      }
      return runs.toSorted((a, b) => a.seed - b.seed)
    },
    async close() {
      isClosed = true
      await Promise.all([...open].map(worker => worker.terminate()))
    },
  }
}

function defaultThreads(): number {
  return Math.min(availableParallelism(), limits.simulationThreadsMax)
}

const chunkSeeds = 5

function chunksOf({ first, count }: Seeds): Seeds[] {
  const chunks = Math.ceil(count / chunkSeeds)
  return Array.from({ length: chunks }, (_, chunk) => ({
    first: first + chunk * chunkSeeds,
    count: Math.min(chunkSeeds, count - chunk * chunkSeeds),
  }))
}

/** Until nothing is left in the queue that all threads share. */
function work(worker: Worker, queue: Seeds[], take: (runs: readonly Run[]) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const seeds = queue.shift()
      if (seeds === undefined) resolve()
      else worker.postMessage(seeds)
    }
    worker.on('message', ({ runs }: ThreadMessage) => {
      take(runs)
      next()
    })
    worker.on('error', cause => reject(failed(cause)))
    worker.on('exit', code => reject(failed(new Error(`a thread ended with code ${code}`))))
    next()
  })
}

function ended(): CutoverError {
  return new CutoverError('overloaded', 'the server ends and simulates nothing more')
}

function failed(cause: unknown): CutoverError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new CutoverError('internal', `the simulation failed: ${reason}`, [], cause)
}
