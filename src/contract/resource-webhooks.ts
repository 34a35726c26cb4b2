/** Who is told and who is asked, as people write it. */
import { z } from 'zod'
import { object, requestTime, webAddress } from './resource-parts.ts'
import { allowedMark } from './resource-rules.ts'

/** Entries of a release's timeline. The domain has the same words; a test holds that. */
export const timelineKinds = [
  'queued',
  'started',
  'ready',
  'weight',
  'stage',
  'hold',
  'resumed',
  'paused',
  'promoting',
  'promoted',
  'rolling-back',
  'rolled-back',
  'operator',
  'server-started',
  'monitored',
] as const

const address = webAddress('http://host:port/path, https://…')

export const secretRef = object({
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, `is not the name of a variable${allowedMark}CUTOVER_HOOK_SECRET`)
    .meta({ description: "Variable of the server's environment that holds it." }),
})

const secret = secretRef
  .optional()
  .meta({ description: 'What is sent is signed with it, after the Standard Webhooks specification.' })

export const webhook = object({
  url: address.meta({ description: 'Takes a POST of JSON and answers 2xx.' }),
  events: z
    .array(z.enum(timelineKinds))
    .min(1)
    .default(['started', 'hold', 'promoting', 'promoted', 'rolling-back', 'rolled-back', 'monitored'])
    .meta({ description: 'Entries of the timeline that are sent.' }),
  secret,
}).meta({ id: 'Webhook', description: 'Told what happens to releases: signed, at least once.' })

export const gate = object({
  before: z
    .enum(['start', 'promotion'])
    .meta({ description: 'Before anybody meets the candidate, or before it becomes stable.' }),
  url: address.meta({ description: 'Asked by POST: 2xx is yes, 403 is no; anything else is asked again.' }),
  timeout: requestTime.default('10s').meta({ description: 'Of one question. Up to 1d.' }),
  secret,
}).meta({ id: 'Gate', description: 'Another system that must say yes.' })
