import type { CutoverError } from '../../../../core/errors.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../../ports/backend.ts'
import type { Connection } from './connection.ts'
import { withoutOurs } from './own-lines.ts'
import { Upload } from './upload.ts'

/** Hears of every call of a pool. */
export interface CallObserver {
  /** The head of an answer has come. */
  answered(status: number): void
  /** It failed before that. */
  failed(error: CutoverError): void
  /** Once for each call, whatever became of it: nothing of it is in flight any more. */
  finished(): void
}

/** One call on its way: the only object that is made for it. It tells its sink at most one end. */
export class Call implements Sending {
  readonly request: BackendCall
  /** The fields of the request without those that are the client's to write. */
  readonly lines: string
  readonly sink: AnswerSink
  readonly upload: Upload | null
  readonly #observer: CallObserver
  /** Where it was sent, or is being sent. */
  connection: Connection | null = null
  /** Neighbours in the list that it is in. */
  next: Call | null = null
  previous: Call | null = null
  list: CallList | null = null
  /** When what it waits for is overdue, and when all of it is. */
  deadlineMs = Number.POSITIVE_INFINITY
  endMs = Number.POSITIVE_INFINITY
  hasHead = false
  isDone = false
  isPaused = false

  constructor(request: BackendCall, sink: AnswerSink, observer: CallObserver) {
    this.request = request
    this.lines = request.isVetted === true ? request.fields : withoutOurs(request.fields)
    this.sink = sink
    this.#observer = observer
    const { body } = request
    this.upload = body === null || body instanceof Uint8Array ? null : new Upload(this, body.bytes)
  }

  get dueMs(): number {
    return Math.min(this.deadlineMs, this.endMs)
  }

  pause(): void {
    if (this.isDone || this.isPaused) return
    this.isPaused = true
    this.connection?.heed(this)
  }

  resume(): void {
    if (this.isDone || !this.isPaused) return
    this.isPaused = false
    this.connection?.heed(this)
  }

  write(chunk: Uint8Array): boolean {
    return this.isDone || this.upload === null ? true : this.upload.write(chunk)
  }

  end(): void {
    if (!this.isDone) this.upload?.end()
  }

  cancel(): void {
    if (this.isDone) return
    this.#finish()
    if (this.connection === null) this.list?.remove(this)
    else this.connection.abandon(this)
  }

  answered(status: number, fields: string, bodyBytes: number | null): void {
    if (this.isDone) return
    this.hasHead = true
    this.#observer.answered(status)
    this.sink.onHead(status, fields, bodyBytes)
  }

  heard(chunk: Buffer, isLast: boolean): void {
    if (!this.isDone) this.sink.onBody(chunk, isLast)
  }

  complete(): void {
    if (this.isDone) return
    this.#finish()
    this.sink.onEnd()
  }

  fail(error: CutoverError): void {
    if (this.isDone) return
    if (!this.hasHead) this.#observer.failed(error)
    this.#finish()
    this.sink.onFail(error)
  }

  #finish(): void {
    this.isDone = true
    this.#observer.finished()
  }
}

/** Calls in the order in which they came. A call is in one list at most, and leaves it at no cost. */
export class CallList {
  first: Call | null = null
  #last: Call | null = null
  size = 0

  add(call: Call): void {
    call.list = this
    call.previous = this.#last
    if (this.#last === null) this.first = call
    else this.#last.next = call
    this.#last = call
    this.size += 1
  }

  takeAll(from: CallList): void {
    for (let call = from.shift(); call !== null; call = from.shift()) this.add(call)
  }

  remove(call: Call): void {
    if (call.list !== this) return
    if (call.previous === null) this.first = call.next
    else call.previous.next = call.next
    if (call.next === null) this.#last = call.previous
    else call.next.previous = call.previous
    call.list = null
    call.next = null
    call.previous = null
    this.size -= 1
  }

  shift(): Call | null {
    const call = this.first
    if (call !== null) this.remove(call)
    return call
  }
}
