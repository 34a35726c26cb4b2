/** Pieces that every route of the control API is put together from. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { allowedMark } from '../contract/resource-rules.ts'
import { problemSchema } from '../contract/wire/problem.ts'

export type App = OpenAPIHono

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

export const problem = {
  default: { description: 'A problem.', content: { 'application/problem+json': { schema: problemSchema } } },
}

/** Documents a body without letting the framework read it: `bodies.ts` does, with better words. */
export function bodyOf(schema: z.ZodType) {
  return { body: { required: true, content: { 'application/json': { schema } } } }
}

/** Of a body that may be left out. */
export function optionalBodyOf(schema: z.ZodType) {
  return { body: { ...bodyOf(schema).body, required: false } }
}

/** A switch in a query: `true` or `false` by name, so that `dryRun=yes` is not taken for a no. */
export const booleanQuery = z
  .enum(['true', 'false'])
  .default('false')
  .transform(text => text === 'true')

/** A whole number by its digits alone: nothing, which would count as 0, and `0x2` are refused. */
export function wholeNumber({ min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number }) {
  const allowed =
    max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min} on` : `a whole number from ${min} to ${max}`
  const message = `is not a possible number${allowedMark}${allowed}`
  const number = z.number(message).int(message).min(min, message).max(max, message)
  return z.preprocess(text => (typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : text), number)
}

export function wholeQuery(range: { min: number; max: number; fallback: number }) {
  return wholeNumber(range).default(range.fallback)
}
