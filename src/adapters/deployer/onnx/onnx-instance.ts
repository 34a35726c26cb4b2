import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { assertNever } from '../../../core/errors.ts'
import type { AnswerSink, BackendCall, ModelMetadata, Sending } from '../../../ports/backend.ts'
import type { Reach } from '../reach.ts'
import type { FleetInstance } from '../replica.ts'
import { ModelCalls } from './model-calls.ts'
import type { FromWorker, ToWorker, WorkerPlan } from './worker-messages.ts'

/** How long a stopped thread may go on with what it runs before nobody waits for it any longer. */
const stopGraceMs = 4_000

export type OnnxInstanceEvents = {
  loaded(): void
  /** Nothing of it runs any more; `final` if the model cannot be loaded. */
  ended(detail: string, final: boolean): void
}

/** A model in a thread of its own. */
export class OnnxInstance implements FleetInstance {
  readonly id: string
  readonly wantsWholeBody = true
  readonly #worker: Worker
  readonly #exited: Promise<void>
  readonly #events: OnnxInstanceEvents
  readonly #plan: WorkerPlan
  readonly #calls: ModelCalls
  #metadata: ModelMetadata | null = null

  constructor(id: string, workerUrl: URL, plan: WorkerPlan, events: OnnxInstanceEvents) {
    this.id = id
    this.#events = events
    this.#plan = plan
    this.#calls = new ModelCalls(id, plan.batch, (items, buffers) => this.#tell({ kind: 'infer', items }, buffers))
    this.#worker = new Worker(workerUrl, { workerData: plan, name: id })
    this.#worker.on('message', (message: FromWorker) => this.#hear(message))
    this.#worker.on('error', (error: Error) => this.#end(`the thread of the model failed: ${error.message}`, false))
    this.#exited = new Promise(resolve => {
      this.#worker.on('exit', code => {
        this.#end(`the thread of the model ended with code ${code}`, false)
        resolve()
      })
    })
  }

  get inFlight(): number {
    return this.#calls.inFlight
  }

  metadata(): ModelMetadata | null {
    return this.#metadata
  }

  idle(): Promise<void> {
    return this.#calls.idle()
  }

  /** Each thread has a way of its own to the model, past this one. */
  reach(): Reach {
    const { port1, port2 } = new MessageChannel()
    this.#tell({ kind: 'connect', port: port1 }, [port1])
    return { kind: 'model', id: this.id, port: port2, batch: this.#plan.batch, metadata: this.#metadata }
  }

  /** Whether the model works is known here anyway. */
  heard(): void {}

  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    return this.#calls.dispatch(call, sink)
  }

  /**
   * Fails what is in flight and lets the thread end. It is not terminated, since that aborts the process if onnxruntime
   * runs; a run that takes long goes on without anybody waiting for it. No event comes afterwards.
   */
  async close(): Promise<void> {
    this.#calls.fail('the model is being stopped')
    this.#tell({ kind: 'stop' })
    const patience = Promise.withResolvers<void>()
    const timer = setTimeout(patience.resolve, stopGraceMs)
    await Promise.race([this.#exited, patience.promise])
    clearTimeout(timer)
    this.#worker.unref()
  }

  #tell(message: ToWorker, transfer: (ArrayBuffer | MessagePort)[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'loaded':
        this.#metadata = message.metadata
        this.#events.loaded()
        return
      case 'failed':
        this.#end(message.message, true)
        return
      case 'answers':
        this.#calls.answered(message)
        return
      default:
        assertNever(message)
    }
  }

  #end(detail: string, final: boolean): void {
    if (this.#calls.fail(detail)) this.#events.ended(detail, final)
  }
}
