/** How the control API says no: one table from code to status, one shape (RFC 9457). */
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { WireProblem } from '../contract/wire.ts'
import { CutoverError, type ErrorCode, errorTable } from '../core/errors.ts'

/** A new code without a status does not compile. */
export const statusByCode = {
  'invalid-resource': 400,
  'invalid-request': 400,
  'not-available-yet': 501,
  'endpoint-not-found': 404,
  'version-not-found': 404,
  'release-not-found': 404,
  'prediction-not-found': 404,
  'release-conflict': 409,
  'release-state': 409,
  'in-use': 409,
  'version-immutable': 409,
  'preflight-refused': 422,
  'model-invalid': 422,
  'tensor-invalid': 400,
  'body-too-large': 413,
  'pin-refused': 403,
  'not-ready': 503,
  overloaded: 503,
  'backend-unreachable': 502,
  'backend-failed': 502,
  'backend-timeout': 504,
  'client-closed': 400,
  'method-not-allowed': 405,
  'route-not-found': 404,
  'data-folder-locked': 500,
  'data-folder-invalid': 500,
  'port-in-use': 500,
  'binding-refused': 500,
  'store-failed': 503,
  internal: 500,
} as const satisfies Readonly<Record<ErrorCode, ContentfulStatusCode>>

/** More faults than these are counted, not listed. */
const problemsListedMax = 100

export function problemDocument(error: CutoverError): WireProblem {
  const { code, message, problems } = error
  const listed = problems.slice(0, problemsListedMax).map(({ path, message, value, allowed }) => ({
    path,
    message,
    ...(value !== undefined && { value }),
    ...(allowed !== undefined && { allowed: [...allowed] }),
  }))
  return {
    type: `urn:cutover:${code}`,
    title: errorTable[code],
    status: statusByCode[code],
    detail: message,
    code,
    ...(listed.length > 0 && { problems: listed }),
    ...(listed.length < problems.length && { problemsNotListed: problems.length - listed.length }),
  }
}

export function problemResponse(error: CutoverError): Response {
  const status = statusByCode[error.code]
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }
  if (status === 503) headers['retry-after'] = '1'
  if (status === 405) headers['allow'] = error.problems[0]?.allowed?.join(', ') ?? ''
  return new Response(JSON.stringify(problemDocument(error)), { status, headers })
}

/** Whatever was thrown, as an error that may be shown. The text of an unforeseen one stays inside. */
export function asCutoverError(thrown: unknown): CutoverError {
  if (thrown instanceof CutoverError) return thrown
  if (thrown instanceof HTTPException && thrown.status < 500) {
    return new CutoverError('invalid-request', thrown.message, [], thrown)
  }
  return new CutoverError('internal', 'an unforeseen error; the log of the server has more', [], thrown)
}
