import { Worker } from 'node:worker_threads'
import { assertNever, CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, ModelMetadata, Sending } from '../../../ports/backend.ts'
import { type BackendRequest, type BackendResponse, dispatchBySend } from '../by-promise.ts'
import { InFlight } from '../in-flight.ts'
import type { FleetInstance } from '../replica.ts'
import { bodyBytes } from './body-bytes.ts'
import { bodyForm, callerLeft, errorResponse, refuse, responseOf } from './infer-call.ts'
import { holdMs, Pace } from './pace.ts'
import { pack } from './packed.ts'
import type { AnswerItem, FromWorker, InferItem, ToWorker, WorkerPlan } from './worker-messages.ts'

/** How long a stopped thread may go on with what it runs before nobody waits for it any longer. */
const stopGraceMs = 4_000

type Pending = Omit<InferItem, 'id'> & {
  sinceMs: number
  resolve(response: BackendResponse): void
  reject(error: CutoverError): void
}

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
  /** In order of arrival; a request that is given up while it waits here never reaches the worker. */
  readonly #waiting = new Map<number, Pending>()
  /** Null for one that was given up while the worker had it. */
  readonly #inside = new Map<number, Pending | null>()
  readonly #pace: Pace
  readonly #batch: WorkerPlan['batch']
  /** What comes in one turn of the event loop goes to the worker in one message, at the end of that turn. */
  #feedsSoon = false
  #holdTimer: NodeJS.Timeout | undefined
  #abandoned = 0
  #metadata: ModelMetadata | null = null
  #nextId = 0
  #hasEnded = false

  constructor(id: string, workerUrl: URL, plan: WorkerPlan, events: OnnxInstanceEvents) {
    this.id = id
    this.#events = events
    this.#batch = plan.batch
    this.#pace = new Pace(plan.batch)
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
    return this.#load.count + this.#abandoned
  }

  metadata(): ModelMetadata | null {
    return this.#metadata
  }

  idle(): Promise<void> {
    return this.#load.idle()
  }

  /**
   * Takes an Open Inference Protocol body at any path. A request that does not fit the model resolves with 400 and
   * `{"error": …}` rather than rejecting: it is the caller's fault and says nothing about the version. The bytes are
   * copied, since the caller may still mirror or record them.
   */
  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    return dispatchBySend(request => this.#send(request), call, sink)
  }

  async #send(request: BackendRequest): Promise<BackendResponse> {
    if (request.signal.aborted) throw callerLeft(request)
    if (this.inFlight >= limits.instanceQueueMax) throw this.#overloaded()
    const refusal = refuse(request)
    if (refusal !== null) return refusal
    this.#load.enter()
    try {
      const body = await bodyBytes(request.body)
      if (body === null) return errorResponse(413, `the body is larger than ${limits.inferenceBodyBytesMax} bytes`)
      return await this.#ask(body, request)
    } catch (error) {
      throw error instanceof CutoverError ? error : callerLeft(request, error)
    } finally {
      this.#load.leave()
    }
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

  #ask(body: Uint8Array<ArrayBuffer>, request: BackendRequest): Promise<BackendResponse> {
    if (request.signal.aborted) throw callerLeft(request)
    if (this.#hasEnded) throw new CutoverError('backend-failed', `${this.id} has ended`)
    const { promise, resolve, reject } = Promise.withResolvers<BackendResponse>()
    const id = this.#nextId++
    const { signal, timeouts } = request
    const giveUp = (error: CutoverError) => {
      if (this.#forget(id)) reject(error)
    }
    const onAbort = () => giveUp(callerLeft(request))
    const timer = setTimeout(() => giveUp(this.#timedOut(timeouts.firstByteMs)), timeouts.firstByteMs)
    signal.addEventListener('abort', onAbort)
    this.#waiting.set(id, { body, ...bodyForm(request), sinceMs: performance.now(), resolve, reject })
    this.#feedSoon()
    return promise.finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    })
  }

  #feedSoon(): void {
    if (this.#feedsSoon) return
    this.#feedsSoon = true
    setImmediate(() => {
      this.#feedsSoon = false
      this.#feed()
    })
  }

  /** Moves waiting requests into the worker, as many as it has room for. */
  #feed(): void {
    const [oldest] = this.#waiting.values()
    const room = this.#pace.insideMax - this.#inside.size
    if (oldest === undefined || room <= 0 || this.#hasEnded) return
    const waiting = { count: this.#waiting.size, oldestMs: oldest.sinceMs }
    const leftMs = holdMs(this.#batch, waiting, performance.now())
    if (leftMs > 0) this.#feedIn(leftMs)
    else this.#give([...this.#waiting].slice(0, room))
  }

  #feedIn(delayMs: number): void {
    clearTimeout(this.#holdTimer)
    // A timer may ring a little early: what is left of a millisecond is waited for as a whole one.
    this.#holdTimer = setTimeout(() => this.#feed(), Math.ceil(delayMs))
  }

  #give(given: readonly (readonly [number, Pending])[]): void {
    const { bodies, buffers } = pack(
      given.map(([, { body }]) => [body]),
      true,
    )
    const items = given.map(([id, { encoding, jsonBytes }], at) => {
      return { id, encoding, jsonBytes, body: bodies[at] ?? new Uint8Array() }
    })
    for (const [id, pending] of given) {
      this.#waiting.delete(id)
      this.#inside.set(id, pending)
    }
    this.#tell({ kind: 'infer', items }, buffers)
  }

  #tell(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  /** False if it was answered already. */
  #forget(id: number): boolean {
    if (this.#waiting.delete(id)) return true
    if (!this.#inside.get(id)) return false
    this.#inside.set(id, null)
    this.#abandoned += 1
    return true
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
        this.#pace.note(message.answers.length, message.busyMs)
        for (const answer of message.answers) this.#answered(answer)
        this.#feed()
        return
      default:
        assertNever(message)
    }
  }

  #answered({ id, ...answer }: AnswerItem): void {
    const pending = this.#inside.get(id)
    this.#inside.delete(id)
    if (pending) pending.resolve(responseOf(answer))
    else this.#abandoned -= 1
  }

  #end(detail: string, final: boolean): void {
    if (!this.#fail(detail)) return
    this.#events.ended(detail, final)
  }

  /** Fails all that is in flight; false if that was done before. */
  #fail(detail: string): boolean {
    if (this.#hasEnded) return false
    this.#hasEnded = true
    clearTimeout(this.#holdTimer)
    const error = new CutoverError('backend-failed', `${this.id}: ${detail}`)
    for (const pending of [...this.#inside.values(), ...this.#waiting.values()]) pending?.reject(error)
    this.#inside.clear()
    this.#waiting.clear()
    this.#abandoned = 0
    return true
  }

  #overloaded(): CutoverError {
    return new CutoverError('overloaded', `${this.inFlight} requests wait for ${this.id}; the most is this many`)
  }

  #timedOut(timeMs: number): CutoverError {
    return new CutoverError('backend-timeout', `${this.id} did not answer within ${timeMs} ms`)
  }
}
