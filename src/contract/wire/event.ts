/** The log of events, and what of it was sent to webhooks. */
import { z } from 'zod'
import { timelineKinds } from '../resource-webhooks.ts'
import { time } from './parts.ts'

export const eventTypes = [
  'server-started',
  'endpoint-applied',
  'endpoint-deleted',
  'release-started',
  'fleet-ready',
  'fleet-failed',
  'fleet-stopped',
  'traffic-applied',
  'judged',
  'trial-ended',
  'gate-answered',
  'monitored',
  'watch-renewed',
  'tick',
  'arms-changed',
  'registry-told',
  'operator',
  'key-created',
  'key-rotated',
  'key-revoked',
  'flag-applied',
  'flag-deleted',
  'flag-undone',
  'segment-applied',
  'segment-deleted',
  'segment-undone',
] as const

export const eventSchema = z
  .object({
    seq: z.int(),
    at: time,
    type: z.enum(eventTypes),
    endpoint: z.string().nullable(),
    release: z.string().nullable(),
    data: z.record(z.string(), z.unknown()).meta({ description: 'As recorded, without secrets; grows over time.' }),
  })
  .meta({ id: 'Event', description: 'An entry of the log: the ground state.' })

export const deliveryStates = ['waiting', 'delivered', 'dead'] as const

export const deliverySchema = z
  .object({
    id: z.string().meta({ description: 'The same in every attempt.' }),
    endpoint: z.string(),
    webhook: z.string(),
    release: z.string().nullable().meta({ description: 'Null where it tells of a version that was declared.' }),
    event: z.enum(timelineKinds),
    url: z.string(),
    state: z.enum(deliveryStates),
    attempts: z.int(),
    at: time,
    next: time.nullable().meta({ description: 'Of a waiting one: not before then.' }),
    detail: z.string().meta({ description: 'What the last attempt met.' }),
  })
  .meta({ id: 'Delivery', description: 'What was sent to a webhook and what became of it.' })

export type WireEvent = z.infer<typeof eventSchema>
export type WireDelivery = z.infer<typeof deliverySchema>
