/** What is kept of a request's head so that it can be sent again, and nothing that could be a credential. */
import type { IncomingMessage } from 'node:http'
import { limits } from '../core/limits.ts'
import { replayedHeaders, type SentHead } from '../core/prediction.ts'

/**
 * Null if it cannot be sent again as it was: a query may hold a key, so a request with one is not kept; nor is one
 * whose path or kept headers are over their limit.
 */
export function sentHead(req: IncomingMessage, path: string): SentHead | null {
  if (path.includes('?') || path.length > limits.sentPathBytesMax) return null
  const headers: [string, string][] = []
  for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) {
    const name = (req.rawHeaders[at] ?? '').toLowerCase()
    const value = req.rawHeaders[at + 1] ?? ''
    if (!replayedHeaders.has(name)) continue
    if (value.length > limits.sentHeaderBytesMax) return null
    headers.push([name, value])
  }
  return { method: req.method ?? 'GET', path, headers }
}
