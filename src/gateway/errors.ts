/** How an error reaches the caller: its status and its shape in the dialect of the path. */
import { AccessError } from '../core/access/refusals.ts'
import { CutoverError, type ErrorCode, errorTable, type Problem, statusByCode } from '../core/errors.ts'
import { linesOf } from '../core/http/field-lines.ts'
import { limits } from '../core/limits.ts'
import type { Outbound } from './inbound.ts'

/**
 * `problem` is application/problem+json (RFC 9457), `open-inference` `{"error": text}`, `openai` `{"error": {message, …}}`, `ofrep`
 * `{"errorCode": …, "errorDetails": text}`.
 */
export type ErrorShape = 'problem' | 'open-inference' | 'openai' | 'ofrep'

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

export type ErrorAnswer = { status: number; lines: string; body: Buffer }

/** `status` overrides the code's own, for refusals that HTTP has a number of its own for (408, 417, 431, 501, 505). */
export function errorAnswer(error: CutoverError, shape: ErrorShape, status = statusByCode[error.code]): ErrorAnswer {
  const isProblem = shape === 'problem'
  const document = documents[shape](error, status)
  return {
    status,
    lines: `content-type: ${isProblem ? 'application/problem+json' : 'application/json'}\r\n${extraLines(error, status)}`,
    body: Buffer.from(JSON.stringify(document)),
  }
}

const documents: Readonly<Record<ErrorShape, (error: CutoverError, status: number) => object>> = {
  problem: problemDocument,
  'open-inference': ({ message }) => ({ error: message }),
  openai: openAiDocument,
  ofrep: ({ message }) => ({ errorCode: 'GENERAL', errorDetails: message }),
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

/** Clients choose the class of an error by its status, and show message and code. */
function openAiDocument({ code, message, problems }: CutoverError, status: number): object {
  const type = status >= 500 ? 'server_error' : status === 429 ? 'rate_limit_error' : 'invalid_request_error'
  const [problem] = problems
  const param = problem === undefined || problem.path === '' ? null : problem.path
  return { error: { message, type, param, code: openAiCodes[code] ?? code } }
}

/** Codes that clients know; the others are told as they are. */
const openAiCodes: Readonly<Partial<Record<ErrorCode, string>>> = {
  'endpoint-not-found': 'model_not_found',
  'version-not-found': 'model_not_found',
  unauthenticated: 'invalid_api_key',
  'rate-limited': 'rate_limit_exceeded',
}

function extraLines(error: CutoverError, status: number): string {
  if (error instanceof AccessError) return linesOf(error.headers)
  if (status === 503)
    return `retry-after: ${wholeSeconds(error instanceof ComeBackError ? error.retryAfterMs : retryAfterMs)}\r\n`
  if (status === 405) return `allow: ${error.problems[0]?.allowed?.join(', ') ?? ''}\r\n`
  return ''
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
  outbound: Outbound,
  error: CutoverError,
  options: { shape: ErrorShape; status?: number; lines?: string; closes?: boolean },
): void {
  if (outbound.hasBegun || outbound.isClosed) return
  const { status, lines, body } = errorAnswer(error, options.shape, options.status)
  const closes = options.closes === true || error.code === 'body-too-large'
  outbound.answer(status, lines + (options.lines ?? ''), body, closes)
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
