/** What is kept of a request's head so that it can be sent again, and nothing that could be a credential. */
import { fieldPairs } from '../core/http/field-lines.ts'
import { limits } from '../core/limits.ts'
import { replayedHeaders, type SentHead } from '../core/prediction.ts'
import type { Inbound } from './inbound.ts'

/**
 * Null if it cannot be sent again as it was: a query may hold a key, so a request with one is not kept; nor is one
 * whose path or kept headers are over their limit.
 */
export function sentHead(inbound: Inbound, path: string): SentHead | null {
  if (path.includes('?') || path.length > limits.sentPathBytesMax) return null
  const headers: [string, string][] = []
  const pairs = fieldPairs(inbound.passedOn)
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = (pairs[at] ?? '').toLowerCase()
    const value = pairs[at + 1] ?? ''
    if (!replayedHeaders.has(name)) continue
    if (value.length > limits.sentHeaderBytesMax) return null
    headers.push([name, value])
  }
  return { method: inbound.method, path, headers }
}
