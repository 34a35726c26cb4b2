/** API keys. The text of a key is in the answer that makes it, and never again. */
import { z } from 'zod'
import { duration, object } from '../resource-parts.ts'
import { allowedMark } from '../resource-rules.ts'
import { time } from './parts.ts'

export const wireRoles = ['call', 'read', 'operate', 'admin'] as const

const notName = `is not a name: letters, digits, dots, dashes and underscores, at most 63${allowedMark}ci, mobile-app`

const rate = object({
  perSecond: z.number().gt(0).max(1_000_000).meta({ description: 'Requests a second, evenly.' }),
  burst: z
    .number()
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({ description: 'How many may come at once; a second’s worth by default, at least 1.' }),
})

export const keyRequestSchema = object({
  name: z
    .string(notName)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, notName)
    .max(63, notName)
    .meta({ description: 'Unique among the keys; what logs and metrics show.' }),
  role: z.enum(wireRoles).default('call').meta({
    description:
      '`call` sends requests to models; `read` sees the control listener; `operate` applies, releases and calls; `admin` also makes keys.',
  }),
  endpoints: z
    .array(z.string())
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Of a key that calls: the endpoints that it may call; all by default.' }),
  rate: rate.optional().meta({ description: 'More often than this is answered 429.' }),
  concurrency: z.int().min(1).max(100_000).optional().meta({ description: 'Requests under way at once.' }),
  expires: duration.optional().meta({ description: 'From now; never by default.' }),
})

export const keyRotationSchema = object({
  keep: duration.default('24h').meta({ description: 'How long the secret before counts on: 0s ends it at once.' }),
})

const keyShape = {
  id: z.string(),
  name: z.string(),
  role: z.enum(wireRoles),
  endpoints: z.array(z.string()).nullable().meta({ description: 'Null for all.' }),
  rate: z.object({ perSecond: z.number(), burst: z.number() }).nullable(),
  concurrency: z.int().nullable(),
  createdAt: time,
  expiresAt: time.nullable(),
  previousUntil: time.nullable().meta({ description: 'The secret before the last rotation counts until then.' }),
}

export const keySchema = z.object(keyShape).meta({ id: 'Key', description: 'An API key, without its secret.' })

export const issuedKeySchema = z
  .object({
    ...keyShape,
    key: z.string().meta({ description: 'What its holder sends. It is not shown again.' }),
    unknownEndpoints: z
      .array(z.string())
      .meta({ description: 'Endpoints of the key that are not there: they may come later, or be a mistake.' }),
  })
  .meta({ id: 'IssuedKey', description: 'A key that was made or rotated just now.' })

export type WireKey = z.infer<typeof keySchema>
export type WireIssuedKey = z.infer<typeof issuedKeySchema>
