/** A request to a model and the answers to it, as HTTP: all that can be said without a look at the body. */
import { CutoverError } from '../../../core/errors.ts'
import type { BackendRequest, BackendResponse } from '../../../ports/backend.ts'
import type { BodyForm } from './infer-body.ts'
import type { AnswerItem } from './worker-messages.ts'

/** Null if there is nothing to refuse. */
export function refuse(request: BackendRequest): BackendResponse | null {
  if (request.method !== 'POST') return errorResponse(405, `an ONNX model takes POST, not ${request.method}`)
  const stated = field(request.headers, jsonLengthField)
  if (stated === '' || toLength(stated) !== null) return null
  return errorResponse(400, `Inference-Header-Content-Length is a number of bytes, not "${stated.slice(0, 40)}"`)
}

export function bodyForm({ headers }: BackendRequest): BodyForm {
  return { encoding: field(headers, 'content-encoding'), jsonBytes: toLength(field(headers, jsonLengthField)) }
}

export function callerLeft(request: BackendRequest, cause?: unknown): CutoverError {
  const reason: unknown = request.signal.reason
  if (reason instanceof CutoverError) return reason
  return new CutoverError('client-closed', 'the caller broke off the request', [], cause ?? reason)
}

export function errorResponse(status: number, error: string): BackendResponse {
  return responseOf({ status, body: new TextEncoder().encode(JSON.stringify({ error })), jsonBytes: null })
}

export function responseOf({ status, body, jsonBytes }: Omit<AnswerItem, 'id'>): BackendResponse {
  const length = ['content-length', String(body.byteLength)]
  if (jsonBytes === null) return { status, headers: ['content-type', 'application/json', ...length], body }
  const binary = ['content-type', 'application/octet-stream', jsonLengthField, String(jsonBytes)]
  return { status, headers: [...binary, ...length], body }
}

const jsonLengthField = 'inference-header-content-length'

function toLength(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** The value of a header field, empty if there is none. */
function field(headers: readonly string[], name: string): string {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const candidate = headers[at] ?? ''
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[at + 1] ?? ''
  }
  return ''
}
