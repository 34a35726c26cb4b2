/**
 * Header fields on their way through. Names and values keep their bytes and their order; only fields of the connection
 * (RFC 9110, 7.6.1) and Cutover's own are taken out, and ours are added last so that no caller can have them stripped.
 */
import type { IncomingMessage } from 'node:http'
import { connectionFields, hopRequestFields } from '../core/http-fields.ts'
import { isTraceValid } from './trace-context.ts'

export const ownHeaders = {
  unit: 'x-cutover-unit',
  version: 'x-cutover-version',
  endpoint: 'x-cutover-endpoint',
  predictionId: 'x-cutover-prediction-id',
  /** On copies alone: the challenger that is asked. */
  shadow: 'x-cutover-shadow',
} as const

const ownPrefix = 'x-cutover-'

/** The fields a model server gets: name, value, name, value … */
export function requestHeaders(
  req: IncomingMessage,
  added: { predictionId: string; bodyBytes: number | null },
): string[] {
  const raw = req.rawHeaders
  const named = namedByConnection(req.headers.connection)
  const dropTrace = !isTraceValid(req.headers)
  const kept: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const lower = name.toLowerCase()
    if (connectionFields.has(lower) || hopRequestFields.has(lower) || named.has(lower) || lower.startsWith(ownPrefix))
      continue
    if (dropTrace && (lower === 'traceparent' || lower === 'tracestate')) continue
    if (lower === 'content-length') continue
    kept.push(name, raw[i + 1] ?? '')
  }
  if (added.bodyBytes !== null) kept.push('content-length', String(added.bodyBytes))
  kept.push(ownHeaders.predictionId, added.predictionId)
  kept.push('x-forwarded-for', req.socket.remoteAddress ?? 'unknown')
  kept.push('via', `${req.httpVersion} cutover`)
  return kept
}

/** The fields a challenger gets: those that the champion got, and what tells a copy from a caller's request. */
export function copyHeaders(
  champion: readonly string[],
  added: { predictionId: string; challenger: string; bodyBytes: number | null },
): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < champion.length; i += 2) {
    const name = champion[i] ?? ''
    const lower = name.toLowerCase()
    if (lower !== 'content-length' && lower !== ownHeaders.predictionId) kept.push(name, champion[i + 1] ?? '')
  }
  if (added.bodyBytes !== null) kept.push('content-length', String(added.bodyBytes))
  kept.push(ownHeaders.predictionId, added.predictionId, ownHeaders.shadow, added.challenger)
  return kept
}

/** The fields a caller gets. `bodyBytes` replaces the stated length where the body is in hand; a 204 has none. */
export function answerHeaders(
  raw: readonly string[],
  own: readonly string[],
  body: { status: number; bytes: number | null },
): string[] {
  const named = namedByConnection(connectionField(raw))
  const dropLength = body.bytes !== null || body.status === 204
  const kept: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const lower = name.toLowerCase()
    if (connectionFields.has(lower) || named.has(lower) || lower.startsWith(ownPrefix)) continue
    if (dropLength && lower === 'content-length') continue
    kept.push(name, raw[i + 1] ?? '')
  }
  if (body.bytes !== null && body.status !== 204) kept.push('content-length', String(body.bytes))
  kept.push(...own)
  return kept
}

const none: ReadonlySet<string> = new Set()

function namedByConnection(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return none
  return new Set(connection.split(',').map(token => token.trim().toLowerCase()))
}

function connectionField(raw: readonly string[]): string | undefined {
  const values: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === 'connection') values.push(raw[i + 1] ?? '')
  }
  return values.length === 0 ? undefined : values.join(',')
}

/** A field of an answer by lower-case name; the first one. */
export function rawField(raw: readonly string[], lowerName: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === lowerName) return raw[i + 1]
  }
  return undefined
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A request field's text by lower-case name; an empty field counts as absent. Node reads fields as Latin-1: what is
 * valid UTF-8 is read as that, so that a unit has one hash whether it came in a header or in a JSON body.
 */
export function headerText(req: IncomingMessage, lowerName: string): string | undefined {
  if (!Object.hasOwn(req.headers, lowerName)) return undefined
  const value = req.headers[lowerName]
  const text = Array.isArray(value) ? value.join(', ') : value
  return text === undefined || text === '' ? undefined : asUtf8(text)
}

export function asUtf8(latin1: string): string {
  if (!/[\x80-\xff]/.test(latin1)) return latin1
  try {
    return strictUtf8.decode(Buffer.from(latin1, 'latin1'))
  } catch {
    return latin1
  }
}
