/** Instances that are asked and answer by promise and stream, behind the port's calls. */
import { Readable } from 'node:stream'
import { CutoverError } from '../../core/errors.ts'
import { tokensOf } from '../../core/http/chars.ts'
import { fieldPairs, linesOf } from '../../core/http/field-lines.ts'
import { connectionFields, isOwnField } from '../../core/http-fields.ts'
import type { AnswerSink, BackendCall, Sending } from '../../ports/backend.ts'

export type BackendRequest = {
  method: string
  path: string
  /** Name, value, name, value … `content-length` is among them exactly when the length of the body is known. */
  headers: readonly string[]
  body: Uint8Array | Readable | null
  timeouts: BackendCall['timeouts']
  /** Aborts when the call is cancelled. */
  signal: AbortSignal
}

export type BackendResponse = {
  status: number
  /** Name, value, name, value … */
  headers: readonly string[]
  /** Fails, rather than ends, when the server breaks off. */
  body: Readable | Uint8Array
}

export function dispatchBySend(
  send: (request: BackendRequest) => Promise<BackendResponse>,
  call: BackendCall,
  sink: AnswerSink,
): Sending {
  const sending = new PromisedSending(call, sink)
  send(sending.request).then(
    response => sending.answered(response),
    (error: unknown) => sending.failed(error),
  )
  return sending
}

class PromisedSending implements Sending {
  readonly request: BackendRequest
  readonly #sink: AnswerSink
  readonly #controller = new AbortController()
  readonly #upload: Upload | null
  #answer: Readable | null = null
  #isPaused = false
  #isOver = false

  constructor(call: BackendCall, sink: AnswerSink) {
    this.#sink = sink
    const { method, path, fields, body, timeouts } = call
    const streams = body !== null && !(body instanceof Uint8Array)
    this.#upload = streams ? new Upload(() => !this.#isOver && sink.onDrain()) : null
    const bytes = body instanceof Uint8Array ? body.length : (body?.bytes ?? null)
    const headers = fieldPairs(fields)
    if (bytes !== null) headers.push('content-length', String(bytes))
    const { signal } = this.#controller
    this.request = { method, path, headers, body: streams ? this.#upload : body, timeouts, signal }
  }

  answered({ status, headers, body }: BackendResponse): void {
    if (this.#isOver) {
      discard(body)
      return
    }
    const fault = faultOf(status, headers)
    if (fault !== null) {
      discard(body)
      this.failed(new CutoverError('backend-failed', `the model server answered with ${fault}`))
      return
    }
    const { lines, bodyBytes } = answerLines(headers)
    const whole = body instanceof Uint8Array ? body : null
    this.#sink.onHead(status, lines, whole !== null && this.request.method !== 'HEAD' ? whole.length : bodyBytes)
    if (this.#isOver) discard(body)
    else if (whole !== null) this.#all(whole)
    else this.#stream(body as Readable)
  }

  failed(thrown: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#sink.onFail(asFailure(thrown))
  }

  write(chunk: Uint8Array): boolean {
    return this.#upload?.push(new Uint8Array(chunk)) ?? true
  }

  end(): void {
    this.#upload?.push(null)
  }

  pause(): void {
    this.#isPaused = true
    this.#answer?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#answer?.resume()
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    const reason = new CutoverError('client-closed', 'the call is not wanted any more')
    this.#controller.abort(reason)
    this.#upload?.destroy()
    this.#answer?.destroy()
  }

  #all(body: Uint8Array): void {
    if (body.length > 0) this.#sink.onBody(body, true)
    if (this.#isOver) return
    this.#isOver = true
    this.#sink.onEnd()
  }

  #stream(body: Readable): void {
    this.#answer = body
    body.on('data', (chunk: Uint8Array) => {
      if (!this.#isOver) this.#sink.onBody(chunk, false)
    })
    body.on('end', () => {
      if (this.#isOver) return
      this.#isOver = true
      this.#sink.onEnd()
    })
    body.on('error', error => this.failed(error))
    body.on('close', () => this.failed(null))
    if (this.#isPaused) body.pause()
  }
}

/** The caller's body on its way; pieces wait here while nobody reads. */
class Upload extends Readable {
  readonly #onDrain: () => void

  constructor(onDrain: () => void) {
    super()
    this.#onDrain = onDrain
    this.on('error', () => {})
  }

  override _read(): void {
    this.#onDrain()
  }
}

/** What of it the port does not allow; null if all is well. */
function faultOf(status: number, headers: readonly string[]): string | null {
  if (!Number.isInteger(status) || status < 200 || status > 599) return `the status ${status}`
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (
      /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(headers[at] ?? '') &&
      /^[\t\x20-\x7e\x80-\xff]*$/.test(headers[at + 1] ?? '')
    )
      continue
    return 'header fields that HTTP does not allow'
  }
  return null
}

function answerLines(headers: readonly string[]): { lines: string; bodyBytes: number | null } {
  const named = namedByConnection(headers)
  const kept: string[] = []
  let bodyBytes: number | null = null
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const lower = (headers[at] ?? '').toLowerCase()
    if (lower === 'content-length') bodyBytes = Number(headers[at + 1])
    else if (!connectionFields.has(lower) && !named.has(lower) && !isOwnField(lower))
      kept.push(headers[at] ?? '', headers[at + 1] ?? '')
  }
  return { lines: linesOf(kept), bodyBytes }
}

/** `Connection: close, x-hop` makes `x-hop` a field of the connection too. */
function namedByConnection(headers: readonly string[]): Set<string> {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'connection')
  return new Set(values.flatMap(tokensOf))
}

function asFailure(thrown: unknown): CutoverError {
  if (thrown instanceof CutoverError) return thrown
  return new CutoverError('backend-failed', 'the model server broke off its answer', [], thrown)
}

function discard(body: Readable | Uint8Array): void {
  if (body instanceof Uint8Array) return
  body.on('error', () => {})
  body.destroy()
}
