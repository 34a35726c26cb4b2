import { Worker } from 'node:worker_threads'
import { assertNever, CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, ModelMetadata, Sending } from '../../../ports/backend.ts'
import { type BackendRequest, type BackendResponse, dispatchBySend } from '../by-promise.ts'
import { InFlight } from '../in-flight.ts'
import type { FleetInstance } from '../replica.ts'
import { bodyBytes } from './body-bytes.ts'
import type { FromWorker, ToWorker, WorkerPlan } from './worker-messages.ts'

/** Requests inside the worker: one that runs and one that waits, so that it need not wait for the main thread. */
const insideMax = 2

/** How long a stopped thread may go on with what it runs before nobody waits for it any longer. */
const stopGraceMs = 4_000

type Pending = {
  body: Uint8Array<ArrayBuffer>
  encoding: string
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
  #abandoned = 0
  #metadata: ModelMetadata | null = null
  #nextId = 0
  #hasEnded = false

  constructor(id: string, workerUrl: URL, plan: WorkerPlan, events: OnnxInstanceEvents) {
    this.id = id
    this.#events = events
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
    this.#waiting.set(id, { body, encoding: field(request.headers, 'content-encoding'), resolve, reject })
    this.#feed()
    return promise.finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    })
  }

  /** Moves waiting requests into the worker. */
  #feed(): void {
    for (const [id, pending] of this.#waiting) {
      if (this.#inside.size >= insideMax) return
      this.#waiting.delete(id)
      this.#inside.set(id, pending)
      const { body, encoding } = pending
      this.#tell({ kind: 'infer', id, body, encoding }, [body.buffer])
    }
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
      case 'answer':
        this.#answered(message.id, message.status, message.body)
        return
      default:
        assertNever(message)
    }
  }

  #answered(id: number, status: number, body: Uint8Array): void {
    const pending = this.#inside.get(id)
    this.#inside.delete(id)
    this.#feed()
    if (pending) pending.resolve(jsonResponse(status, body))
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

/** What can be said without a look at the body. */
function refuse(request: BackendRequest): BackendResponse | null {
  if (request.method !== 'POST') return errorResponse(405, `an ONNX model takes POST, not ${request.method}`)
  if (field(request.headers, 'inference-header-content-length') === '') return null
  const advice = 'send tensors as JSON (in tritonclient: set_data_from_numpy(…, binary_data=False))'
  return errorResponse(400, `the binary tensor extension is not supported here; ${advice}`)
}

function callerLeft(request: BackendRequest, cause?: unknown): CutoverError {
  const reason: unknown = request.signal.reason
  if (reason instanceof CutoverError) return reason
  return new CutoverError('client-closed', 'the caller broke off the request', [], cause ?? reason)
}

/** The value of a header field, empty if there is none. */
function field(headers: readonly string[], name: string): string {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const candidate = headers[at] ?? ''
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[at + 1] ?? ''
  }
  return ''
}

function errorResponse(status: number, error: string): BackendResponse {
  return jsonResponse(status, new TextEncoder().encode(JSON.stringify({ error })))
}

function jsonResponse(status: number, body: Uint8Array): BackendResponse {
  return { status, headers: ['content-type', 'application/json', 'content-length', String(body.byteLength)], body }
}
