/** Holds our parser of requests to llhttp: what it takes for plain means the same there. */

import { incomplete } from '../../src/core/http/chars.ts'
import { fieldPairs } from '../../src/core/http/field-lines.ts'
import { parseRequestHead, RequestHead, unusual } from '../../src/core/http/request-head.ts'
import { type Understood, understoodByLlhttp } from './llhttp-requests.ts'

/** What our parser says of the first request in the bytes; null if it leaves it to the other, or waits. */
function understoodByUs(bytes: Buffer): { end: number; understood: Understood } | null {
  const head = new RequestHead()
  const headEnd = parseRequestHead(bytes, 0, bytes.length, head)
  if (headEnd === incomplete || headEnd === unusual || bytes.length < headEnd + head.bodyBytes) return null
  const understood = {
    method: head.method,
    target: head.target,
    fields: fieldPairs(head.lines),
    body: bytes.toString('latin1', headEnd, headEnd + head.bodyBytes),
    closes: head.closes,
  }
  return { end: headEnd + head.bodyBytes, understood }
}

/** Where the two differ to our disadvantage, in words; null if they do not. */
export async function disagreement(bytes: Buffer): Promise<string | null> {
  const ours = understoodByUs(bytes)
  if (ours === null) return null
  // What comes behind a request is another one, or a fault that does not change what this one means.
  const theirs = await understoodByLlhttp(bytes.subarray(0, ours.end))
  const [a, b] = [JSON.stringify(ours.understood), JSON.stringify(theirs)]
  return a === b ? null : `${JSON.stringify(bytes.toString('latin1'))}\nours   ${a}\nllhttp ${b}`
}

/** A whole request is never taken for whole before its last byte is there, nor for something else before that. */
export function prefixFault(bytes: Buffer): string | null {
  const head = new RequestHead()
  const headEnd = parseRequestHead(bytes, 0, bytes.length, head)
  if (headEnd < 0) return null
  for (let end = 0; end < headEnd; end += 1) {
    const said = parseRequestHead(bytes, 0, end, head)
    if (said !== incomplete) return `${JSON.stringify(bytes.toString('latin1'))} cut at ${end}: ${said}`
  }
  return null
}
