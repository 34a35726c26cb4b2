/** Answers the calls of the gateway's thread, in their order, and commits together what waits together. */
import type { DatabaseSync } from 'node:sqlite'
import { storeFailure } from '../sqlite/failure.ts'
import { inTransaction } from '../sqlite/transaction.ts'
import { Blocks } from './blocks.ts'
import { PredictionReader } from './prediction-reader.ts'
import { PredictionStore } from './prediction-store.ts'
import type { StoreCalls, StoreMethod, StoreRequest } from './store-calls.ts'
import type { CallReply } from './worker-calls.ts'

type Handlers = { [M in StoreMethod]: (input: StoreCalls[M]['input']) => StoreCalls[M]['output'] }

export class CallServer {
  readonly #database: DatabaseSync
  readonly #file: string
  readonly #send: (reply: CallReply, transfer: ArrayBuffer[]) => void
  readonly #store: PredictionStore
  readonly #handlers: Handlers
  #queue: StoreRequest[] = []

  constructor(options: {
    database: DatabaseSync
    file: string
    send: (reply: CallReply, transfer: ArrayBuffer[]) => void
    ended: () => void
  }) {
    const { database, file, send, ended } = options
    this.#database = database
    this.#file = file
    this.#send = send
    const blocks = new Blocks(database)
    this.#store = new PredictionStore(database, blocks)
    this.#handlers = handlersOf(this.#store, new PredictionReader(database, blocks), () => {
      database.close()
      setImmediate(ended)
      return null
    })
  }

  receive(request: StoreRequest): void {
    this.#queue.push(request)
    if (this.#queue.length === 1) setImmediate(() => this.#drain())
  }

  /** Neighbouring appends share a transaction, and so one flush to the disk. */
  #drain(): void {
    const requests = this.#queue
    this.#queue = []
    let appends: StoreRequest[] = []
    for (const request of requests) {
      if (request.method === 'appendPredictions' || request.method === 'appendOutcomes') appends.push(request)
      else {
        this.#commit(appends)
        appends = []
        const run = () => this.#run(request)
        this.#answer(request, request.method === 'trim' ? () => this.#transact(run) : run)
      }
    }
    this.#commit(appends)
  }

  #commit(appends: readonly StoreRequest[]): void {
    const outputs = appends.length < 2 ? null : this.#commitTogether(appends)
    for (const [index, request] of appends.entries()) {
      if (outputs !== null) this.#tell(request, outputs[index])
      else this.#answer(request, () => this.#transact(() => this.#run(request)))
    }
  }

  /** Null if it failed, and then nothing is kept: one of them may be to blame, and alone each fails for itself only. */
  #commitTogether(appends: readonly StoreRequest[]): unknown[] | null {
    try {
      return this.#transact(() => appends.map(request => this.#run(request)))
    } catch {
      return null
    }
  }

  #transact<T>(run: () => T): T {
    try {
      const output = inTransaction(this.#database, () => {
        const output = run()
        this.#store.settle()
        return output
      })
      this.#store.committed()
      return output
    } catch (error) {
      this.#store.rolledBack()
      throw error
    }
  }

  #answer(request: StoreRequest, run: () => unknown): void {
    const { id, method } = request
    try {
      this.#tell(request, run())
    } catch (error) {
      const { code, message } = storeFailure(actions[method], this.#file, error)
      this.#send({ id, ok: false, error: { code, message } }, [])
    }
  }

  /** The buffer of predictions goes back to who packed them. */
  #tell({ id, method, input }: StoreRequest, output: unknown): void {
    this.#send({ id, ok: true, output }, method === 'appendPredictions' ? [input.packed] : [])
  }

  #run<M extends StoreMethod>({ method, input }: StoreRequest<M>): StoreCalls[M]['output'] {
    return this.#handlers[method](input)
  }
}

const actions: Readonly<Record<StoreMethod, string>> = {
  appendPredictions: 'append predictions to',
  appendOutcomes: 'append outcomes to',
  find: 'find predictions in',
  replayRange: 'replay predictions from',
  replayWindow: 'replay predictions from',
  trim: 'let predictions go in',
  close: 'close',
}

function handlersOf(store: PredictionStore, reader: PredictionReader, close: () => null): Handlers {
  return {
    appendPredictions: input => store.appendPredictions(input),
    appendOutcomes: input => store.appendOutcomes(input),
    find: input => reader.find(input),
    replayRange: input => reader.replayRange(input),
    replayWindow: input => reader.replayWindow(input),
    trim: input => store.trim(input),
    close,
  }
}
