/** Endpoints and their versions as of now, as the control API tells them. */
import { z } from 'zod'
import { metricTypes } from '../metric-names.ts'
import { timelineKinds } from '../resource-webhooks.ts'
import { monitoredSchema } from './monitored.ts'
import { names, ppm } from './parts.ts'

export const instanceStates = ['starting', 'ready', 'unhealthy', 'draining', 'failed'] as const
export const fleetStates = ['absent', 'starting', 'ready', 'failed'] as const

const addedHeader = z.discriminatedUnion('from', [
  z.object({ from: z.literal('text'), text: z.string() }),
  z.object({ from: z.literal('env'), name: z.string(), prefix: z.string() }),
  z.object({ from: z.literal('file'), path: z.string(), prefix: z.string() }),
])

const provider = z
  .object({
    model: z.string().nullable().meta({ description: 'What the model server calls the model.' }),
    price: z
      .object({
        inputPerToken: z.number(),
        outputPerToken: z.number(),
        cachedInputPerToken: z.number().optional(),
      })
      .nullable(),
    asksForUsage: z.boolean(),
  })
  .nullable()
  .meta({ description: 'Of endpoints in OpenAI’s style.' })

const ready = z.object({ path: z.string(), timeoutMs: z.int() })

const upstreamTls = z
  .object({
    ca: z.string().optional(),
    cert: z.string().optional(),
    key: z.string().optional(),
    serverName: z.string().optional(),
    insecure: z.literal(true).optional(),
  })
  .meta({ description: 'Paths of files, not what is in them.' })

export const versionSchema = z
  .object({
    endpoint: z.string(),
    name: z.string(),
    role: z.enum(['stable', 'candidate', 'idle']),
    weightPpm: ppm,
    backend: z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal('onnx'),
        path: z.string(),
        batch: z
          .object({ rowsMax: z.int(), waitMs: z.number() })
          .optional()
          .meta({ description: 'Left out where every request is run alone.' }),
      }),
      z.object({
        kind: z.literal('command'),
        argv: names,
        cwd: z.string(),
        env: names.meta({ description: 'Names only: values may be secrets.' }),
        ready,
        provider,
      }),
      z.object({
        kind: z.literal('url'),
        addresses: names,
        ready,
        headers: z
          .record(z.string(), addedHeader)
          .meta({ description: 'Added by the gateway; of secrets only where they are found.' }),
        provider,
        tls: upstreamTls.optional(),
      }),
    ]),
    origin: z
      .object({ registry: z.string(), version: z.string() })
      .nullable()
      .meta({ description: 'The registry that it was found in, and its version there.' }),
    fleet: z.enum(fleetStates),
    instancesWanted: z.int(),
    instancesReady: z.int(),
    instances: z.array(z.object({ id: z.string(), state: z.enum(instanceStates), detail: z.string() })),
  })
  .meta({ id: 'VersionView', description: 'A version and how it runs now.' })

export const endpointSchema = z
  .object({
    name: z.string(),
    protocol: z.enum(['open-inference', 'openai', 'tensorflow-serving', 'http']),
    stable: z.string().meta({ description: 'The version that serves by right.' }),
    weightsPpm: z.record(z.string(), ppm),
    epoch: z.int().meta({ description: 'Counts the periods in which weights did not change.' }),
    appliedEpoch: z.int().meta({ description: 'The greatest epoch that the gateway confirmed.' }),
    activeRelease: z.string().nullable(),
    queue: names.meta({ description: 'Releases that wait for its end, in order.' }),
    releaseCount: z.int(),
    monitored: monitoredSchema,
    unit: z.discriminatedUnion('from', [
      z.object({ from: z.literal('request') }),
      z.object({ from: z.literal('header'), name: z.string() }),
      z.object({ from: z.literal('cookie'), name: z.string() }),
      z.object({ from: z.literal('body'), pointer: z.string() }),
    ]),
    rules: z
      .array(z.object({ text: z.string(), version: z.string() }))
      .meta({ description: 'Whom a header or a flag sends to one version.' }),
    allowPin: z.boolean(),
    answer: z
      .object({ output: z.string(), read: z.enum(['value', 'argmax', 'ranking']), scores: z.string().optional() })
      .nullable(),
    metrics: z.record(z.string(), z.looseObject({ type: z.enum(metricTypes) })),
    features: z
      .record(z.string(), z.object({ type: z.enum(['number', 'category']) }))
      .meta({ description: 'Read of the requests whose bodies are kept.' }),
    labelWindowMs: z.number().nullable().meta({ description: 'Null where it is learned.' }),
    webhooks: z.array(
      z.object({ name: z.string(), url: z.string(), events: z.array(z.enum(timelineKinds)), signed: z.boolean() }),
    ),
    external: z
      .array(z.object({ name: z.string(), from: z.enum(['prometheus', 'http']), url: z.string(), everyMs: z.number() }))
      .meta({ description: 'Metrics that other systems measure.' }),
    timeouts: z.object({ connectMs: z.int(), firstByteMs: z.int(), idleMs: z.int(), totalMs: z.int().optional() }),
    registry: z
      .object({ name: z.string(), everyMs: z.number(), champion: z.string().nullable() })
      .nullable()
      .meta({ description: 'Whose versions are released by themselves; `champion` is what it was told serves.' }),
    recording: z.enum(['on', 'off']),
    bodyBytesMax: z.int(),
    capacity: z.object({ instances: z.int() }).nullable(),
    payloadSamplePpm: ppm,
    versions: z.array(versionSchema),
  })
  .meta({ id: 'EndpointView', description: 'An endpoint as of now.' })

export type WireVersion = z.infer<typeof versionSchema>
export type WireEndpoint = z.infer<typeof endpointSchema>
