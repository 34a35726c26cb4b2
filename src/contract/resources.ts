/**
 * The resource documents that people write, as schemas: the published JSON Schema, the reference page and the defaults
 * come from here. Keys are those of the YAML files; `config/` turns a valid document into the domain's own types.
 */
import { z } from 'zod'
import { durationPattern, parseDurationMs, parsePercentPpm, percentPattern, pointsPattern } from './units.ts'

/** An object that refuses unknown keys and says which ones it knows. */
function object<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? `unknown key ${issue.keys.map(key => `\`${key}\``).join(', ')}${allowedMark}${Object.keys(shape).join(', ')}`
        : undefined,
  })
}

/** Separates a message from the list of what is allowed; `toProblems` splits there. */
export const allowedMark = '; allowed: '

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/,
    `a name of letters, digits, dots, dashes${allowedMark}such as digits, v2, fraud-eu`,
  )
  .max(63)

const duration = z
  .string()
  .regex(durationPattern, `not a duration${allowedMark}500ms, 30s, 10m, 1.5h, 14d`)
  .refine(text => (parseDurationMs(text) ?? -1) >= 0, `not a duration${allowedMark}500ms, 30s, 10m, 1.5h, 14d`)
  .meta({ description: 'A duration: 500ms, 30s, 10m, 1.5h, 14d.' })

const percent = z
  .string()
  .regex(percentPattern, `not a percentage${allowedMark}0.01% to 100%`)
  .refine(text => parsePercentPpm(text) !== null, `not a percentage in steps of 0.0001%${allowedMark}0.01% to 100%`)
  .meta({ description: 'A percentage: 0.01% to 100%.' })

const margin = z
  .string()
  .refine(
    text => pointsPattern.test(text) || percentPattern.test(text),
    `not a margin${allowedMark}percentage points such as 0.5pp, or a relative increase such as 20%`,
  )
  .meta({ description: 'The largest tolerated harm: 0.5pp (percentage points) for rates, 20% (relative) for latency.' })

const readyCheck = object({
  path: z.string().startsWith('/').optional().meta({
    description:
      'Answers 200 when the instance can serve. By default /v2/health/ready, and a server that does not know that path is ready once it answers HTTP.',
  }),
  timeout: duration.default('60s').meta({ description: 'An instance that is not ready by then has failed.' }),
})

const version = object({
  onnx: z.string().min(1).optional().meta({ description: 'Path of an ONNX model, run in-process.' }),
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ description: 'Words of a command that serves on 127.0.0.1 at `{port}`; supervised.' }),
  url: z
    .union([z.url({ protocol: /^http$/ }), z.array(z.url({ protocol: /^http$/ })).min(1)])
    .optional()
    .meta({ description: 'One or several base addresses (http://host:port) of servers that run elsewhere.' }),
  instances: z.int().min(1).max(64).default(1).meta({ description: 'Running copies, for onnx and command.' }),
  cwd: z
    .string()
    .optional()
    .meta({ description: 'Folder in which the command runs; the folder of the file by default.' }),
  env: z.record(z.string(), z.string()).optional().meta({ description: 'Additional environment of the command.' }),
  ready: readyCheck.optional(),
}).meta({ id: 'Version', description: 'An immutable model and how it runs: exactly one of onnx, command, url.' })

const unit = object({
  header: z.string().min(1).optional(),
  cookie: z.string().min(1).optional(),
  pointer: z.string().startsWith('/').optional().meta({ description: 'JSON pointer into the request body.' }),
}).meta({
  description:
    'What is kept on its version: exactly one of header, cookie, pointer. By default the header x-cutover-unit.',
})

const metric = object({
  type: z.string().meta({ description: 'accuracy: the predicted value equals the label.' }),
  of: z.string().optional(),
  'unit-level': z.boolean().optional(),
})

export const endpointResource = object({
  kind: z.literal('Endpoint'),
  name,
  protocol: z
    .enum(['open-inference', 'http'])
    .default('open-inference')
    .meta({ description: 'How callers speak: Open Inference Protocol v2, or any HTTP passed through.' }),
  unit: unit.optional(),
  stable: name.meta({ description: 'The version that serves at first; releases move it from then on.' }),
  versions: z.record(name, version).refine(all => Object.keys(all).length > 0, 'at least one version'),
  'allow-pin': z
    .boolean()
    .default(true)
    .meta({ description: 'Whether callers may choose a version by x-cutover-version.' }),
  prediction: object({
    output: z
      .string()
      .min(1)
      .meta({ description: 'Output tensor (open-inference) or JSON pointer into the answer (http).' }),
    read: z
      .enum(['value', 'argmax'])
      .default('value')
      .meta({ description: 'The value itself, or the index of the greatest number.' }),
  })
    .optional()
    .meta({ description: 'What is compared with the label.' }),
  metrics: z.record(name, metric).default({}),
  timeouts: object({
    connect: duration.default('2s'),
    'first-byte': duration.default('60s'),
    idle: duration.default('60s'),
  }).prefault({}),
  'body-limit': z
    .int()
    .min(1)
    .max(64 * 1024 * 1024)
    .default(16 * 1024 * 1024)
    .meta({ description: 'Bytes of a request body.' }),
  'payload-sample': percent
    .default('1%')
    .meta({ description: 'Share of units whose request and answer bodies are kept.' }),
}).meta({ id: 'Endpoint', description: 'The stable name that clients call; owns versions, metrics and traffic.' })

const check = object({
  margin,
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.01)
    .meta({ description: 'Chance of a false breach, however often one looks.' }),
  'min-events': z
    .int()
    .min(1)
    .default(100)
    .meta({ description: 'Observations that each version needs before the check can pass.' }),
})

const canaryStep = z.union([
  percent,
  object({
    weight: percent,
    for: duration.optional().meta({ description: 'The step lasts at least this long.' }),
    'at-most': duration.optional().meta({ description: 'Without enough evidence by then the release holds.' }),
  }),
])

export const defaultCanarySteps = ['1%', '5%', '25%', '50%'] as const

export const canaryStage = object({
  steps: z
    .array(canaryStep)
    .min(1)
    .max(100)
    .default([...defaultCanarySteps]),
  approval: z
    .boolean()
    .default(false)
    .meta({ description: 'Wait for `approve` before the candidate gets all traffic.' }),
  'min-requests': z
    .int()
    .min(1)
    .default(50)
    .meta({ description: 'Requests that the candidate must answer within each step.' }),
  'at-most': duration
    .default('24h')
    .meta({ description: 'Ceiling of each step that names none: past it the release holds.' }),
}).meta({
  id: 'Canary',
  description: 'Ordered steps of weight, each ending on evidence between a floor and a ceiling of time.',
})

/** All seven kinds are known by name; the config door says which are available. */
const stage = object({
  recreate: z.unknown().optional(),
  rolling: z.unknown().optional(),
  blueGreen: z.unknown().optional(),
  canary: canaryStage.optional(),
  shadow: z.unknown().optional(),
  abTest: z.unknown().optional(),
  bandit: z.unknown().optional(),
}).refine(one => Object.keys(one).length === 1, 'a stage names exactly one strategy')

export const releaseResource = object({
  kind: z.literal('Release'),
  endpoint: name,
  to: name,
  guardrails: z
    .record(name, check)
    .default({})
    .meta({ description: 'A breach rolls back. error-rate at 1pp if none is given.' }),
  signals: z.record(name, check).default({}).meta({ description: 'A breach holds.' }),
  stages: z.array(stage).min(1).max(20),
  'on-fail': z.enum(['rollback', 'hold']).default('rollback'),
  'on-conflict': z.enum(['refuse', 'queue', 'replace']).default('refuse'),
  probation: duration
    .default('0s')
    .meta({ description: 'How long the old version stays warm and watched after 100 %.' }),
  'ready-timeout': duration
    .default('60s')
    .meta({ description: 'A candidate that is not ready by then is rolled back.' }),
  drain: duration.default('30s').meta({ description: 'Requests in flight get this long when a fleet ends.' }),
}).meta({ id: 'Release', description: 'One attempt to move an endpoint from its stable version to a candidate.' })

export const resourceSchema = z.discriminatedUnion('kind', [endpointResource, releaseResource], {
  error: issue => (issue.code === 'invalid_union' ? `unknown kind${allowedMark}Endpoint, Release` : undefined),
})

export type EndpointResource = z.infer<typeof endpointResource>
export type ReleaseResource = z.infer<typeof releaseResource>
export type Resource = z.infer<typeof resourceSchema>
export type ResourceInput = z.input<typeof resourceSchema>
