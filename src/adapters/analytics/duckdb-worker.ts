/** The thread that reads the log's file and owns the analytical copy: nothing of it runs on the gateway's thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type CallReply, openReplyId } from '../prediction-log/worker-calls.ts'
import { storeFailure } from '../sqlite/failure.ts'
import { giveWay, niceness } from '../thread-priority.ts'
import type { AnalyticsData } from './analytics-calls.ts'
import { AnalyticsServer } from './analytics-server.ts'

if (parentPort !== null) {
  giveWay(niceness.analysis)
  await start(parentPort, workerData as AnalyticsData)
}

async function start(port: MessagePort, { log, name: file }: AnalyticsData): Promise<void> {
  try {
    const send = (reply: CallReply) => port.postMessage(reply)
    const server = await AnalyticsServer.open({ log, file, send, ended: () => port.close() })
    port.on('message', request => server.receive(request))
    send({ id: openReplyId, ok: true, output: null })
  } catch (error) {
    const { code, message } = storeFailure('open', file, error)
    port.postMessage({ id: openReplyId, ok: false, error: { code, message } } satisfies CallReply)
    port.close()
  }
}
