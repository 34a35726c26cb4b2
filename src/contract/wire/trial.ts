/** What a trial found, as it goes over the wire. */
import { z } from 'zod'

export const trialSchema = z
  .object({
    id: z.string(),
    version: z.string(),
    sent: z.int(),
    answered: z.int().meta({ description: 'Without an error.' }),
    compared: z.int(),
    agreed: z.int(),
    latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
    examples: z.array(
      z.object({ prediction: z.string().nullable(), reason: z.string(), expected: z.string(), answered: z.string() }),
    ),
    reason: z.string(),
  })
  .meta({ id: 'Trial', description: 'What a version did with requests that no caller waited for.' })

export type WireTrial = z.infer<typeof trialSchema>
