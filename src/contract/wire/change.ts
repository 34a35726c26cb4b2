/** What applying documents did, or would do, and what a release will take. */
import { z } from 'zod'
import { names, ppm } from './parts.ts'
import { wireStageKinds } from './plan.ts'

export const changeActions = ['created', 'updated', 'unchanged', 'started', 'queued'] as const

export const forecastSchema = z
  .object({
    requestsPerSecond: z.number().nullable().meta({ description: 'At present; null if not known yet.' }),
    capacity: z
      .int()
      .nullable()
      .meta({ description: 'Instances at once, as the endpoint declares; null if it does not.' }),
    stages: z.array(
      z.object({
        kind: z.enum(wireStageKinds),
        peakInstances: z.int(),
        gates: z.array(
          z.object({
            step: z.int().meta({ description: 'From 0.' }),
            weightPpm: ppm,
            requests: z.int().meta({ description: 'That the candidate must answer in this step.' }),
            expectedMs: z.number().nullable().meta({ description: 'At the present traffic.' }),
            ceilingMs: z.number().nullable(),
          }),
        ),
      }),
    ),
    warnings: names,
  })
  .meta({
    id: 'Forecast',
    description: 'What a release will take: instances at the peak, requests and time of each gate.',
  })

export const changeSchema = z
  .object({
    action: z.enum(changeActions),
    resource: z.string().meta({
      description:
        'Such as Endpoint/digits or Release/digits-1; Release/digits where there is no release, since the version is stable already.',
    }),
    differences: z.array(
      z.object({
        path: z.string(),
        before: z.unknown().optional().meta({ description: 'Absent where nothing was.' }),
        after: z.unknown().optional().meta({ description: 'Absent where nothing is left.' }),
      }),
    ),
    note: z.string().nullable(),
    release: z.string().nullable().meta({ description: 'The release that was started or runs already.' }),
    forecast: forecastSchema.nullable().meta({ description: 'Of a release that starts.' }),
  })
  .meta({ id: 'Change', description: 'What applying a document did, or would do.' })

export const applyAnswerSchema = z
  .object({ dryRun: z.boolean(), changes: z.array(changeSchema) })
  .meta({ id: 'Applied', description: 'One change per document, in their order.' })

export type WireChange = z.infer<typeof changeSchema>
export type WireApplied = z.infer<typeof applyAnswerSchema>
