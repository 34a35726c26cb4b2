/** A thread that tells of each call the bound of its heap, in megabytes. */
import { parentPort, resourceLimits } from 'node:worker_threads'
import { openReplyId } from '../../src/adapters/prediction-log/worker-calls.ts'

const tell = (id: number) => parentPort?.postMessage({ id, ok: true, output: resourceLimits.maxOldGenerationSizeMb })
parentPort?.on('message', ({ id, method }: { id: number; method: string }) => {
  tell(id)
  if (method === 'close') parentPort?.close()
})
tell(openReplyId)
