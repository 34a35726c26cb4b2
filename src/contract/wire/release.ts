/** Releases, their story and the words that operators say to them. */
import { z } from 'zod'
import { timelineKinds } from '../resource-webhooks.ts'
import { judgementSchema } from './judgement.ts'
import { ppm, time } from './parts.ts'
import { planSchema, wireStageKinds } from './plan.ts'
import { trialSchema } from './trial.ts'

export const phaseKinds = [
  'queued',
  'starting',
  'running',
  'promoting',
  'probation',
  'returning',
  'promoted',
  'rolled-back',
] as const

export const releaseStates = ['queued', 'active', 'holding', 'paused', 'promoted', 'rolled-back'] as const
export const holdCauses = [
  'ceiling',
  'invalid',
  'signal',
  'guardrail',
  'approval',
  'gate',
  'freeze',
  'flag',
  'group',
] as const
export const returnCauses = [
  'guardrail',
  'never-ready',
  'fleet-lost',
  'operator',
  'kept',
  'stage-failed',
  'refused',
  'replaced',
  'group',
] as const
export const wireVerbs = ['promote', 'pause', 'resume', 'approve', 'abort', 'rollback'] as const

export const releaseSummarySchema = z
  .object({
    id: z.string(),
    endpoint: z.string(),
    from: z.string(),
    to: z.string(),
    state: z.enum(releaseStates).meta({ description: 'What a person wants to know first.' }),
    phase: z.enum(phaseKinds),
    candidatePpm: ppm,
    stage: z
      .object({
        index: z.int(),
        count: z.int(),
        kind: z.enum(wireStageKinds),
        step: z.int().nullable().meta({ description: 'From 0; null before the first.' }),
        steps: z.int(),
      })
      .nullable(),
    waitsFor: z.string().nullable().meta({ description: 'Of a queued release: the one whose end it waits for.' }),
    hold: z.object({ since: time, cause: z.enum(holdCauses), reason: z.string() }).nullable(),
    returned: z.object({ cause: z.enum(returnCauses), reason: z.string() }).nullable(),
    probationUntil: time.nullable(),
    downtimeMs: z
      .number()
      .nullable()
      .meta({ description: 'How long nobody served, once that is over; null while it lasts, and where it never was.' }),
    actor: z.string(),
    startedAt: time,
    endedAt: time.nullable(),
  })
  .meta({ id: 'ReleaseSummary', description: 'A release as of now.' })

export const timelineEntrySchema = z
  .object({
    seq: z.int().meta({ description: 'Number of the event in the log.' }),
    at: time,
    release: z.string(),
    kind: z.enum(timelineKinds),
    text: z.string().meta({ description: 'One sentence for a person.' }),
    candidatePpm: ppm.meta({ description: "The candidate's share after this entry." }),
    judgement: judgementSchema.nullable().meta({ description: 'The look at the evidence that decided it.' }),
    trial: trialSchema.nullable().meta({ description: 'The trial whose end it tells of.' }),
    exposure: z
      .object({ requests: z.int(), units: z.int(), durationMs: z.number() })
      .nullable()
      .meta({ description: 'What the candidate met, on the entries that end a release.' }),
  })
  .meta({ id: 'TimelineEntry', description: 'One decision of a release.' })

/** Without the numbers: the story at a glance. */
export const timelineLineSchema = timelineEntrySchema
  .pick({ seq: true, at: true, kind: true, text: true, candidatePpm: true, exposure: true })
  .meta({ id: 'TimelineLine' })

export const releaseSchema = releaseSummarySchema
  .extend({
    weightsPpm: z.record(z.string(), ppm),
    plan: planSchema,
    epochs: z.array(z.object({ epoch: z.int(), candidatePpm: ppm, since: time })),
    exposed: z.object({ from: time.nullable(), to: time.nullable() }),
    gaps: z
      .array(z.object({ from: time, to: time.nullable() }))
      .meta({ description: 'When nobody served, as the gateway had it; the last one is open while it lasts.' }),
    latest: z.object({ at: time, judgement: judgementSchema }).nullable(),
    wait: z
      .object({
        requests: z.number().nullable().meta({ description: 'Of the candidate; null if no number would do.' }),
        requestsPerMinute: z.number(),
        waitMs: z.number().nullable().meta({ description: 'Null: at the present rate it does not end.' }),
        says: z.string(),
      })
      .nullable()
      .meta({
        description:
          'How long the step will wait for its evidence if traffic goes on as it does, or lasts by its `for`.',
      }),
    timeline: z.array(timelineLineSchema),
  })
  .meta({ id: 'ReleaseView', description: 'A release, its plan, its newest judgement and its story.' })

export const explanationSchema = z
  .object({
    release: releaseSummarySchema,
    plan: planSchema,
    reached: z.int().nullable().meta({ description: 'The last stage that began, from 0; null if none did.' }),
    decisions: z.array(timelineEntrySchema),
    latest: z.object({ at: time, judgement: judgementSchema }).nullable(),
  })
  .meta({ id: 'Explanation', description: 'Every decision with the numbers that it rests on.' })

/** Verbs on a release take a word of explanation. */
export const verbRequestSchema = z
  .strictObject({
    note: z.string().max(1_000).optional().meta({ description: 'Why.' }),
    step: z.boolean().optional().meta({ description: 'Of promote: past the present step alone.' }),
  })
  .meta({ id: 'VerbRequest', description: 'Why, and how far.' })

/** The short form of a release: one strategy with its defaults. */
export const shortReleaseSchema = z
  .strictObject({
    endpoint: z.string(),
    to: z.string(),
    strategy: z.enum(wireStageKinds).default('canary'),
  })
  .meta({ id: 'ShortRelease', description: 'A release by one strategy with its defaults.' })

export type WireReleaseSummary = z.infer<typeof releaseSummarySchema>
export type WireRelease = z.infer<typeof releaseSchema>
export type WireTimelineEntry = z.infer<typeof timelineEntrySchema>
export type WireTimelineLine = z.infer<typeof timelineLineSchema>
export type WireExplanation = z.infer<typeof explanationSchema>
