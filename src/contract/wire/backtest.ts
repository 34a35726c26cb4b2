/** What another fixed policy would have earned, as the control API is asked and answers. */
import { z } from 'zod'
import { name, object, percent } from '../resource-parts.ts'
import { timeAsked } from './parts.ts'

const number = z.number()

export const backtestRequestSchema = object({
  endpoint: name,
  policy: z.record(name, percent).meta({
    description: 'The share of each version, such as {"v2": "100%"}; the sum is 100%.',
  }),
  value: z
    .string()
    .min(1)
    .default('reward')
    .meta({ description: '`reward`, `correct` (label and prediction agree), or a metric of the endpoint.' }),
  release: z.string().optional().meta({ description: 'Only predictions made during this release.' }),
  since: timeAsked.optional(),
  until: timeAsked.optional(),
  alpha: z.number().gt(0).lt(0.5).default(0.05).meta({ description: 'Intervals hold with 1 - alpha, for one look.' }),
}).meta({ id: 'BacktestRequest', description: 'A fixed policy to be valued from the log.' })

const interval = { estimate: number, lower: number, upper: number }

export const backtestAnswerSchema = z
  .object({
    endpoint: z.string(),
    policy: z.record(z.string(), z.int()).meta({ description: 'In parts per million.' }),
    value: z.string(),
    alpha: number,
    refused: z.string().nullable().meta({ description: 'Why there is no estimate.' }),
    requests: z.object({
      byChance: z.int().meta({ description: 'That were assigned by chance.' }),
      valued: z.int().meta({ description: 'Rows of these whose value is known.' }),
      leftOut: z.int().meta({ description: 'That only one version could get.' }),
    }),
    overlap: z
      .object({
        verdict: z.enum(['pass', 'fail']),
        rows: z.int(),
        effectiveRows: number,
        meanWeight: number,
        meanWeightError: number,
        greatestShare: number,
        alarms: z.array(z.object({ rule: z.string(), reason: z.string() })),
      })
      .nullable()
      .meta({ description: 'Whether the log can say anything about the policy; judged before any estimate.' }),
    logged: z.object(interval).nullable().meta({ description: 'What these requests did earn.' }),
    estimates: z.array(
      z.union([
        z.strictObject({ method: z.string(), ...interval, standardError: number }),
        z.strictObject({ method: z.string(), refused: z.string() }),
      ]),
    ),
    cautions: z.array(z.string()),
  })
  .meta({ id: 'Backtest', description: 'What a fixed policy would have earned.' })

export type WireBacktest = z.infer<typeof backtestAnswerSchema>
