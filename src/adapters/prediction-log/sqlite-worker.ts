/** The thread that owns the database of predictions: SQLite is synchronous, and the gateway's thread must not wait. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { storeFailure } from '../sqlite/failure.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { giveWay, niceness } from '../thread-priority.ts'
import { CallServer } from './call-server.ts'
import { predictionLogMigrations } from './migrations.ts'
import { packRows } from './pack-rows.ts'
import { type CallReply, type OpenNotice, openReplyId } from './worker-calls.ts'

if (parentPort !== null) {
  giveWay(niceness.recording)
  start(parentPort, String(workerData.file))
}

function start(port: MessagePort, file: string): void {
  try {
    const database = openDatabase({ file, migrations: predictionLogMigrations, cacheBytes: 64 * 1024 * 1024 })
    packRows(database, rows => port.postMessage({ packing: { rows } } satisfies OpenNotice))
    const server = new CallServer({
      database,
      file,
      send: (reply, transfer) => port.postMessage(reply, transfer),
      ended: () => port.close(),
    })
    port.on('message', request => server.receive(request))
    port.postMessage({ id: openReplyId, ok: true, output: null } satisfies CallReply)
  } catch (error) {
    const { code, message } = storeFailure('open', file, error)
    port.postMessage({ id: openReplyId, ok: false, error: { code, message } } satisfies CallReply)
    port.close()
  }
}
