/**
 * How an error reaches the caller: its status, its shape in the dialect of the path, and what becomes of a body that
 * is still on its way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CutoverError, type ErrorCode, errorTable, type Problem, statusByCode } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { awaitsContinue, dropBody } from './request-body.ts'

/** `problem` is application/problem+json (RFC 9457); `open-inference` is `{"error": text}`. */
export type ErrorShape = 'problem' | 'open-inference'

/** A refusal that says when to come back. */
export class ComeBackError extends CutoverError {
  readonly retryAfterMs: number

  constructor(code: ErrorCode, detail: string, retryAfterMs: number) {
    super(code, detail)
    this.retryAfterMs = retryAfterMs
  }
}

/** A caller that is told to come back later, and not when, waits at least this long. */
const retryAfterMs = 1_000

export type ErrorAnswer = {
  status: number
  contentType: string
  body: Buffer
  headers: readonly string[]
}

/** `status` overrides the code's own, for refusals that HTTP has a number of its own for (408, 417, 431, 501, 505). */
export function errorAnswer(error: CutoverError, shape: ErrorShape, status = statusByCode[error.code]): ErrorAnswer {
  const isProblem = shape === 'problem'
  const document = isProblem ? problemDocument(error, status) : { error: error.message }
  return {
    status,
    contentType: isProblem ? 'application/problem+json' : 'application/json',
    body: Buffer.from(JSON.stringify(document)),
    headers: extraHeaders(error, status),
  }
}

function problemDocument(error: CutoverError, status: number): object {
  const { code, message, problems } = error
  const listed = problems.slice(0, limits.problemsListedMax)
  return {
    type: `urn:cutover:${code}`,
    title: errorTable[code],
    status,
    detail: message,
    code,
    ...(listed.length > 0 && { problems: listed }),
    ...(listed.length < problems.length && { problemsNotListed: problems.length - listed.length }),
  }
}

function extraHeaders(error: CutoverError, status: number): string[] {
  if (status === 503)
    return ['retry-after', wholeSeconds(error instanceof ComeBackError ? error.retryAfterMs : retryAfterMs)]
  if (status === 405) return ['allow', error.problems[0]?.allowed?.join(', ') ?? '']
  return []
}

/** HTTP has no finer unit here. */
function wholeSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1_000)))
}

/**
 * Answers with the error, unless an answer has begun. A body that is still coming and would be long to read is cut off:
 * the caller gets the whole answer first, then a bounded time to notice.
 */
export function sendError(
  exchange: { req: IncomingMessage; res: ServerResponse },
  error: CutoverError,
  options: { shape: ErrorShape; status?: number; headers?: readonly string[]; close?: boolean },
): void {
  const { req, res } = exchange
  if (res.headersSent || res.destroyed) return
  const answer = errorAnswer(error, options.shape, options.status)
  const mustClose = options.close === true || error.code === 'body-too-large' || !isShortToRead(req)
  const headers = [
    ...['content-type', answer.contentType, 'content-length', String(answer.body.length)],
    ...answer.headers,
    ...(options.headers ?? []),
    ...(mustClose ? ['connection', 'close'] : []),
  ]
  res.writeHead(answer.status, headers)
  if (req.complete || !mustClose || awaitsContinue(req)) {
    res.end(answer.body)
    return
  }
  // The length is stated, so the caller has the whole answer before the connection ends.
  res.write(answer.body)
  dropBody(req, () => res.end())
}

/** Whether what is left of the body may simply be read and dropped. A caller that waits for a 100 may never send it. */
function isShortToRead(req: IncomingMessage): boolean {
  if (req.complete) return true
  if (awaitsContinue(req) || req.headers['transfer-encoding'] !== undefined) return false
  return Number(req.headers['content-length'] ?? 0) <= limits.lingerBytesMax
}

export function methodNotAllowed(method: string, path: string, allowed: readonly string[]): CutoverError {
  const message = `${method} is not possible at ${excerpt(path)}; use ${allowed.join(' or ')}`
  return new CutoverError('method-not-allowed', message, [{ path: 'method', message, value: method, allowed }])
}

/** One bad header: names it, what it holds and what it may hold. */
export function badHeader(name: string, value: string, allowed: string): CutoverError {
  const problem: Problem = {
    path: `header ${name}`,
    message: `must be ${allowed}`,
    value: excerpt(value),
    allowed: [allowed],
  }
  return new CutoverError('invalid-request', `the header ${name} must be ${allowed}`, [problem])
}

/** A caller's text, short enough to be shown back to it. */
export function excerpt(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`
}

/** Whatever was thrown, as an error that may be shown. */
export function asCutoverError(thrown: unknown): CutoverError {
  if (thrown instanceof CutoverError) return thrown
  return new CutoverError('internal', 'an unforeseen error; the log of the server has more', [], thrown)
}
