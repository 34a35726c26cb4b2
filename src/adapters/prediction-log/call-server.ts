/** Answers the calls of the gateway's thread, in their order, and commits together what waits together. */
import { assertNever } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { SqlDatabase } from '../sql/database.ts'
import { Blocks } from './blocks.ts'
import { PredictionReader } from './prediction-reader.ts'
import { PredictionStore } from './prediction-store.ts'
import type { StoreMethod, StoreRequest } from './store-calls.ts'
import type { CallReply } from './worker-calls.ts'

type Parts = { store: PredictionStore; reader: PredictionReader }

/** Since when the database cannot be reached, and why. */
type Away = { sinceMs: number; cause: unknown }

/** A database that cannot be reached is tried again this often. */
const awayPauseMs = 250

export class CallServer {
  readonly #database: SqlDatabase
  readonly #send: (reply: CallReply, transfer: ArrayBuffer[]) => void
  readonly #ended: () => void
  #parts: Parts
  #queue: StoreRequest[] = []
  /** What is remembered of the tables may be wrong from then on. */
  #away: Away | null = null
  /** Predictions that wait for it. */
  #held: StoreRequest[] = []
  #retry: NodeJS.Timeout | null = null

  constructor(options: {
    database: SqlDatabase
    send: (reply: CallReply, transfer: ArrayBuffer[]) => void
    ended: () => void
  }) {
    const { database, send, ended } = options
    this.#database = database
    this.#send = send
    this.#ended = ended
    this.#parts = partsOf(database)
  }

  receive(request: StoreRequest): void {
    this.#queue.push(request)
    if (this.#queue.length === 1) setImmediate(() => this.#drain())
  }

  /** Neighbouring appends share a transaction, and so one flush to the disk. */
  #drain(): void {
    const requests = [...this.#held, ...this.#queue]
    this.#held = []
    this.#queue = []
    this.#lookForIt()
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
    const outputs = appends.length < 2 || this.#away !== null ? null : this.#commitTogether(appends)
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
    const { store } = this.#parts
    try {
      const output = this.#database.transact(() => {
        const output = run()
        store.settle()
        return output
      })
      store.committed()
      return output
    } catch (error) {
      if (!this.#noteAway(error)) store.rolledBack()
      throw error
    }
  }

  #answer(request: StoreRequest, run: () => unknown): void {
    // It may be there again by now, and what is remembered of it is not.
    if (this.#away !== null) {
      this.#sitOut(request, this.#away)
      return
    }
    try {
      this.#tell(request, run())
    } catch (error) {
      const away = this.#noteAway(error)
      if (away === null) this.#fail(request, error)
      else this.#sitOut(request, away)
    }
  }

  #noteAway(cause: unknown): Away | null {
    if (!this.#database.isAway(cause)) return null
    this.#away ??= { sinceMs: performance.now(), cause }
    return this.#away
  }

  /** Where the database was away all is read anew first. */
  #lookForIt(): void {
    const away = this.#away
    if (away === null) return
    try {
      this.#parts = partsOf(this.#database)
      this.#away = null
    } catch (cause) {
      this.#away = { ...away, cause }
    }
  }

  /** Predictions wait, since nobody would send them again; others learn of it at once. */
  #sitOut(request: StoreRequest, { sinceMs, cause }: Away): void {
    const isPatient = performance.now() - sinceMs < limits.databaseAwayMs
    const waits = request.method === 'appendPredictions' && isPatient
    if (request.method === 'close') this.#tell(request, this.#close())
    else if (!waits) this.#fail(request, cause)
    else this.#hold(request)
  }

  /** Whether it was committed before the connection broke is not known. */
  #hold(request: StoreRequest): void {
    if (request.method === 'appendPredictions') request.input.again = true
    this.#held.push(request)
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.#drain()
    }, awayPauseMs)
  }

  /** The buffer of predictions goes back to who packed them. */
  #tell({ id, method, input }: StoreRequest, output: unknown): void {
    this.#send({ id, ok: true, output }, method === 'appendPredictions' ? [input.packed] : [])
  }

  #fail({ id, method }: StoreRequest, cause: unknown): void {
    const { code, message } = this.#database.failure(actions[method], cause)
    this.#send({ id, ok: false, error: { code, message } }, [])
  }

  #close(): null {
    this.#database.close()
    setImmediate(this.#ended)
    return null
  }

  #run({ method, input }: StoreRequest): unknown {
    const { store, reader } = this.#parts
    switch (method) {
      case 'appendPredictions':
        return store.appendPredictions(input)
      case 'appendOutcomes':
        return store.appendOutcomes(input)
      case 'find':
        return reader.find(input)
      case 'replayRange':
        return reader.replayRange(input)
      case 'replayWindow':
        return reader.replayWindow(input)
      case 'trim':
        return store.trim(input)
      case 'close':
        return this.#close()
      default:
        return assertNever(method)
    }
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

function partsOf(database: SqlDatabase): Parts {
  const blocks = new Blocks(database)
  return { store: new PredictionStore(database, blocks), reader: new PredictionReader(database, blocks) }
}
