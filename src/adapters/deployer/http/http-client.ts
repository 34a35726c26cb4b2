/** Sends requests to one model server: bytes in, bytes out, both ways streamed. */
import { Readable } from 'node:stream'
import { Pool } from 'undici'
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { BackendRequest, BackendResponse } from '../../../ports/backend.ts'

export interface HttpClient {
  readonly origin: string
  readonly inFlight: number
  send(request: BackendRequest): Promise<BackendResponse>
  /** GET for readiness and health: the status, or null without an answer in time. */
  probe(path: string): Promise<number | null>
  close(): Promise<void>
}

export function createHttpClient(origin: string): HttpClient {
  const pool = new Pool(origin, {
    connections: limits.upstreamConnectionsMax,
    pipelining: 1,
    connect: { timeout: limits.connectTimeoutMs },
    maxHeaderSize: limits.headerBytesMax,
  })
  let inFlight = 0

  const send = async (request: BackendRequest): Promise<BackendResponse> => {
    inFlight += 1
    let open = true
    const done = (): void => {
      if (open) inFlight -= 1
      open = false
    }
    try {
      const answer = await pool.request({
        method: request.method,
        path: request.path,
        headers: [...request.headers],
        body:
          request.body instanceof Readable ? request.body : request.body === null ? null : Buffer.from(request.body),
        signal: request.signal,
        headersTimeout: request.timeouts.firstByteMs,
        bodyTimeout: request.timeouts.idleMs,
        responseHeaders: 'raw',
      })
      if (!(answer.statusCode >= 200 && answer.statusCode <= 599)) {
        answer.body.destroy()
        throw new CutoverError('backend-failed', `the model server at ${origin} answered status ${answer.statusCode}`)
      }
      answer.body.once('close', done)
      return { status: answer.statusCode, headers: rawHeaders(answer.headers), body: answer.body }
    } catch (error) {
      done()
      throw toCutoverError(error, origin)
    }
  }

  const probe = async (path: string): Promise<number | null> => {
    try {
      const answer = await pool.request({ method: 'GET', path, signal: AbortSignal.timeout(limits.healthTimeoutMs) })
      await answer.body.dump({ limit: 65_536, signal: AbortSignal.timeout(limits.healthTimeoutMs) })
      return answer.statusCode
    } catch {
      return null
    }
  }

  return {
    origin,
    get inFlight() {
      return inFlight
    },
    send,
    probe,
    close: () => pool.destroy(),
  }
}

/** With `responseHeaders: 'raw'` undici answers name, value, name, value …; its types know only the object. */
function rawHeaders(headers: unknown): string[] {
  return Array.isArray(headers)
    ? headers.map(text => (Buffer.isBuffer(text) ? text.toString('latin1') : String(text)))
    : []
}

const unreachable = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
const late = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export function toCutoverError(error: unknown, origin: string): CutoverError {
  if (error instanceof CutoverError) return error
  const {
    code = '',
    name = '',
    message = String(error),
  } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  if (name === 'AbortError' || code === 'UND_ERR_ABORTED')
    return new CutoverError('client-closed', 'the caller went away', [], error)
  if (unreachable.has(code))
    return new CutoverError(
      'backend-unreachable',
      `the model server at ${origin} cannot be reached: ${message}`,
      [],
      error,
    )
  if (late.has(code))
    return new CutoverError('backend-timeout', `the model server at ${origin} did not answer in time`, [], error)
  return new CutoverError('backend-failed', `the model server at ${origin} broke off: ${message}`, [], error)
}
