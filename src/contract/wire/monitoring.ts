/** What the control API tells of endpoints between and beside releases: drift, limits, and how late labels come. */
import { z } from 'zod'
import { verdicts } from './judgement.ts'
import { monitoredShape } from './monitored.ts'
import { time } from './parts.ts'

const number = z.number().nullable()
const share = z.number().min(0).max(1)

const span = z.object({ predictions: z.int(), from: time, to: time })

export const featureDriftSchema = z
  .object({
    name: z.string(),
    source: z.enum(['feature', 'answer']),
    type: z.enum(['number', 'category']).nullable(),
    verdict: z.enum(verdicts),
    reason: z.string(),
    method: z.enum(['ks', 'chi-square']).nullable().meta({ description: 'The test with the least p value.' }),
    statistic: number,
    pValue: number.meta({ description: 'Corrected for the number of features (Benjamini-Hochberg); drift at alpha.' }),
    psi: number,
    psiThreshold: number.meta({ description: 'What the PSI exceeds without drift with probability alpha.' }),
    jensenShannon: number.meta({ description: 'Distance, natural logarithm.' }),
    wasserstein: number.meta({ description: 'In standard deviations of the reference; of numbers.' }),
    missing: z.object({ reference: share, current: share }).nullable(),
    reference: span.nullable(),
    current: span.nullable().meta({ description: 'The newest complete window.' }),
  })
  .meta({ id: 'FeatureDrift', description: 'A feature, or the predicted value, against its reference.' })

const qualitySchema = z.object({
  verdict: z.enum(verdicts),
  reason: z.string(),
  reference: z.object({ labelled: z.int(), wrong: z.int() }),
  rateMax: number.meta({ description: 'Upper limit of the rate of wrong answers in the reference.' }),
  labelled: z.int().meta({ description: 'Labelled answers since the reference.' }),
  rateSince: number.meta({ description: 'Rate of wrong answers since the likeliest change.' }),
  logEvidence: number,
  threshold: number,
})

const limitSchema = z.object({
  metric: z.string(),
  verdict: z.enum(verdicts),
  reason: z.string(),
  rateMax: z.number().meta({ description: 'The greatest share of errors, slow or wrong answers.' }),
  trials: z.int(),
  events: z.int(),
  rate: number,
  logEvidence: number,
  threshold: z.number(),
})

export const monitoringSchema = z
  .object({
    endpoint: z.string(),
    version: z.string().meta({ description: 'The stable version.' }),
    ...monitoredShape,
    since: time.nullable().meta({ description: 'Predictions after this are watched; null where nothing is.' }),
    changedAt: time.nullable(),
    drift: z
      .object({
        verdict: z.enum(verdicts),
        alpha: z.number(),
        features: z.array(featureDriftSchema),
        quality: qualitySchema.nullable().meta({ description: 'Accuracy, by labels.' }),
      })
      .nullable(),
    limits: z.array(limitSchema),
  })
  .meta({ id: 'Monitoring', description: 'The stable version of an endpoint as it is watched.' })

export const signalSchema = z
  .object({
    name: z.string().meta({ description: 'label, reward, or metrics.NAME.' }),
    metrics: z.array(z.string()).meta({ description: 'Declared metrics that wait for it.' }),
    at: time.meta({ description: 'Of the newest prediction.' }),
    delay: z
      .object({ p50Ms: z.number(), p90Ms: z.number(), p99Ms: z.number(), horizonMs: z.number() })
      .nullable()
      .meta({ description: 'Of those that come; young predictions are censored. Null with too few.' }),
    maturity: z.union([
      z.object({
        known: z.literal(true),
        ageMs: z.number(),
        source: z.enum(['declared', 'learned']),
        arrivedShare: number.meta({ description: 'Share of all predictions that get a value.' }),
      }),
      z.object({ known: z.literal(false), reason: z.string() }),
    ]),
    versions: z.array(
      z.object({
        version: z.string(),
        predicted: z.int(),
        arrived: z.int(),
        matured: z.int().meta({ description: 'Old enough to be judged by whether they have the value.' }),
        maturedArrived: z.int(),
        coverage: number.meta({ description: 'maturedArrived / matured.' }),
        maturity: number.meta({ description: 'Expected share of the values coming in time that have come.' }),
        cohorts: z.array(z.object({ from: time, to: time, predicted: z.int(), arrived: z.int() })),
      }),
    ),
  })
  .meta({ id: 'SignalDelays', description: 'How late one kind of later value comes.' })

export type WireMonitoring = z.infer<typeof monitoringSchema>
export type WireSignal = z.infer<typeof signalSchema>
