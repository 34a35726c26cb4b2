/** How the control API says no: one shape (RFC 9457). */
import { HTTPException } from 'hono/http-exception'
import { shownAt } from '../contract/secrets.ts'
import type { WireProblem } from '../contract/wire/problem.ts'
import { AccessError } from '../core/access/refusals.ts'
import { CutoverError, errorTable, statusByCode } from '../core/errors.ts'

/** More faults than these are counted, not listed. */
const problemsListedMax = 100

export function problemDocument(error: CutoverError): WireProblem {
  const { code, message, problems } = error
  const listed = problems.slice(0, problemsListedMax).map(({ path, message, value, allowed }) => ({
    path,
    message,
    ...(value !== undefined && { value: shownAt(path, value) }),
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
  if (error instanceof AccessError) headers[error.headers[0]] = error.headers[1]
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
