/**
 * OpenFeature Remote Evaluation Protocol 0.3: what a flag is for a context, one flag or all. Asking changes nothing and is
 * recorded nowhere; the answer depends on flags, context and time alone.
 */
import { createHash } from 'node:crypto'
import type { CompiledFlags } from '../core/flags/compile-flags.ts'
import { evaluate, evaluateAll } from '../core/flags/evaluate.ts'
import type { Context, Evaluation, FlagError } from '../core/flags/evaluation.ts'
import { ofrepPrefix } from './target.ts'

export type OfrepQuestion = {
  /** Null asks for all of them. */
  key: string | null
  /** The key is not encoded as a path is. */
  isMalformed: boolean
  body: Buffer
  /** The tag that the caller has an answer of. */
  ifNoneMatch: string | undefined
  nowMs: number
}

export type OfrepAnswer = {
  status: number
  /** Header lines, each with its end. */
  lines: string
  /** Of a 304 that of the answer which still holds: its length is stated, none of it is sent. */
  body: Buffer
}

/** Null for a path that is none of this protocol's. A key that is not encoded as a path is stays as it came, and is refused. */
export function ofrepKey(path: string): Pick<OfrepQuestion, 'key' | 'isMalformed'> | null {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path
  if (trimmed === ofrepPrefix) return { key: null, isMalformed: false }
  if (!trimmed.startsWith(`${ofrepPrefix}/`)) return null
  const key = trimmed.slice(ofrepPrefix.length + 1)
  try {
    return { key: decodeURIComponent(key), isMalformed: false }
  } catch {
    return { key, isMalformed: true }
  }
}

export function answerOfrep(flags: CompiledFlags, question: OfrepQuestion): OfrepAnswer {
  const { key, isMalformed, nowMs } = question
  const read = isMalformed ? malformedKey : contextOf(question.body)
  if ('errorCode' in read) return jsonAnswer(400, { ...(key !== null && { key }), ...read })
  return key === null ? all(flags, read.context, question) : one(flags, { key, context: read.context, nowMs })
}

function one(
  flags: CompiledFlags,
  { key, context, nowMs }: { key: string; context: Context; nowMs: number },
): OfrepAnswer {
  const evaluation = evaluate(flags, key, context, nowMs)
  return jsonAnswer(statusOf(evaluation.errorCode), wire(flags, key, evaluation))
}

/** The tag is of the evaluated result, so that nobody is told that another caller's answer still holds. */
function all(flags: CompiledFlags, context: Context, { nowMs, ifNoneMatch }: OfrepQuestion): OfrepAnswer {
  const found = evaluateAll(flags, context, nowMs).map(({ key, evaluation }) => wire(flags, key, evaluation))
  const answer = jsonAnswer(200, { flags: found })
  const tag = `"${createHash('sha256').update(answer.body).digest('base64url')}"`
  const lines = `etag: ${tag}\r\ncache-control: no-cache\r\n`
  if (matches(ifNoneMatch, tag)) return { status: 304, lines, body: answer.body }
  return { ...answer, lines: answer.lines + lines }
}

/** A list of tags, weak ones included (RFC 9110, 13.1.2). */
function matches(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  const tags = ifNoneMatch.split(',').map(one => one.trim().replace(/^W\//, ''))
  return tags.includes(tag) || tags.includes('*')
}

function statusOf(errorCode: FlagError | null): number {
  if (errorCode === null) return 200
  return errorCode === 'FLAG_NOT_FOUND' ? 404 : 400
}

function wire(flags: CompiledFlags, key: string, evaluation: Evaluation): object {
  const { value, variant, reason, errorCode, detail } = evaluation
  if (errorCode !== null) return { key, errorCode, errorDetails: detail }
  const metadata = flags.flags.get(key)?.spec.metadata
  return {
    key,
    ...(value !== undefined && { value }),
    reason,
    ...(variant !== null && { variant }),
    ...(metadata !== undefined && { metadata }),
  }
}

type Refusal = { errorCode: FlagError; errorDetails: string }

const malformedKey: Refusal = {
  errorCode: 'PARSE_ERROR',
  errorDetails: 'the key of the flag is not encoded as a path is',
}

/** A body without a context is a question without one; one that is there must be an object. */
function contextOf(body: Buffer): { context: Context } | Refusal {
  const text = body.toString('utf8')
  const parsed = text.trim() === '' ? {} : parse(text)
  if (parsed === undefined) return { errorCode: 'PARSE_ERROR', errorDetails: 'the body is not JSON' }
  if (!isObject(parsed)) return { errorCode: 'PARSE_ERROR', errorDetails: 'the body is not an object with a context' }
  const context = Object.hasOwn(parsed, 'context') ? parsed['context'] : {}
  if (!isObject(context)) return { errorCode: 'INVALID_CONTEXT', errorDetails: 'the context is not an object' }
  const key = context['targetingKey']
  if (key !== undefined && key !== null && typeof key !== 'string')
    return { errorCode: 'INVALID_CONTEXT', errorDetails: 'targetingKey is not a text' }
  return { context }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function jsonAnswer(status: number, value: object): OfrepAnswer {
  return { status, lines: 'content-type: application/json\r\n', body: Buffer.from(JSON.stringify(value)) }
}
