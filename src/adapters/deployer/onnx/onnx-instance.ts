import { Worker } from 'node:worker_threads'
import { assertNever, CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, ModelMetadata, Sending } from '../../../ports/backend.ts'
import { InFlight } from '../in-flight.ts'
import type { FleetInstance } from '../replica.ts'
import { InferQueue } from './infer-queue.ts'
import { bodyForm, InferSending, refusal } from './infer-sending.ts'
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
  readonly #load = new InFlight()
  readonly #queue: InferQueue
  #metadata: ModelMetadata | null = null
  #hasEnded = false

  constructor(id: string, workerUrl: URL, plan: WorkerPlan, events: OnnxInstanceEvents) {
    this.id = id
    this.#events = events
    this.#queue = new InferQueue(plan.batch, (items, buffers) => this.#tell({ kind: 'infer', items }, buffers))
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
    return this.#load.count + this.#queue.abandoned
  }

  metadata(): ModelMetadata | null {
    return this.#metadata
  }

  idle(): Promise<void> {
    return this.#load.idle()
  }

  /**
   * Takes an Open Inference Protocol body at any path. A request that does not fit the model is answered with 400 and
   * `{"error": …}` rather than failing: it is the caller's fault and says nothing about the version.
   */
  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    const problem = this.#problem(call)
    if (problem !== null) return told(sink, sending => sending.fail(problem))
    const refused = refusal(call)
    if (refused !== null) return told(sink, sending => sending.answer(refused))
    return this.#ask(call, sink)
  }

  /**
   * Fails what is in flight and lets the thread end. It is not terminated, since that aborts the process if onnxruntime
   * runs; a run that takes long goes on without anybody waiting for it. No event comes afterwards.
   */
  async close(): Promise<void> {
    this.#fail('the model is being stopped')
    this.#tell({ kind: 'stop' })
    const patience = Promise.withResolvers<void>()
    const timer = setTimeout(patience.resolve, stopGraceMs)
    await Promise.race([this.#exited, patience.promise])
    clearTimeout(timer)
    this.#worker.unref()
  }

  #problem({ body }: BackendCall): CutoverError | null {
    if (this.#hasEnded) return new CutoverError('backend-failed', `${this.id} has ended`)
    if (this.inFlight >= limits.instanceQueueMax) {
      return new CutoverError('overloaded', `${this.inFlight} requests wait for ${this.id}; the most is this many`)
    }
    if (body === null || body instanceof Uint8Array) return null
    return new CutoverError('invalid-request', 'an ONNX model takes bodies whole')
  }

  #ask(call: BackendCall, sink: AnswerSink): Sending {
    const { firstByteMs, totalMs = firstByteMs } = call.timeouts
    const timeMs = Math.min(firstByteMs, totalMs)
    const sending = new InferSending(sink, () => {
      clearTimeout(timer)
      this.#queue.forget(id)
      this.#load.leave()
    })
    this.#load.enter()
    const timer = setTimeout(() => sending.fail(this.#timedOut(timeMs)), timeMs)
    const body = call.body instanceof Uint8Array ? call.body : new Uint8Array()
    const id = this.#queue.add({ body, ...bodyForm(call), sinceMs: performance.now(), sending })
    return sending
  }

  #tell(message: ToWorker, transfer: ArrayBuffer[] = []): void {
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
        this.#queue.answered(message.answers, message.busyMs)
        return
      default:
        assertNever(message)
    }
  }

  #end(detail: string, final: boolean): void {
    if (!this.#fail(detail)) return
    this.#events.ended(detail, final)
  }

  /** Fails all that is in flight; false if that was done before. */
  #fail(detail: string): boolean {
    if (this.#hasEnded) return false
    this.#hasEnded = true
    this.#queue.failAll(new CutoverError('backend-failed', `${this.id}: ${detail}`))
    return true
  }

  #timedOut(timeMs: number): CutoverError {
    return new CutoverError('backend-timeout', `${this.id} did not answer within ${timeMs} ms`)
  }
}

/** Once `dispatch` has returned: a sink is told nothing before. */
function told(sink: AnswerSink, tell: (sending: InferSending) => void): Sending {
  const sending = new InferSending(sink, () => {})
  queueMicrotask(() => tell(sending))
  return sending
}
