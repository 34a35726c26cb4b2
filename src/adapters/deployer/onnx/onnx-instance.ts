/** A model file served by a thread of this process. */
import { readFileSync, statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { VersionSpec } from '../../../core/endpoint.ts'
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { BackendRequest, BackendResponse, ModelMetadata } from '../../../ports/backend.ts'
import type { Clock } from '../../../ports/clock.ts'
import { workerFile } from '../../worker-file.ts'
import type { InstanceLog, InstanceState, ManagedInstance, OnChange } from '../managed.ts'
import { createRestartPolicy } from '../restart-policy.ts'
import type { WorkerInput, WorkerMessage } from './worker.ts'

type Waiting = { resolve: (response: BackendResponse) => void; reject: (error: CutoverError) => void }

export class OnnxInstance implements ManagedInstance {
  readonly id: string
  readonly wantsWholeBody = true
  state: InstanceState = 'starting'
  detail = 'loading'
  private readonly input: WorkerInput
  private readonly clock: Clock
  private readonly onChange: OnChange
  private readonly log: InstanceLog
  private readonly restarts = createRestartPolicy()
  private readonly waiting = new Map<number, Waiting>()
  private worker: Worker | null = null
  private model: ModelMetadata | null = null
  private lastId = 0
  private isStopped = false
  private restartTimer: NodeJS.Timeout | undefined

  constructor(options: { id: string; input: WorkerInput; clock: Clock; onChange: OnChange; log: InstanceLog }) {
    this.id = options.id
    this.input = options.input
    this.clock = options.clock
    this.onChange = options.onChange
    this.log = options.log
  }

  get inFlight(): number {
    return this.waiting.size
  }

  start(): void {
    const worker = new Worker(workerFile(import.meta.url, 'worker'), { workerData: this.input })
    this.worker = worker
    worker.on('message', (message: WorkerMessage) => this.heard(message))
    worker.on('error', error => this.crashed(worker, error instanceof Error ? error.message : String(error)))
    worker.on('exit', code => this.crashed(worker, `its thread ended with code ${code}`))
  }

  send(request: BackendRequest): Promise<BackendResponse> {
    const { worker } = this
    if (worker === null || this.state !== 'ready')
      return Promise.reject(new CutoverError('backend-unreachable', `${this.id} is not running`))
    if (this.waiting.size >= limits.instanceQueueMax) {
      return Promise.reject(
        new CutoverError('overloaded', `${limits.instanceQueueMax} requests wait in ${this.id} already`),
      )
    }
    if (!(request.body instanceof Uint8Array))
      return Promise.resolve(badRequest('the body is empty; an Open Inference Protocol request in JSON is needed'))
    const id = ++this.lastId
    const body = new Uint8Array(request.body)
    return new Promise<BackendResponse>((resolve, reject) => {
      const giveUp = (error: CutoverError): void => {
        if (this.waiting.delete(id)) reject(error)
      }
      const timer = setTimeout(
        () =>
          giveUp(
            new CutoverError('backend-timeout', `${this.id} did not answer in ${request.timeouts.firstByteMs} ms`),
          ),
        request.timeouts.firstByteMs,
      )
      request.signal.addEventListener(
        'abort',
        () => giveUp(new CutoverError('client-closed', 'the caller went away')),
        { once: true },
      )
      this.waiting.set(id, {
        resolve: response => {
          clearTimeout(timer)
          resolve(response)
        },
        reject: error => {
          clearTimeout(timer)
          reject(error)
        },
      })
      worker.postMessage({ id, body }, [body.buffer])
    })
  }

  metadata(): ModelMetadata | null {
    return this.model
  }

  async stop(): Promise<void> {
    this.isStopped = true
    clearTimeout(this.restartTimer)
    await this.worker?.terminate()
  }

  private heard(message: WorkerMessage): void {
    switch (message.type) {
      case 'loaded':
        this.model = { platform: 'onnxruntime_onnx', inputs: message.inputs, outputs: message.outputs }
        this.become('ready', 'loaded')
        break
      case 'unloadable':
        this.isStopped = true
        this.become('failed', message.message)
        void this.worker?.terminate()
        break
      case 'answer': {
        const one = this.waiting.get(message.id)
        this.waiting.delete(message.id)
        one?.resolve(jsonResponse(message.status, message.body))
        break
      }
      default:
        message satisfies never
    }
  }

  private crashed(worker: Worker, how: string): void {
    if (this.worker !== worker) return
    this.worker = null
    for (const one of this.waiting.values())
      one.reject(new CutoverError('backend-failed', `${this.id} broke off: ${how}`))
    this.waiting.clear()
    if (this.isStopped) return
    const { delayMs, hasFailed } = this.restarts.crashed(this.clock.nowMs())
    this.log('warn', `${this.id}: ${how}; starting it again in ${delayMs} ms`)
    this.become(hasFailed ? 'failed' : 'starting', how)
    this.restartTimer = setTimeout(() => this.start(), delayMs)
  }

  private become(state: InstanceState, detail: string): void {
    this.detail = detail
    if (this.state === state) return
    this.state = state
    this.onChange()
  }
}

function jsonResponse(status: number, body: Uint8Array): BackendResponse {
  return { status, headers: ['content-type', 'application/json', 'content-length', String(body.byteLength)], body }
}

function badRequest(error: string): BackendResponse {
  return jsonResponse(400, new TextEncoder().encode(JSON.stringify({ error })))
}

/** Loads the model once, in a thread of its own; throws 'model-invalid' with the path and the runtime's complaint. */
export async function checkModel(version: VersionSpec, path: string): Promise<void> {
  const where = `versions.${version.name}.onnx`
  const refuse = (message: string): CutoverError =>
    new CutoverError('model-invalid', `${where}: ${path} cannot be served: ${message}`, [
      { path: where, message, value: path },
    ])
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw refuse('no such file')
  if (!stat.isFile() || stat.size === 0) throw refuse(stat.isFile() ? 'the file is empty' : 'it is not a file')
  readFileSync(path)
  const worker = new Worker(workerFile(import.meta.url, 'worker'), {
    workerData: { endpoint: 'check', version: version.name, path } satisfies WorkerInput,
  })
  const message = await new Promise<WorkerMessage>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  }).catch((error: unknown): WorkerMessage => ({ type: 'unloadable', message: String(error) }))
  await worker.terminate()
  if (message.type === 'unloadable') throw refuse(message.message)
}
