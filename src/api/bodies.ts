/** Request bodies: JSON only, bounded, each fault with its path. */
import type { Context } from 'hono'
import type { z } from 'zod'
import { isDeeper } from '../contract/depth.ts'
import { toProblems, writePath } from '../contract/problems.ts'
import { CutoverError } from '../core/errors.ts'
import { GatheredBytes } from '../core/gathered-bytes.ts'
import { beyondBounds } from '../core/json-bounds.ts'
import { limits } from '../core/limits.ts'

/** The parsed body; undefined for none. Throws invalid-request if it is not JSON or nested too deeply, body-too-large past the limit. */
export async function readJson(context: Context): Promise<unknown> {
  const bytes = await readBytes(context.req.raw)
  const text = bytes.toString('utf8')
  if (text.trim() === '') return undefined
  // Besides saying what is understood, this keeps out the forms that a page may send across origins unasked.
  const type = context.req.header('content-type') ?? ''
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new CutoverError('invalid-request', 'the body must be JSON', [
      { path: 'header content-type', message: 'is not JSON', value: type, allowed: ['application/json'] },
    ])
  }
  // Very many levels are told before they are read, which takes long.
  const body = beyondBounds(bytes) === null ? parsed(text) : tooDeep
  if (body !== tooDeep && !isDeeper(body, limits.jsonDepthMax)) {
    if (mayBeInfinite.test(text)) refuseInfinite(body, [])
    return body
  }
  throw new CutoverError('invalid-request', 'the body is nested too deeply', [
    { path: '', message: 'is nested too deeply', allowed: [`up to ${limits.jsonDepthMax} levels`] },
  ])
}

const tooDeep = Symbol('too deep')

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CutoverError('invalid-request', `the body is not JSON: ${reason}`, [], error)
  }
}

/** Digits or an exponent beyond what a double holds; a look at every value is rare. */
const mayBeInfinite = /\d{300}|\de\+?\d{3}/i

/** JSON can write such a number, and the log would keep null in its place: another document after the next start. */
function refuseInfinite(value: unknown, path: readonly PropertyKey[]): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      refuseInfinite(child, [...path, Array.isArray(value) ? Number(key) : key])
    }
  }
  if (typeof value !== 'number' || Number.isFinite(value)) return
  throw new CutoverError('invalid-request', 'the body has a number that is too great', [
    { path: writePath(path), message: 'is too great', allowed: ['a number up to 1.8e308'] },
  ])
}

async function readBytes(request: Request): Promise<Buffer> {
  const stated = Number(request.headers.get('content-length') ?? 0)
  if (stated > limits.controlBodyBytesMax) throw tooLarge()
  const gathered = new GatheredBytes()
  for await (const chunk of request.body ?? []) {
    if (gathered.bytes + chunk.byteLength > limits.controlBodyBytesMax) throw tooLarge()
    gathered.add(chunk)
  }
  return gathered.whole()
}

function tooLarge(): CutoverError {
  return new CutoverError('body-too-large', `the body is larger than ${limits.controlBodyBytesMax} bytes`)
}

/** Throws invalid-request, or the code given, with a problem per fault. */
export function validated<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  options: { what: string; code?: 'invalid-request' | 'invalid-resource' },
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = toProblems(result.error, value)
  throw new CutoverError(options.code ?? 'invalid-request', `${options.what} is not valid`, problems)
}
