/** Ids of predictions: a caller's own, or cheap ones that no other process makes. */
import { randomBytes } from 'node:crypto'
import { limits } from '../core/limits.ts'
import { badHeader } from './errors.ts'
import { ownHeader, ownHeaders } from './headers.ts'
import type { Inbound } from './inbound.ts'

/** 72 random bits per process, then a counter: unique across processes and restarts. */
export function createIds(): () => string {
  const prefix = randomBytes(9).toString('base64url')
  let count = 0
  return () => `${prefix}.${(count++).toString(36)}`
}

const printable = /^[\x21-\x7e]+$/

export const idRule = `1 to ${limits.predictionIdBytesMax} printable ASCII characters without spaces`

export function isPredictionId(text: string): boolean {
  return text.length <= limits.predictionIdBytesMax && printable.test(text)
}

/** Of a request that got no further than an error: the caller's own id for its prediction if it has a proper one, else a new one. */
export function requestIdLine(inbound: Inbound, ids: () => string): string {
  const given = ownHeader(inbound, ownHeaders.predictionId)
  return `x-request-id: ${given !== undefined && isPredictionId(given) ? given : ids()}\r\n`
}

/** The caller's own id, which makes its request idempotent, or a new one. Throws invalid-request. */
export function predictionIdOf(inbound: Inbound, ids: () => string): string {
  const given = ownHeader(inbound, ownHeaders.predictionId)
  if (given === undefined) return ids()
  if (isPredictionId(given)) return given
  throw badHeader(ownHeaders.predictionId, given, idRule)
}
