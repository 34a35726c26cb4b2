import { gunzipSync, inflateSync } from 'node:zlib'
import { beyondBounds } from '../../../core/json-bounds.ts'
import { limits } from '../../../core/limits.ts'
import { ClientFault } from './client-fault.ts'

/** An integer of so many digits may not be exact as a JavaScript number. */
const longInteger = /(?<![.\d])\d{16}/
const plainInteger = /^-?\d+$/

export type BodyForm = {
  /** The request's Content-Encoding, empty for none. */
  encoding: string
  /** Its Inference-Header-Content-Length: the length of the JSON in front of binary tensors; null without the field. */
  jsonBytes: number | null
}

/** A document with the tensors behind it, or with a JSON of length 0 the bytes of the only input. */
export type InferBody = { kind: 'document'; document: unknown; binary: Uint8Array } | { kind: 'raw'; data: Uint8Array }

/**
 * A request body in its parts. With `exactIntegers`, integers that a JavaScript number cannot hold come as bigint; this
 * costs a call per element, so it is done only if the text has a number that long.
 */
export function readBody(packed: Uint8Array, form: BodyForm, exactIntegers: boolean): InferBody {
  const body = unpack(packed, form.encoding)
  const jsonBytes = form.jsonBytes ?? body.byteLength
  if (form.jsonBytes === 0) return { kind: 'raw', data: body }
  if (jsonBytes > body.byteLength) {
    const given = `Inference-Header-Content-Length is ${jsonBytes}`
    throw new ClientFault(`${given}, but the body has only ${body.byteLength} bytes`)
  }
  const json = body.subarray(0, jsonBytes)
  const beyond = beyondBounds(json)
  if (beyond !== null) throw new ClientFault(`the body ${beyond}`)
  const document = parse(decode(json), exactIntegers)
  return { kind: 'document', document, binary: body.subarray(jsonBytes) }
}

function parse(text: string, exactIntegers: boolean): unknown {
  try {
    return exactIntegers && longInteger.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text)
  } catch (error) {
    throw new ClientFault(`the body is not valid JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function keepExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source
  return source !== undefined && plainInteger.test(source) ? BigInt(source) : value
}

function unpack(body: Uint8Array, encoding: string): Uint8Array {
  const maxOutputLength = limits.inferenceBodyBytesMax
  try {
    switch (encoding.trim().toLowerCase()) {
      case '':
      case 'identity':
        return body
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(body, { maxOutputLength })
      case 'deflate':
        return inflateSync(body, { maxOutputLength })
    }
  } catch (error) {
    const tooLarge = error instanceof RangeError
    if (tooLarge) throw new ClientFault(`the body is larger than ${maxOutputLength} bytes when unpacked`, 413)
    throw new ClientFault(
      `the body cannot be unpacked as ${encoding}: ${error instanceof Error ? error.message : error}`,
    )
  }
  throw new ClientFault(`content-encoding "${encoding}" is not supported; use gzip, deflate or none`, 415)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ClientFault('the body is not valid UTF-8')
  }
}
