/** A release that is over under another plan, as the control API is asked and answers. */
import { z } from 'zod'
import { margin, name, object } from '../resource-parts.ts'

const time = z.iso.datetime().nullable()
const verdict = z.enum(['pass', 'fail', 'insufficient', 'invalid'])

const threshold = object({
  margin: margin.optional().meta({ description: 'The largest tolerated harm, as in a Release.' }),
  alpha: z.number().gt(0).lt(0.5).optional().meta({ description: 'The chance of a false breach.' }),
})

export const rejudgeRequestSchema = object({
  release: z.string().min(1).meta({ description: 'One that is over.' }),
  plan: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'A Release document for the same endpoint and candidate.' }),
  thresholds: z
    .record(name, threshold)
    .optional()
    .meta({ description: 'Instead of a plan: what changes of the recorded one, by metric.' }),
}).meta({ id: 'RejudgeRequest', description: 'A release and what it is judged by this time.' })

const course = z.object({
  decision: z.object({
    kind: z.enum(['rolls-back', 'holds', 'moves-earlier', 'waits-longer', 'goes-on', 'as-recorded']),
    at: time,
    reason: z.string(),
  }),
  checks: z.array(
    z.object({
      metric: z.string(),
      role: z.enum(['guardrail', 'signal', 'goal', 'validity']),
      margin: z.number(),
      alpha: z.number(),
      firstPass: time,
      firstFail: time,
      verdict,
      reason: z.string(),
    }),
  ),
  periods: z.array(
    z.object({
      epoch: z.int(),
      stage: z.int().meta({ description: 'From 0.' }),
      candidatePpm: z.int(),
      since: z.iso.datetime(),
      until: time,
      looks: z.int(),
      firstPass: time,
      firstFail: time,
      couldEnd: time.meta({ description: 'When a step of a canary could have ended.' }),
      verdict: verdict.nullable(),
      reason: z.string(),
    }),
  ),
  changes: z.array(z.object({ at: z.iso.datetime(), verdict, reason: z.string() })),
  looks: z.int(),
})

export const rejudgedSchema = z
  .object({
    release: z.string(),
    recorded: z.object({ end: z.enum(['promoted', 'rolled-back']), at: z.iso.datetime(), reason: z.string() }),
    predictions: z.int(),
    own: course.meta({ description: 'Its own plan on the same evidence: how far the replay is to be trusted.' }),
    other: course,
    unknown: z.array(z.string()).meta({ description: 'What recorded evidence cannot tell of the other plan.' }),
  })
  .meta({ id: 'Rejudged', description: 'A release that is over under another plan.' })

export type WireRejudged = z.infer<typeof rejudgedSchema>
