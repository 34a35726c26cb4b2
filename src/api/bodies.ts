/** Request bodies: JSON only, bounded, each fault with its path. */
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { toProblems } from '../contract/problems.ts'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { problemResponse } from './problems.ts'

export const limitBodies = bodyLimit({
  maxSize: limits.controlBodyBytesMax,
  onError: () => {
    const detail = `the body is larger than ${limits.controlBodyBytesMax} bytes`
    return problemResponse(new CutoverError('body-too-large', detail))
  },
})

/** The parsed body; undefined for none. Throws invalid-request if it is not JSON. */
export async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text()
  if (text.trim() === '') return undefined
  // Besides saying what is understood, this keeps out the forms that a page may send across origins unasked.
  const type = context.req.header('content-type') ?? ''
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new CutoverError('invalid-request', 'the body must be JSON', [
      { path: 'header content-type', message: 'is not JSON', value: type, allowed: ['application/json'] },
    ])
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CutoverError('invalid-request', `the body is not JSON: ${reason}`, [], error)
  }
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
