/** How the control API says that something is wrong. */
import { z } from 'zod'
import { names } from './parts.ts'

/** RFC 9457, with the code and the faults of an input. */
export const problemSchema = z
  .object({
    type: z.string().meta({ description: '`urn:cutover:` and the code.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable; see the reference of error codes.' }),
    problems: z
      .array(
        z.object({
          path: z.string().meta({ description: 'Such as stages[0].canary.steps[1]; empty for the whole input.' }),
          message: z.string(),
          value: z.unknown().optional(),
          allowed: names.optional(),
        }),
      )
      .optional(),
    problemsNotListed: z.int().optional(),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' })

export type WireProblem = z.infer<typeof problemSchema>
