/** A thread of a simulation: answers seeds with runs. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Seeds, type SimulationJob, simulateJob } from '../../core/simulate/job.ts'
import { giveWay, niceness } from '../thread-priority.ts'
import type { ThreadMessage } from './threads.ts'

giveWay(niceness.analysis)
const job = workerData as SimulationJob

parentPort?.on('message', ({ first, count }: Seeds) => {
  const runs = Array.from({ length: count }, (_, index) => simulateJob(job, first + index))
  parentPort?.postMessage({ runs } satisfies ThreadMessage)
})
