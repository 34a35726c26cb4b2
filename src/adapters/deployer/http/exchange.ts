import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { CutoverError } from '../../../core/errors.ts'
import type { BackendRequest, BackendResponse } from '../by-promise.ts'
import { AnswerBody } from './answer-body.ts'
import { responseFields } from './fields.ts'

export type ExchangeOutcome = {
  resolve(response: BackendResponse): void
  reject(error: CutoverError): void
  /** Once, when nothing of it is in flight any more. */
  finished(): void
  /** Once, unless the caller broke off: whether the server did its part. */
  judged(ok: boolean, detail: string): void
}

/** Statuses by which a server, or a proxy before it, says that it cannot work (Envoy's "gateway failures"). */
const gatewayFailures: ReadonlySet<number> = new Set([502, 503, 504])

/** One request on its way through undici, from the wait for a connection to the last byte of the answer. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: BackendRequest
  readonly #address: string
  readonly #outcome: ExchangeOutcome
  readonly #connectTimer: NodeJS.Timeout
  readonly #onAbort = () => this.#abort(callerLeft(this.#request))
  #controller: Dispatcher.DispatchController | null = null
  #body: AnswerBody | null = null
  /** Why it ended before undici knew of it. */
  #broken: CutoverError | null = null
  #isFinished = false
  #isJudged = false

  constructor(request: BackendRequest, address: string, outcome: ExchangeOutcome) {
    this.#request = request
    this.#address = address
    this.#outcome = outcome
    this.#connectTimer = setTimeout(() => this.#abort(this.#noConnection()), request.timeouts.connectMs)
    request.signal.addEventListener('abort', this.#onAbort)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    clearTimeout(this.#connectTimer)
    this.#controller = controller
    if (this.#broken !== null) controller.abort(this.#broken)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 100 && status < 200) return
    if (status < 200 || status > 599) {
      controller.abort(this.#failed(`answered with status ${status}, which HTTP does not have`))
      return
    }
    this.#judge(!gatewayFailures.has(status), `status ${status}`)
    const body = new AnswerBody({
      resume: () => controller.resume(),
      abort: () => this.#abort(callerLeft(this.#request)),
    })
    this.#body = body
    const headers = responseFields(rawFields(controller))
    this.#outcome.resolve({ status, headers, body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.add(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    this.#finish()
    this.#body?.finish()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#break(this.#translate(error))
  }

  /** Ends it from our side, at whatever point it is. */
  #abort(error: CutoverError): void {
    if (this.#isFinished) return
    if (this.#controller === null) {
      this.#broken = error
      this.#break(error)
    } else this.#controller.abort(error)
  }

  #break(error: CutoverError): void {
    if (this.#isFinished) return
    this.#finish()
    if (error.code !== 'client-closed' && error.code !== 'invalid-request') this.#judge(false, error.message)
    if (this.#body === null) this.#outcome.reject(error)
    else this.#body.fail(error)
  }

  #finish(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    clearTimeout(this.#connectTimer)
    this.#request.signal.removeEventListener('abort', this.#onAbort)
    this.#outcome.finished()
  }

  #judge(ok: boolean, detail: string): void {
    if (this.#isJudged) return
    this.#isJudged = true
    this.#outcome.judged(ok, detail)
  }

  #translate(error: Error): CutoverError {
    if (error instanceof CutoverError) return error
    if (this.#request.signal.aborted || this.#uploadBroke(error)) return callerLeft(this.#request, error)
    const code = errorCode(error)
    const { firstByteMs, idleMs } = this.#request.timeouts
    switch (code) {
      case 'UND_ERR_INVALID_ARG':
      case 'UND_ERR_NOT_SUPPORTED':
      case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
        return new CutoverError('invalid-request', `the request cannot be passed on: ${error.message}`, [], error)
      case 'UND_ERR_HEADERS_TIMEOUT':
        return this.#timedOut(`did not begin to answer within ${firstByteMs} ms`, error)
      case 'UND_ERR_BODY_TIMEOUT':
        return this.#timedOut(`sent nothing for ${idleMs} ms in the middle of its answer`, error)
    }
    if (this.#controller === null) {
      return new CutoverError('backend-unreachable', `cannot connect to ${this.#address}: ${code}`, [], error)
    }
    const when = this.#body === null ? 'before it answered' : 'in the middle of its answer'
    return this.#failed(`broke off ${when}: ${error.message || code}`, error)
  }

  /** The caller's stream failed, as opposed to undici failing it because the server did. */
  #uploadBroke(error: Error): boolean {
    const { body } = this.#request
    const ours = body instanceof Readable && body.errored === error
    return ours && !('syscall' in error) && !errorCode(error).startsWith('UND_ERR')
  }

  #noConnection(): CutoverError {
    const detail = `no connection to ${this.#address} within ${this.#request.timeouts.connectMs} ms`
    return new CutoverError('backend-unreachable', detail)
  }

  #timedOut(what: string, cause: Error): CutoverError {
    return new CutoverError('backend-timeout', `${this.#address} ${what}`, [], cause)
  }

  #failed(what: string, cause?: Error): CutoverError {
    return new CutoverError('backend-failed', `${this.#address} ${what}`, [], cause)
  }
}

function callerLeft(request: BackendRequest, cause?: Error): CutoverError {
  const reason: unknown = request.signal.reason
  if (reason instanceof CutoverError) return reason
  return new CutoverError('client-closed', 'the caller broke off the request', [], cause ?? reason)
}

function rawFields(controller: Dispatcher.DispatchController): readonly (Buffer | string)[] {
  return Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
}

export function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
