/** Features of requests and what is watched of a stable version, as keys of an Endpoint document. */
import { z } from 'zod'
import { type LatencyName, latencyQuantiles } from './metric-names.ts'
import { jsonPointer } from './request-parts.ts'
import { lasting, name, object, percent } from './resource-parts.ts'
import { featureRule, monitorRule, withRule } from './resource-rules.ts'

const featureShape = object({
  pointer: jsonPointer('/customer/age').optional().meta({ description: 'JSON pointer into the request body.' }),
  input: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Name of an input tensor (open-inference), of which the first row is read.' }),
  index: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .meta({ description: 'The element of that row, from 0; without it the mean of the row.' }),
  type: z
    .enum(['number', 'category'])
    .default('number')
    .meta({ description: 'A number, or a text, number or true/false that names a category.' }),
})

const feature = withRule(featureShape, featureRule).meta({
  id: 'Feature',
  description: 'A value of the request: exactly one of pointer, input.',
  oneOf: [{ required: ['pointer'] }, { required: ['input'] }],
})

export const features = z.record(name, feature)

export const drift = object({
  by: z.enum(['unit', 'request']).default('unit').meta({
    description: 'What counts once in the reference and in each window: requests of one unit are not independent.',
  }),
  reference: z
    .int()
    .min(100)
    .max(10_000)
    .default(2_000)
    .meta({ description: 'The first predictions of the stable version, with which the later ones are compared.' }),
  window: z
    .int()
    .min(30)
    .max(10_000)
    .default(1_000)
    .meta({ description: 'Predictions of one window; each is compared once, when it is complete.' }),
  'at-most': lasting
    .default('24h')
    .meta({ description: 'A reference of 100, or a window of 30, that is not full by then is complete too.' }),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.01)
    .meta({ description: 'Chance of a false alarm at each look, over all features together.' }),
  'tolerated-psi': z
    .number()
    .min(0)
    .max(10)
    .default(0)
    .meta({ description: 'A population stability index up to this is no drift, however certain.' }),
  'on-drift': z
    .enum(['alert', 'ignore'])
    .default('alert')
    .meta({ description: 'Whether drift changes the status of the endpoint, or is only shown.' }),
})

const errorMax = object({ max: percent.meta({ description: 'The greatest share of requests that end in an error.' }) })
const latencyMax = object({
  max: z.number().gt(0).max(3_600_000).meta({ description: 'Milliseconds that the quantile must not exceed.' }),
})
const accuracyMin = object({
  min: z
    .number()
    .gt(0)
    .lt(1)
    .meta({ description: 'The least share of right answers among the labelled, such as 0.9.' }),
})

type LatencyLimits = Record<LatencyName, z.ZodOptional<typeof latencyMax>>
const latencyLimits = Object.fromEntries(
  Object.keys(latencyQuantiles).map(known => [known, latencyMax.optional()]),
) as LatencyLimits

const monitorShape = object({
  'error-rate': errorMax.optional(),
  ...latencyLimits,
  accuracy: accuracyMin.optional(),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.01)
    .meta({ description: 'Chance of a false breach of each limit in each window, however often one looks.' }),
  window: z.int().min(100).max(1_000_000).default(1_000).meta({ description: 'Trials of one window.' }),
  'at-most': lasting.default('24h').meta({ description: 'A window that is not full by then is complete too.' }),
  'on-breach': z
    .enum(['alert', 'return'])
    .default('alert')
    .meta({ description: 'Only tell, or go back to the version that was stable before.' }),
})

export const monitor = withRule(monitorShape, monitorRule)
