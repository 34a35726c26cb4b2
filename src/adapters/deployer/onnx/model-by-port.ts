import type { MessagePort } from 'node:worker_threads'
import type { AnswerSink, BackendCall, Instance, ModelMetadata, Sending } from '../../../ports/backend.ts'
import { ModelCalls } from './model-calls.ts'
import type { AnswersMessage, BatchPlan, ToModel } from './worker-messages.ts'

/** A model in a thread that another thread started. */
export class ModelByPort implements Instance {
  readonly id: string
  readonly wantsWholeBody = true
  readonly #port: MessagePort
  readonly #metadata: ModelMetadata | null
  readonly #calls: ModelCalls

  constructor(
    way: { id: string; port: MessagePort; batch: BatchPlan | null; metadata: ModelMetadata | null },
    inFlightMax: number,
  ) {
    const { id, port, batch, metadata } = way
    this.id = id
    this.#port = port
    this.#metadata = metadata
    const give = (items: ToModel['items'], buffers: ArrayBuffer[]): void =>
      port.postMessage({ kind: 'infer', items } satisfies ToModel, buffers)
    this.#calls = new ModelCalls(id, batch, give, inFlightMax)
    port.on('message', (message: AnswersMessage) => this.#calls.answered(message))
    port.on('close', () => this.#calls.fail('the thread of the model ended'))
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

  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    return this.#calls.dispatch(call, sink)
  }

  /** Fails what is in flight. */
  close(): void {
    this.#calls.fail('the model is being stopped')
    this.#port.close()
  }
}
