import { z } from 'zod'

/** The answer of a route that lists. */
export function listOf<Schema extends z.ZodType>(item: Schema) {
  return z.object({ items: z.array(item) })
}
