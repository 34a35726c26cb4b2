import { Readable } from 'node:stream'
import { Pool } from 'undici'
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../ports/backend.ts'
import { type BackendRequest, type BackendResponse, dispatchBySend } from '../by-promise.ts'
import { InFlight } from '../in-flight.ts'
import type { FleetInstance } from '../replica.ts'
import { Exchange } from './exchange.ts'
import { requestFields } from './fields.ts'

/**
 * Idle connections are closed after this time. It is shorter than what common servers use (gunicorn 2 s, uvicorn and
 * Node 5 s), because a request sent while the server closes the connection is lost.
 */
const keepAliveMs = 1_500

type Observer = {
  /** Whether the server did its part in a request. */
  judged(ok: boolean, detail: string): void
}

/**
 * A model server at an address. Method, path and header fields go out as they came, except that Host names the address
 * and fields of the connection stay behind; bodies stream both ways. Nothing is ever sent twice.
 */
export class HttpInstance implements FleetInstance {
  readonly id: string
  readonly wantsWholeBody = false
  readonly #address: string
  readonly #prefix: string
  readonly #pool: Pool
  readonly #load = new InFlight()
  readonly #observer: Observer

  /** `address` is an http or https URL; its path, if any, comes before the path of each request. */
  constructor(id: string, address: string, observer: Observer) {
    const url = new URL(address)
    this.id = id
    this.#address = url.origin
    this.#prefix = url.pathname.replace(/\/$/, '')
    this.#observer = observer
    this.#pool = new Pool(url.origin, {
      connections: limits.upstreamConnectionsMax,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      maxHeaderSize: limits.headerBytesMax,
    })
  }

  get inFlight(): number {
    return this.#load.count
  }

  /** A metadata question goes to the server. */
  metadata(): null {
    return null
  }

  idle(): Promise<void> {
    return this.#load.idle()
  }

  /** Rejects as the port says, and with `client-closed` or `invalid-request` where the caller is at fault. */
  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    return dispatchBySend(request => this.#send(request), call, sink)
  }

  #send(request: BackendRequest): Promise<BackendResponse> {
    if (request.signal.aborted) return Promise.reject(new CutoverError('client-closed', 'the caller is gone already'))
    if (this.inFlight >= limits.upstreamConnectionsMax + limits.instanceQueueMax)
      return Promise.reject(this.#overloaded())
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(request, this.#address, {
        resolve,
        reject,
        finished: () => this.#load.leave(),
        judged: this.#observer.judged,
      })
      this.#load.enter()
      this.#dispatch(request, exchange)
    })
  }

  /** Cuts what is in flight. */
  async close(): Promise<void> {
    await this.#pool.destroy(new CutoverError('backend-failed', `${this.#address} is being stopped`))
  }

  #dispatch(request: BackendRequest, exchange: Exchange): void {
    const { method, path, headers, body, timeouts } = request
    const options = {
      method,
      path: this.#prefix + path,
      headers: requestFields(headers, body instanceof Readable),
      body,
      headersTimeout: timeouts.firstByteMs,
      bodyTimeout: timeouts.idleMs,
    }
    this.#pool.dispatch(options, exchange)
  }

  #overloaded(): CutoverError {
    const detail = `${this.inFlight} requests are in flight to ${this.#address}; the most is this many`
    return new CutoverError('overloaded', detail)
  }
}
