import { Worker } from 'node:worker_threads'
import { CutoverError } from '../../core/errors.ts'
import type { AppendedOutcomes, AppendedPredictions, PredictionLog } from '../../ports/prediction-log.ts'
import { workerFile } from '../worker-file.ts'
import type { ReplayPage, StoreRequest } from './sqlite-worker.ts'

type Waiting = { resolve: (value: unknown) => void; reject: (error: unknown) => void }
type Answer = { id: number; ok: true; value: unknown } | { id: number; ok: false; message: string }

/** The prediction log in one SQLite file, owned by a thread of its own. Resolves when the thread has opened it. */
export async function openSqlitePredictionLog(file: string): Promise<PredictionLog> {
  const worker = new Worker(workerFile(import.meta.url, 'sqlite-worker'), { workerData: { file } })
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let broken: CutoverError | null = null

  const breakOff = (reason: string): void => {
    broken ??= new CutoverError('store-failed', `the prediction log ${file} failed: ${reason}`)
    for (const one of waiting.values()) one.reject(broken)
    waiting.clear()
  }
  worker.on('error', error => breakOff(error instanceof Error ? error.message : String(error)))
  worker.on('exit', code => breakOff(`its thread ended with code ${code}`))
  worker.on('message', (answer: Answer) => {
    const one = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.ok) one?.resolve(answer.value)
    else one?.reject(new CutoverError('store-failed', `the prediction log ${file} failed: ${answer.message}`))
  })

  const ask = async <Value>(request: StoreRequest): Promise<Value> => {
    if (broken !== null) throw broken
    const id = ++lastId
    return new Promise<Value>((resolve, reject) => {
      waiting.set(id, { resolve: value => resolve(value as Value), reject })
      worker.postMessage({ id, request })
    })
  }

  const replayPages = async (
    op: 'replay-predictions' | 'replay-outcomes',
    query: { endpoint: string; fromEpoch: number },
    each: (page: ReplayPage) => void,
  ) => {
    for (let afterSeq = 0; ; ) {
      const page = await ask<ReplayPage>({ op, ...query, afterSeq })
      each(page)
      if (page.isLast) return
      afterSeq = page.lastSeq
    }
  }

  await new Promise<unknown>((resolve, reject) => waiting.set(0, { resolve, reject }))
  return {
    appendPredictions: batch => ask<AppendedPredictions>({ op: 'append-predictions', batch }),
    appendOutcomes: batch => ask<AppendedOutcomes>({ op: 'append-outcomes', batch }),
    find: query => ask({ op: 'find', query }),
    async replay(query, each) {
      await replayPages('replay-predictions', query, each)
      await replayPages('replay-outcomes', query, each)
    },
    async close() {
      if (broken === null) await ask({ op: 'close' })
      worker.removeAllListeners('exit')
      broken = new CutoverError('store-failed', `the prediction log ${file} is closed`)
      await worker.terminate()
    },
  }
}
