/** Recorded predictions, what became known of them, and their sums. */
import { z } from 'zod'
import { metricTypes } from '../metric-names.ts'
import { marginUnits } from './judgement.ts'
import { time } from './parts.ts'

const oneLabel = z.union([z.string(), z.number(), z.boolean()])
const label = z.union([oneLabel, z.array(oneLabel).readonly()])

export const predictionSchema = z
  .object({
    id: z.string(),
    endpoint: z.string(),
    version: z.string().meta({ description: 'The version that answered.' }),
    assigned: z.string().meta({ description: 'The version that the traffic table chose.' }),
    release: z.string().nullable(),
    epoch: z.int(),
    unit: z.string(),
    propensity: z.number().meta({ description: 'The probability with which the version was chosen.' }),
    pinned: z.boolean(),
    at: time,
    latencyMs: z.number(),
    status: z.int(),
    failed: z.boolean(),
    answer: z
      .array(label)
      .readonly()
      .nullable()
      .meta({ description: 'One predicted value per row; for a ranking a list.' }),
    scores: z
      .array(z.array(z.number()).readonly())
      .readonly()
      .nullable()
      .meta({ description: 'Scores of the classes, row by row, where a metric needs them.' }),
    features: z
      .record(z.string(), z.union([z.number(), z.string(), z.null()]))
      .nullable()
      .meta({ description: 'Declared features of the request, where its body was kept.' }),
    byContext: z.boolean().meta({ description: 'The features of the request chose its version.' }),
    measures: z
      .record(z.string(), z.number())
      .meta({ description: 'Tokens, times and cost of an answer in OpenAI’s style, as far as they are known.' }),
    shadowOf: z
      .string()
      .nullable()
      .meta({ description: 'Of a challenger that answered a copy: the prediction that the caller got.' }),
    payload: z
      .object({
        request: z.base64(),
        response: z.base64(),
        sent: z
          .object({ method: z.string(), path: z.string(), headers: z.array(z.tuple([z.string(), z.string()])) })
          .nullable()
          .meta({ description: 'How the request was sent, without credentials; null where it cannot be sent again.' }),
      })
      .nullable()
      .meta({ description: 'Bodies in base64; null in lists and for units whose payloads are not kept.' }),
    outcomes: z.array(
      z.object({
        id: z.string(),
        row: z.int(),
        label: label.nullable(),
        reward: z.number().nullable(),
        metrics: z.record(z.string(), z.number()),
        at: time,
      }),
    ),
  })
  .meta({ id: 'PredictionView', description: 'What a version answered, and what became known of it.' })

export const summaryDimensions = ['version', 'epoch', 'release', 'hour', 'day'] as const

export const summaryRowSchema = z
  .object({
    key: z
      .object({
        version: z.string().optional(),
        epoch: z.int().optional(),
        release: z.string().nullable().optional(),
        hour: z.string().optional().meta({ description: 'When it begins, UTC.' }),
        day: z.string().optional(),
      })
      .meta({ description: 'The dimensions that were asked for.' }),
    requests: z.int(),
    errors: z.int().meta({ description: 'Statuses of 400 and above, failures, and versions that were not there.' }),
    units: z.int().meta({ description: 'Distinct units.' }),
    labelled: z.int().meta({ description: 'Rows with a predicted value and a true one.' }),
    wrong: z.int(),
    rewards: z.object({ count: z.int(), sum: z.number() }),
    latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
    first: z.string(),
    last: z.string(),
  })
  .meta({ id: 'SummaryRow', description: 'Recorded predictions and their outcomes, added up.' })

export const metricSchema = z
  .object({
    endpoint: z.string(),
    name: z.string(),
    type: z.enum(['error-rate', 'latency', ...metricTypes]),
    declared: z.boolean().meta({ description: 'Whether the endpoint declares it; the others exist anyway.' }),
    quantile: z.number().nullable(),
    marginUnit: z.enum(marginUnits).meta({ description: 'The usual one; declared metrics also take %.' }),
  })
  .meta({ id: 'Metric', description: 'What a check of a release can name.' })

/** What the inference listener answers to feedback. */
export const feedbackAnswerSchema = z.object({
  results: z.array(
    z.object({
      id: z.string().nullable(),
      prediction: z.string().nullable(),
      status: z.enum(['joined', 'pending', 'duplicate', 'invalid']),
      detail: z.string().optional(),
    }),
  ),
})

export type WirePrediction = z.infer<typeof predictionSchema>
export type WireSummaryRow = z.infer<typeof summaryRowSchema>
export type WireMetric = z.infer<typeof metricSchema>
export type WireFeedbackAnswer = z.infer<typeof feedbackAnswerSchema>
