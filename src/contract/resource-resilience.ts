/** What an endpoint declares about model servers that fail, or have enough to do. */
import { z } from 'zod'
import { object, percent, requestTime, requestTimeOrNone } from './resource-parts.ts'

export const timeouts = object({
  connect: requestTime.default('2s').meta({ description: 'To reach the model server. Up to 1d.' }),
  'first-byte': requestTime
    .default('60s')
    .meta({ description: 'From the request to the first byte of the answer. Up to 1d.' }),
  idle: requestTime.default('60s').meta({ description: 'Between two parts of the answer. Up to 1d.' }),
  total: requestTime.optional().meta({
    description:
      'From the request to the last byte of the answer; without it only silence ends an answer. Up to 1d. A caller may ask for less with x-request-timeout-ms.',
  }),
})

export const retry = object({
  attempts: z.int().min(1).max(5).default(2).meta({ description: 'Calls for one request, the first among them.' }),
  budget: percent.default('20%').meta({ description: 'Repeated calls, as a share of all requests.' }),
  'repeat-posts': z.boolean().default(false).meta({
    description:
      'Also repeat what a server may have worked on already: for models without side effects. What was never sent is repeated in any case.',
  }),
  statuses: z
    .array(z.union([z.literal(500), z.literal(502), z.literal(503), z.literal(504)]))
    .default([])
    .meta({ description: 'Answers that count as failures to repeat.' }),
})

export const breaker = object({
  failures: percent.default('50%').meta({ description: 'Of the calls of the last ten seconds.' }),
  'min-calls': z.int().min(1).max(10_000).default(20).meta({ description: 'With fewer calls nothing is said.' }),
  open: requestTime.default('5s').meta({ description: 'Then one call is let through to see. Up to 1d.' }),
})

export const concurrency = object({
  'per-version': z.int().min(1).max(10_000).meta({ description: 'Requests that one version serves at once.' }),
  queue: z.int().min(0).max(10_000).default(100).meta({ description: 'Requests that wait; more are answered 503.' }),
  wait: requestTimeOrNone
    .default('1s')
    .meta({ description: 'How long one waits before it is answered 503. Up to 1d.' }),
})
