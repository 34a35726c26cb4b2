/** Ids of predictions: a caller's own, or cheap ones that no other process makes. */
import { randomBytes } from 'node:crypto'
import { limits } from '../core/limits.ts'
import { badHeader } from './errors.ts'
import { ownHeader, ownHeaders } from './headers.ts'
import type { Inbound } from './inbound.ts'

/** The first count with six digits: so many that it keeps them, and texts stay in the order of numbers, for 2 * 10^9 ids. */
const firstCount = 36 ** 5

/** Ids that chance is drawn for at once: drawing costs more than what it draws. */
const drawnAtOnce = 1_024

/** Characters of an id that are drawn for it alone: 36 bits. */
const chanceCharacters = 6

/**
 * The minute, 48 random bits and a counter: unique across processes and restarts. Each id is greater than those before, as
 * a text too: the log's index over ids grows at its end alone, which costs half as much as in between. What follows the
 * counter is drawn for each: whoever knows one id knows no other, so that nobody can claim the next one for a request of
 * their own or tell what became of another's.
 */
export function createIds(nowMs: number): () => string {
  // Five digits until the year 2084.
  const minute = Math.floor(nowMs / 60_000).toString(36)
  const prefix = `${minute}${randomBytes(6).toString('base64url')}`
  let count = firstCount
  let [drawn, at] = ['', 0]
  return () => {
    if (at === drawn.length) {
      drawn = randomBytes((drawnAtOnce * chanceCharacters * 6) / 8).toString('base64url')
      at = 0
    }
    const chance = drawn.slice(at, at + chanceCharacters)
    at += chanceCharacters
    return `${prefix}.${(count++).toString(36)}${chance}`
  }
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

/** Whether the caller named its prediction. */
export function isIdGiven(inbound: Inbound): boolean {
  return ownHeader(inbound, ownHeaders.predictionId) !== undefined
}

/** The caller's own id, which makes its request idempotent, or a new one. Throws invalid-request. */
export function predictionIdOf(inbound: Inbound, ids: () => string): string {
  const given = ownHeader(inbound, ownHeaders.predictionId)
  if (given === undefined) return ids()
  if (isPredictionId(given)) return given
  throw badHeader(ownHeaders.predictionId, given, idRule)
}
