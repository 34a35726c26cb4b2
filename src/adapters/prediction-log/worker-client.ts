/** Calls into a store's thread. A thread that ends takes its unanswered calls with it, and every later one. */
import { getHeapStatistics } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { type CallReply, type Calls, type OpenNotice, openReplyId } from './worker-calls.ts'

export type WorkerEvents = {
  onNotice?: (notice: OpenNotice) => void
  /** The thread has ended by itself, which nobody had asked for; not before it has let go of its store. */
  onLost?: (error: CutoverError) => void
}

type Settle = { resolve: (output: unknown) => void; reject: (error: CutoverError) => void }

export class WorkerClient<C extends Calls> {
  readonly #worker: Worker
  readonly #name: string
  readonly #pending = new Map<number, Settle>()
  readonly #exited: Promise<void>
  readonly #events: WorkerEvents
  #lastId = openReplyId
  #ended: CutoverError | null = null
  #isOpen = false
  #isClosing = false

  /** Resolves when the thread has opened what `name` says, which errors name; rejects with why it could not. */
  static async open<C extends Calls>(
    script: URL,
    data: { name: string },
    events: WorkerEvents = {},
  ): Promise<WorkerClient<C>> {
    const client = new WorkerClient<C>(script, data, events)
    await client.#reply(openReplyId)
    client.#isOpen = true
    return client
  }

  private constructor(script: URL, data: { name: string }, events: WorkerEvents) {
    this.#name = data.name
    this.#events = events
    this.#worker = new Worker(script, {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax() },
    })
    this.#worker.on('message', (message: CallReply | OpenNotice) => {
      if ('packing' in message) this.#events.onNotice?.(message)
      else this.#settle(message)
    })
    this.#worker.on('error', error => this.#end(error))
    this.#worker.on('messageerror', error => this.#end(error))
    this.#exited = new Promise(resolve => {
      this.#worker.once('exit', code => {
        this.#end(new Error(`its thread ended with code ${code}`))
        resolve()
        if (this.#isOpen && !this.#isClosing && this.#ended !== null) this.#events.onLost?.(this.#ended)
      })
    })
  }

  /** Buffers in `transfer` are gone from this thread afterwards. */
  async call<M extends keyof C>(
    method: M,
    input: C[M]['input'],
    transfer: ArrayBuffer[] = [],
  ): Promise<C[M]['output']> {
    if (this.#ended !== null) throw this.#ended
    const id = ++this.#lastId
    const reply = this.#reply(id)
    try {
      this.#worker.postMessage({ id, method, input }, transfer)
    } catch (error) {
      this.#pending.get(id)?.reject(failure(this.#name, error))
      this.#pending.delete(id)
    }
    return reply as Promise<C[M]['output']>
  }

  /** Answers what was called before, then ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#ended === null) {
      const closing = this.call('close', null)
      this.#ended = new CutoverError('store-failed', `${this.#name} is closed`)
      try {
        await closing
      } catch (error) {
        await this.#worker.terminate()
        throw error
      }
    }
    await this.#exited
  }

  #reply(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }))
  }

  #settle(reply: CallReply): void {
    const settle = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (reply.ok) settle?.resolve(reply.output)
    else settle?.reject(new CutoverError(reply.error.code, reply.error.message))
  }

  #end(cause: unknown): void {
    const error = failure(this.#name, cause)
    this.#ended ??= error
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

/** No more than any other thread has: on a small machine that is less. */
function heapMegabytesMax(): number {
  return Math.min(limits.storeHeapMegabytesMax, Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20))
}

function failure(name: string, cause: unknown): CutoverError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new CutoverError('store-failed', `the store of ${name} failed: ${message}`, [], cause)
}
