import { type buildConnector, Client } from 'undici'
import { limits } from '../../../core/limits.ts'
import { errorCode } from './error-code.ts'

/** `plain`: the server itself says no, or nothing listens. Otherwise it only kept silent, as a busy one does. */
export type ProbeResult = { ok: true } | { ok: false; plain: boolean; detail: string }

/** What a server answers that does not know the path. */
const unknownPath = new Set([404, 405, 501])

/** Asks a path of a server whether it is ready. Any 2xx is a yes; so is, where the check says so, that it does not know the path. */
export class Probe {
  readonly #client: Client
  readonly #path: string
  readonly #url: string
  readonly #timeoutMs: number
  readonly #unknownIsReady: boolean

  /** A path of the address comes before that of the check. */
  constructor(
    address: string,
    check: { path: string; unknownIsReady: boolean },
    timeoutMs: number = limits.healthTimeoutMs,
    connect?: buildConnector.connector,
  ) {
    const url = new URL(address)
    this.#path = url.pathname.replace(/\/$/, '') + check.path
    this.#url = url.origin + this.#path
    this.#client = new Client(url.origin, connect === undefined ? { connectTimeout: timeoutMs } : { connect })
    this.#timeoutMs = timeoutMs
    this.#unknownIsReady = check.unknownIsReady
  }

  /** `headers`: name, value, name, value … */
  async ask(headers: readonly string[] = []): Promise<ProbeResult> {
    const signal = AbortSignal.timeout(this.#timeoutMs)
    try {
      // A connection of its own each time: a stale one would look like a server that fails.
      const { statusCode, body } = await this.#client.request({
        ...{ path: this.#path, method: 'GET', reset: true, signal },
        headers: [...headers],
      })
      await body.dump({ limit: limits.headerBytesMax })
      if (statusCode >= 200 && statusCode < 300) return { ok: true }
      if (this.#unknownIsReady && unknownPath.has(statusCode)) return { ok: true }
      return { ok: false, plain: true, detail: `GET ${this.#url} answered ${statusCode}` }
    } catch (error) {
      return this.#explain(error, signal.aborted)
    }
  }

  async close(): Promise<void> {
    await this.#client.destroy()
  }

  #explain(error: unknown, timedOut: boolean): ProbeResult {
    if (timedOut) {
      return { ok: false, plain: false, detail: `GET ${this.#url} got no answer within ${this.#timeoutMs} ms` }
    }
    const code = error instanceof Error ? errorCode(error) : String(error)
    return { ok: false, plain: code === 'ECONNREFUSED', detail: `GET ${this.#url} failed: ${code}` }
  }
}
