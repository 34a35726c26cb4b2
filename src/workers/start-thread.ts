import { Worker } from 'node:worker_threads'
import type { StartThread } from './gateway-pool.ts'
import type { FromWorker } from './messages.ts'

/** In the sources this file and the thread's are TypeScript, in the package both are JavaScript. */
const script = new URL(import.meta.url.endsWith('.ts') ? './gateway-worker.ts' : './gateway-worker.js', import.meta.url)

export const startThread: StartThread = (plan, events) => {
  const worker = new Worker(script, { workerData: plan, name: `gateway ${plan.share.index}` })
  let failure: string | null = null
  worker.on('message', (message: FromWorker) => events.message(message))
  worker.on('error', (error: Error) => {
    failure = error.message
  })
  worker.on('exit', code => events.ended(failure ?? `its thread ended with code ${code}`))
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    end: () => worker.terminate(),
  }
}
