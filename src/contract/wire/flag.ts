/** Flags as the control API shows and takes them. */
import { z } from 'zod'
import { ppm, time, timeAsked } from './parts.ts'

export const wireFlagTypes = ['boolean', 'string', 'number', 'object'] as const
export const wireFlagReasons = ['STATIC', 'DEFAULT', 'TARGETING_MATCH', 'SPLIT', 'DISABLED', 'ERROR'] as const
export const wireFlagErrors = [
  'FLAG_NOT_FOUND',
  'PARSE_ERROR',
  'TARGETING_KEY_MISSING',
  'INVALID_CONTEXT',
  'GENERAL',
] as const
export const flagUserKinds = ['flag', 'endpoint', 'release'] as const
export const flagChangeKinds = ['applied', 'undone', 'deleted'] as const

const servingSchema = z
  .object({
    variant: z.string().nullable().meta({ description: 'Of everybody; null for a rollout.' }),
    weightsPpm: z.record(z.string(), ppm).nullable().meta({ description: 'Of a rollout, by variant.' }),
    by: z.string().nullable().meta({ description: 'Of a rollout: the attribute that is hashed.' }),
  })
  .meta({ id: 'FlagServing', description: 'What is served: one variant, or several by weight.' })

const conditionText = z.string().meta({ description: 'One sentence for a person.' })

export const flagSchema = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    type: z.enum(wireFlagTypes),
    variants: z.record(z.string(), z.unknown()),
    enabled: z.boolean().meta({ description: 'As of now, the schedule included.' }),
    off: z
      .string()
      .nullable()
      .meta({ description: 'What is served while it is switched off; null for the value in the code.' }),
    serving: servingSchema
      .nullable()
      .meta({ description: 'As of now where no rule decides; null for the value in the code.' }),
    requires: z.array(z.object({ flag: z.string(), is: z.array(z.string()) })),
    rules: z.array(z.object({ name: z.string(), when: z.array(conditionText), serving: servingSchema })),
    targeting: z
      .unknown()
      .nullable()
      .meta({ description: 'A JsonLogic expression in place of rules; null without one.' }),
    schedule: z.array(
      z.object({
        at: time,
        rule: z.string().nullable(),
        serving: servingSchema.nullable(),
        enabled: z.boolean().nullable(),
        past: z.boolean(),
      }),
    ),
    usedBy: z
      .array(
        z.object({
          kind: z.enum(flagUserKinds),
          name: z.string(),
          what: z.string().meta({ description: 'What hangs on it, for a person.' }),
          variants: z.array(z.string()).meta({ description: 'That are asked for; empty where it must be on.' }),
        }),
      )
      .meta({ description: 'Other flags, rules of endpoints, and releases that have not ended.' }),
    unit: z.string(),
    salt: z.string(),
    metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    revision: z.int().meta({ description: 'Counts its changes, from 1.' }),
    changedAt: time,
    changedBy: z.string(),
  })
  .meta({ id: 'FlagState', description: 'A flag as it is now.' })

export const segmentSchema = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    include: z.array(z.string()),
    exclude: z.array(z.string()),
    when: z.array(conditionText),
    usedBy: z.array(z.string()).meta({ description: 'Flags whose rules name it.' }),
    revision: z.int().meta({ description: 'Counts its changes, from 1; those of before its history are one.' }),
    changedAt: time.nullable().meta({ description: 'Null of before its history.' }),
    changedBy: z.string().nullable(),
  })
  .meta({ id: 'SegmentState', description: 'Units that several flags name together.' })

const changeParts = {
  revision: z.int(),
  at: time,
  by: z.string(),
  how: z.enum(flagChangeKinds),
  note: z.string().nullable(),
  differences: z
    .array(z.object({ path: z.string(), before: z.unknown().optional(), after: z.unknown().optional() }))
    .meta({ description: 'From the change before it; empty for the oldest that is kept.' }),
}

export const flagChangeSchema = z
  .object(changeParts)
  .meta({ id: 'FlagChange', description: 'Who changed what of a flag, and when.' })

export const segmentChangeSchema = z
  .object(changeParts)
  .meta({ id: 'SegmentChange', description: 'Who changed what of a segment, and when.' })

export const evaluateRequestSchema = z
  .strictObject({
    context: z
      .record(z.string(), z.unknown())
      .default({})
      .meta({ description: 'Attributes; targetingKey names the unit.' }),
    at: timeAsked.optional().meta({ description: 'As of this time; now if it is left out.' }),
  })
  .meta({ id: 'EvaluateFlag' })

export const serveRequestSchema = z
  .strictObject({
    variant: z.string().min(1).optional().meta({ description: 'For everybody.' }),
    rollout: z
      .record(z.string().min(1), z.string())
      .optional()
      .meta({ description: 'Percentages by variant, 100% in all.' }),
    by: z.string().min(1).optional(),
    rule: z.string().min(1).optional().meta({ description: 'Whose serving changes; the default’s if left out.' }),
    note: z.string().max(1_000).optional(),
  })
  .meta({ id: 'ServeFlag', description: 'One of variant and rollout.' })

export const noteRequestSchema = z
  .strictObject({ note: z.string().max(1_000).optional().meta({ description: 'Why; kept in the history.' }) })
  .meta({ id: 'FlagNote' })

export const explanationSchema = z
  .object({
    flag: z.string(),
    value: z.unknown().optional().meta({ description: 'Left out where the caller is to use the value in its code.' }),
    variant: z.string().nullable(),
    reason: z.enum(wireFlagReasons),
    errorCode: z.enum(wireFlagErrors).nullable(),
    detail: z.string(),
    decidedBy: z.string().meta({ description: 'default, rule NAME, targeting, off, requires NAME.' }),
    enabled: z.boolean(),
    requires: z.array(
      z.object({ flag: z.string(), is: z.array(z.string()), variant: z.string().nullable(), met: z.boolean() }),
    ),
    rules: z.array(
      z.object({
        name: z.string(),
        fits: z.boolean(),
        conditions: z.array(z.object({ text: conditionText, holds: z.boolean() })),
      }),
    ),
    bucket: z
      .object({ by: z.string(), unit: z.string(), ppm: ppm })
      .nullable()
      .meta({ description: 'Of the rollout that decided.' }),
  })
  .meta({ id: 'FlagExplanation', description: 'The value of a flag for a context, and why.' })

export type WireFlag = z.infer<typeof flagSchema>
export type WireSegment = z.infer<typeof segmentSchema>
export type WireSegmentChange = z.infer<typeof segmentChangeSchema>
export type WireFlagChange = z.infer<typeof flagChangeSchema>
export type WireExplanation = z.infer<typeof explanationSchema>
