/** Pieces that every route of the control API is put together from. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
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

/** A switch in a query: `true` or `false` by name, so that `dryRun=yes` is not taken for a no. */
export const booleanQuery = z
  .enum(['true', 'false'])
  .default('false')
  .transform(text => text === 'true')

export function wholeQuery(range: { min: number; max: number; fallback: number }) {
  return z.coerce.number().int().min(range.min).max(range.max).default(range.fallback)
}
