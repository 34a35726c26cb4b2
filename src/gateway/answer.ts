/** The part of an answer from which a predicted value can be read, plain even if it travelled compressed. */
import { brotliDecompress, type CompressCallback, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { type AnswerBytes, type ReadAnswer, readAnswer } from '../core/answer.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { fieldOf } from '../core/http/field-lines.ts'
import { jsonBytesOf } from '../core/http/json-bytes.ts'
import { lastOf } from '../core/last-of.ts'
import { limits } from '../core/limits.ts'
import type { Tee } from './tee.ts'

/** What an answer says of its body. `jsonBytes`: the length of the JSON in front of binary tensors, null if all is JSON. */
export type AnswerHead = { contentType: string; encoding: string; jsonBytes: number | null }
export type ReadableAnswer = AnswerHead & { body: Uint8Array }

/** Null unless a value can be read from it: a success in JSON, or with binary tensors behind a JSON. */
export function answerHead(status: number, lines: string): AnswerHead | null {
  return status < 200 || status > 299 ? null : readHead(lines)
}

/** A model server's fields change once a second, with their date. */
const readHead = lastOf((lines: string): AnswerHead | null => {
  const contentType = fieldOf(lines, 'content-type') ?? ''
  const jsonBytes = jsonBytesOf(lines)
  if (jsonBytes === null && !jsonType.test(contentType.trim())) return null
  return { contentType, encoding: fieldOf(lines, 'content-encoding')?.trim().toLowerCase() ?? 'identity', jsonBytes }
})

const jsonType = /^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i

export function readableAnswer(copy: Tee | null, head: AnswerHead | null): ReadableAnswer | null {
  const body = copy?.whole() ?? null
  return body === null || head === null ? null : { body, ...head }
}

/** An answer whose bytes are plain, with the endpoint's rule for its value. */
export function answerBytes(
  { answer: rule, protocol }: EndpointSpec,
  { contentType, jsonBytes }: AnswerHead,
  body: Uint8Array,
): AnswerBytes | null {
  return rule === null ? null : { body, contentType, jsonBytes, rule, protocol }
}

/** The value of an answer that came whole, while its bytes are there; null where it cannot be read in no time. */
export function readAtOnce(spec: EndpointSpec, head: AnswerHead, body: Uint8Array): ReadAnswer | null {
  if (head.encoding !== 'identity' || body.length > limits.answerReadAtOnceBytesMax) return null
  const bytes = answerBytes(spec, head, body)
  return bytes === null ? null : readAnswer(bytes)
}

type Decode = (body: Uint8Array, bounds: { maxOutputLength: number }, done: CompressCallback) => void

const decoders = {
  gzip: gunzip as Decode,
  'x-gzip': gunzip as Decode,
  deflate: inflate as Decode,
  br: brotliDecompress as Decode,
  zstd: zstdDecompress as Decode,
} as const

type Encoding = keyof typeof decoders

function isEncoding(text: string): text is Encoding {
  return Object.hasOwn(decoders, text)
}

/**
 * Hands on the plain bytes, or null if there are none to be read. Callers such as Python's requests ask for gzip without
 * being told to; without this their answers would count for nothing. Runs after the answer, beside the event loop.
 */
export function decodeAnswer(answer: ReadableAnswer | null, done: (body: Uint8Array | null) => void): void {
  if (answer === null || answer.encoding === 'identity') {
    done(answer?.body ?? null)
    return
  }
  if (!isEncoding(answer.encoding)) {
    done(null)
    return
  }
  const bounded = { maxOutputLength: limits.answerBytesMax }
  decoders[answer.encoding](answer.body, bounded, (error, body) => done(error === null ? body : null))
}
