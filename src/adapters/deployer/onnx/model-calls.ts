/** Calls of one thread to a model in another: the queue before it, and what is inside it. */
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../ports/backend.ts'
import { InFlight } from '../in-flight.ts'
import { type Give, InferQueue } from './infer-queue.ts'
import { bodyForm, InferSending, refusal } from './infer-sending.ts'
import type { AnswersMessage, BatchPlan } from './worker-messages.ts'

export class ModelCalls {
  readonly #id: string
  readonly #load = new InFlight()
  readonly #queue: InferQueue
  readonly #inFlightMax: number
  #hasEnded = false

  constructor(id: string, batch: BatchPlan | null, give: Give, inFlightMax: number = limits.instanceQueueMax) {
    this.#id = id
    this.#queue = new InferQueue(batch, give)
    this.#inFlightMax = inFlightMax
  }

  get inFlight(): number {
    return this.#load.count + this.#queue.abandoned
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

  answered({ answers, busyMs }: AnswersMessage): void {
    this.#queue.answered(answers, busyMs)
  }

  /** Fails all that is in flight, and all that comes; false if that was done before. */
  fail(detail: string): boolean {
    if (this.#hasEnded) return false
    this.#hasEnded = true
    this.#queue.failAll(new CutoverError('backend-failed', `${this.#id}: ${detail}`))
    return true
  }

  #problem({ body }: BackendCall): CutoverError | null {
    if (this.#hasEnded) return new CutoverError('backend-failed', `${this.#id} has ended`)
    if (this.inFlight >= this.#inFlightMax) {
      return new CutoverError('overloaded', `${this.inFlight} requests wait for ${this.#id}; the most is this many`)
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
    const sinceMs = performance.now()
    // Half of its time is for running it.
    const id = this.#queue.add({ body, ...bodyForm(call), sinceMs, lastMs: sinceMs + timeMs / 2, sending })
    return sending
  }

  #timedOut(timeMs: number): CutoverError {
    return new CutoverError('backend-timeout', `${this.#id} did not answer within ${timeMs} ms`)
  }
}

/** Once `dispatch` has returned: a sink is told nothing before. */
function told(sink: AnswerSink, tell: (sending: InferSending) => void): Sending {
  const sending = new InferSending(sink, () => {})
  queueMicrotask(() => tell(sending))
  return sending
}
