/** One call to a model under way, and the answer to it as HTTP. */
import type { CutoverError } from '../../../core/errors.ts'
import { fieldOf } from '../../../core/http/field-lines.ts'
import { jsonBytesOf } from '../../../core/http/json-bytes.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../ports/backend.ts'
import type { BodyForm } from './infer-body.ts'
import type { AnswerItem } from './worker-messages.ts'

export type InferAnswer = Omit<AnswerItem, 'id'>

/** Tells its sink once, and nothing once it was cancelled. `onOver` is called once whatever comes of it. */
export class InferSending implements Sending {
  readonly #sink: AnswerSink
  readonly #onOver: () => void
  #isOver = false
  /** A sink may cancel while it is told. */
  #isCancelled = false

  constructor(sink: AnswerSink, onOver: () => void) {
    this.#sink = sink
    this.#onOver = onOver
  }

  answer({ status, body, jsonBytes }: InferAnswer): void {
    if (!this.#over()) return
    this.#sink.onHead(status, jsonBytes === null ? jsonFields : binaryFields(jsonBytes), body.byteLength)
    if (!this.#isCancelled && body.byteLength > 0) this.#sink.onBody(body, true)
    if (!this.#isCancelled) this.#sink.onEnd()
  }

  fail(error: CutoverError): void {
    if (this.#over()) this.#sink.onFail(error)
  }

  cancel(): void {
    this.#isCancelled = true
    this.#over()
  }

  /** Bodies come whole, both ways: there is nothing to hold back. */
  pause(): void {}
  resume(): void {}
  write(): boolean {
    return true
  }
  end(): void {}

  #over(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#onOver()
    return true
  }
}

/** What can be answered without a look at the body; null if there is nothing to refuse. */
export function refusal({ method, fields, body }: BackendCall): InferAnswer | null {
  if (method !== 'POST') return errorAnswer(405, `an ONNX model takes POST, not ${method}`)
  if (body !== null && body instanceof Uint8Array && body.byteLength > limits.inferenceBodyBytesMax) {
    return errorAnswer(413, `the body is larger than ${limits.inferenceBodyBytesMax} bytes`)
  }
  const stated = fieldOf(fields, 'inference-header-content-length')
  if (stated === undefined || jsonBytesOf(fields) !== null) return null
  return errorAnswer(400, `Inference-Header-Content-Length is a number of bytes, not "${stated.slice(0, 40)}"`)
}

export function bodyForm({ fields }: BackendCall): BodyForm {
  return { encoding: fieldOf(fields, 'content-encoding') ?? '', jsonBytes: jsonBytesOf(fields) }
}

function errorAnswer(status: number, error: string): InferAnswer {
  return { status, body: new TextEncoder().encode(JSON.stringify({ error })), jsonBytes: null }
}

const jsonFields = 'content-type: application/json\r\n'

function binaryFields(jsonBytes: number): string {
  return `content-type: application/octet-stream\r\ninference-header-content-length: ${jsonBytes}\r\n`
}
