/** Holds our parser of requests to llhttp: what it takes for plain means the same there. */

import { incomplete, refused } from '../../src/core/http/chars.ts'
import { ChunkedDecoder } from '../../src/core/http/chunked.ts'
import { fieldPairs } from '../../src/core/http/field-lines.ts'
import { parseRequestHead, RequestHead, unusual } from '../../src/core/http/request-head.ts'
import { type Understood, understoodByLlhttp } from './llhttp-requests.ts'

/** What our parser says of the first request in the bytes; null if it leaves it to the other, or waits. */
function understoodByUs(bytes: Buffer): { end: number; understood: Understood } | null {
  const head = new RequestHead()
  const headEnd = parseRequestHead(bytes, 0, bytes.length, head)
  if (headEnd === incomplete || headEnd === unusual) return null
  const body = head.isChunked ? bodyInChunks(bytes, headEnd) : statedBody(bytes, headEnd, head.bodyBytes)
  if (body === null) return null
  const { method, target, closes } = head
  return { end: body.end, understood: { method, target, fields: fieldPairs(head.lines), body: body.text, closes } }
}

type Body = { end: number; text: string }

function statedBody(bytes: Buffer, start: number, length: number): Body | null {
  const end = start + length
  return bytes.length < end ? null : { end, text: bytes.toString('latin1', start, end) }
}

function bodyInChunks(bytes: Buffer, start: number): Body | null {
  const decoder = new ChunkedDecoder()
  let text = ''
  let at = start
  while (at < bytes.length && !decoder.isDone) {
    if (decoder.dataLeft === 0) {
      at = decoder.read(bytes, at, bytes.length)
      if (at === refused) return null
      continue
    }
    const dataEnd = Math.min(bytes.length, at + decoder.dataLeft)
    text += bytes.toString('latin1', at, dataEnd)
    decoder.took(dataEnd - at)
    at = dataEnd
  }
  return decoder.isDone ? { end: at, text } : null
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
