/** The thread that owns the tables of predictions: whoever asks them waits, and the gateway's thread must not. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { migrate } from '../postgres/migrate.ts'
import { postgresMigrations } from '../postgres/migrations/index.ts'
import type { SqlDatabase } from '../sql/database.ts'
import { storeFailure } from '../sqlite/failure.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { openPostgres, type StorePlace } from '../stores/store-place.ts'
import { giveWay, niceness } from '../thread-priority.ts'
import { CallServer } from './call-server.ts'
import { predictionLogMigrations } from './migrations.ts'
import { packRows } from './pack-rows.ts'
import type { StoreThreadData } from './store-calls.ts'
import { type CallReply, type OpenNotice, openReplyId } from './worker-calls.ts'

if (parentPort !== null) {
  giveWay(niceness.recording)
  start(parentPort, workerData as StoreThreadData)
}

function start(port: MessagePort, { name, place }: StoreThreadData): void {
  let database: SqlDatabase | null = null
  try {
    database = openTables(place, port)
    const server = new CallServer({
      database,
      send: (reply, transfer) => port.postMessage(reply, transfer),
      ended: () => port.close(),
    })
    port.on('message', request => server.receive(request))
    port.postMessage({ id: openReplyId, ok: true, output: null } satisfies CallReply)
  } catch (error) {
    const { code, message } = database?.failure('open', error) ?? storeFailure('open', name, error)
    port.postMessage({ id: openReplyId, ok: false, error: { code, message } } satisfies CallReply)
    port.close()
  }
}

function openTables(place: StorePlace, port: MessagePort): SqlDatabase {
  if (place.kind === 'postgres') {
    const database = openPostgres(place, 'cutover predictions')
    try {
      migrate(database, 'predictions', postgresMigrations.predictions)
      return database
    } catch (error) {
      throw closed(database).failure('open', error)
    }
  }
  const cacheBytes = 64 * 1024 * 1024
  const database = openDatabase({ file: place.file, migrations: predictionLogMigrations, cacheBytes })
  try {
    packRows(database, rows => port.postMessage({ packing: { rows } } satisfies OpenNotice))
    return database
  } catch (error) {
    throw closed(database).failure('open', error)
  }
}

function closed(database: SqlDatabase): SqlDatabase {
  database.close()
  return database
}
