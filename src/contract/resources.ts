/**
 * The resource documents that people write, as schemas: the published JSON Schema, the reference page and the defaults
 * come from here. Keys are those of the YAML files; `config/` turns a valid document into the domain's own types.
 */
import { z } from 'zod'
import { flagName, flagResource, segmentResource } from './flags/flag.ts'
import { flagGate, routeRule, variantsAsked } from './flags/gates.ts'
import { freezeWindow } from './freeze.ts'
import { metricTypes } from './metric-names.ts'
import { cookieName, headerName, jsonPointer } from './request-parts.ts'
import { checks, goals } from './resource-checks.ts'
import { drift, features, monitor } from './resource-monitoring.ts'
import { duration, lasting, name, object, percent, requestTime, webAddress, withoutUser } from './resource-parts.ts'
import { addedHeaders, addedHeadersRule, prices, providerRule } from './resource-providers.ts'
import { registryOf } from './resource-registry.ts'
import { breaker, concurrency, retry, timeouts } from './resource-resilience.ts'
import {
  allowedMark,
  batchRule,
  endpointRule,
  externalRule,
  metricRule,
  releaseRule,
  unitRule,
  versionRule,
  withRule,
} from './resource-rules.ts'
import { gate, webhook } from './resource-webhooks.ts'
import { scopeMatch } from './scope.ts'
import { blueGreenIsLast } from './stages/blue-green.ts'
import { stage } from './stages/stage.ts'

const readyCheck = object({
  path: z.string().regex(/^\//, `is not a path${allowedMark}/v2/health/ready`).optional().meta({
    description:
      'Answers 200 when the instance can serve. By default /v2/health/ready, and a server that does not know that path is ready once it answers HTTP.',
  }),
  timeout: lasting.default('60s').meta({ description: 'An instance that is not ready by then has failed.' }),
})

const address = webAddress('http://host:port, https://host/v1', 'a base address')

const upstreamTls = object({
  ca: z.string().min(1).optional().meta({
    description: 'PEM file of the authorities that its certificate may come from, instead of those that Node knows.',
  }),
  cert: z.string().min(1).optional().meta({ description: 'PEM file of the certificate that Cutover shows (mTLS).' }),
  key: z.string().min(1).optional().meta({ description: 'PEM file of its private key.' }),
  'server-name': z.string().min(1).optional().meta({
    description:
      'The name that its certificate must have, and that is asked for (SNI); the host of the address by default.',
  }),
  insecure: z
    .boolean()
    .default(false)
    .meta({ description: 'Believe whoever answers, whatever its certificate says. For trying things out.' }),
})

const onnxPath = z.string().min(1)

const notBatch = `is not a number of rows${allowedMark}integers from 2 to 1024`
const batchRows = z.int(notBatch).min(2, notBatch).max(1_024, notBatch)

const onnxShape = object({
  model: onnxPath.meta({ description: 'Path of the model.' }),
  'max-batch': batchRows.optional().meta({
    description:
      'Requests that queue are run together, up to so many rows; the first dimension of all inputs and outputs must be dynamic. Every request alone if it is left out.',
  }),
  'max-wait': duration.optional().meta({
    description:
      'The oldest request waits up to this, at most 1s, for others of its batch; by default a batch is what queued while the model ran.',
  }),
})

const onnxModel = withRule(onnxShape, batchRule).meta({
  id: 'OnnxModel',
  description: 'An ONNX model and how it runs.',
})

const versionShape = object({
  onnx: z
    .union([onnxPath, onnxModel])
    .optional()
    .meta({ description: 'Path of an ONNX model, run in-process, or an object that also says how.' }),
  command: z
    .array(z.string().min(1), `is not a list of words${allowedMark}one item for each word`)
    .min(1)
    .optional()
    .meta({
      description:
        'Words of a command that serves on 127.0.0.1 at `{port}`, which it is told by one of them or in `env`; supervised.',
    }),
  url: z
    .union([address, z.array(address).min(1)])
    .optional()
    .meta({
      description:
        'One or several base addresses (http://host:port) of servers that run elsewhere; a path in it comes before the path of each request, and in OpenAI’s style takes the place of its /v1.',
    }),
  headers: addedHeaders.optional(),
  model: z.string().min(1).max(256).optional().meta({
    description: 'What the server calls the model, in OpenAI’s style; the name of the endpoint by default.',
  }),
  price: prices.optional().meta({ description: 'What its tokens cost, in OpenAI’s style: makes `cost` known.' }),
  'stream-usage': z.boolean().optional().meta({
    description:
      'Ask streams for their tokens (`stream_options.include_usage`) where callers do not, in OpenAI’s style; true. False for servers that refuse it.',
  }),
  tls: upstreamTls.optional().meta({
    description:
      'How an https url proves itself, and Cutover to it. The files are watched; new connections take new ones.',
  }),
  pipelining: z.int().min(1).max(64).optional().meta({
    description:
      'Requests that may be under way on one connection of a url; 1. More cost the gateway less, but a slow answer holds up those behind it, and a connection that breaks, unless the server announced it, fails all that are on it: for servers of your own that answer quickly and in even time.',
  }),
  connections: z.int().min(1).max(16_384).optional().meta({
    description:
      'Connections to each address of a url at most; 1024. Calls that find all of them busy, as long streams keep them, wait for the connect timeout and are then answered 503.',
  }),
  instances: z.int().min(1).max(64).default(1).meta({ description: 'Running copies, for onnx and command.' }),
  cwd: z
    .string()
    .optional()
    .meta({ description: 'Folder in which the command runs; the folder of the file by default.' }),
  env: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'Additional environment of the command; `{port}` is filled in.' }),
  ready: readyCheck.optional().meta({ description: 'How Cutover asks a command or url whether it can serve.' }),
})

const version = withRule(withRule(versionShape, versionRule), addedHeadersRule).meta({
  id: 'Version',
  description: 'An immutable model and how it runs: exactly one of onnx, command, url.',
  oneOf: [{ required: ['onnx'] }, { required: ['command'] }, { required: ['url'] }],
})

const unitShape = object({
  header: headerName.optional().meta({ description: 'Name of a request header.' }),
  cookie: cookieName.optional().meta({ description: 'Name of a cookie.' }),
  pointer: jsonPointer('/user/id').optional().meta({ description: 'JSON pointer into the request body.' }),
})

const unit = withRule(unitShape, unitRule).meta({
  description:
    'What is kept on its version: exactly one of header, cookie, pointer. By default the header x-cutover-unit; in OpenAI’s style also the user or the conversation of the body.',
  oneOf: [{ required: ['header'] }, { required: ['cookie'] }, { required: ['pointer'] }],
})

const classLabel = z.union([z.string(), z.number(), z.boolean()])
const classList = z.array(classLabel).min(2).max(100)
const valueSource = z.string().min(1)

const metricShape = object({
  type: z.enum(metricTypes).meta({ description: 'What is computed; see the guide to metrics.' }),
  of: valueSource.optional().meta({
    description:
      '`reward`, `latency-ms`, `error` (1 if the request ended in one), in OpenAI’s style `tokens`, `input-tokens`, `output-tokens`, `time-to-first-token-ms`, `tokens-per-second` and `cost`, or the name of a value reported by feedback; for mean, count, rate, quantile, ratio.',
  }),
  per: valueSource.optional().meta({ description: 'The denominator of a ratio.' }),
  class: classLabel.optional().meta({ description: 'The class of precision, recall and f1.' }),
  classes: classList
    .optional()
    .meta({ description: 'The classes of f1-macro; for metrics of scores their order, by default 0, 1, 2, ...' }),
  positive: classLabel.optional().meta({ description: 'The positive class of auc.' }),
  at: z.int().min(1).max(1_000).optional().meta({ description: 'The last rank that counts, for ndcg and mrr; 10.' }),
  quantile: z.number().gt(0).lt(1).optional().meta({ description: 'Of a quantile: 0.95.' }),
  expression: z.string().min(1).max(1_000).optional().meta({ description: 'CEL over `prediction` and `outcome`.' }),
  better: z
    .enum(['higher', 'lower'])
    .optional()
    .meta({ description: 'Which direction is better, where it is not clear.' }),
  'unit-level': z.boolean().optional().meta({ description: 'Every unit counts once, not every row.' }),
  winsorise: z.number().gt(0).optional().meta({ description: 'Values are clipped at plus and minus this.' }),
  covariate: z.string().optional().meta({
    description: 'A reported value of the unit from before the release, to take out variance (CUPED); unit-level.',
  }),
})

const metric = withRule(metricShape, metricRule).meta({
  id: 'Metric',
  description: 'A definition over predictions and outcomes.',
})

const exampleAddress = 'http://host:port/path, https://…'

const externalShape = object({
  prometheus: object({
    url: webAddress(exampleAddress).meta({ description: 'Base address of the server; /api/v1/query is asked.' }),
    query: z
      .string()
      .min(1)
      .meta({ description: 'PromQL that gives one number; {{version}} and {{endpoint}} are replaced.' }),
  }).optional(),
  http: object({
    url: z
      .string()
      .min(1)
      .refine(...withoutUser(exampleAddress))
      .meta({ description: 'Address that answers JSON; {{version}} and {{endpoint}} are replaced.' }),
    pointer: jsonPointer('/value').meta({ description: 'Where the number is in the answer.' }),
  }).optional(),
  every: lasting.default('15s').meta({ description: 'How often it is asked.' }),
  timeout: requestTime.default('5s').meta({ description: 'An answer that takes longer is a missing one. Up to 1d.' }),
})

const external = withRule(externalShape, externalRule).meta({
  id: 'ExternalMetric',
  description: 'A number that another system measures for each version: exactly one of prometheus, http.',
})

const endpointRuleShape = withRule(
  object({
    header: headerName.optional().meta({ description: 'Name of a request header.' }),
    equals: z.string().min(1).max(512).optional().meta({ description: 'What the header must say.' }),
    flag: flagName.optional().meta({ description: 'A flag, asked with the request’s unit and headers.' }),
    is: variantsAsked.optional(),
    version: name.meta({ description: 'The version that serves; it runs as long as a rule names it.' }),
  }),
  routeRule,
).meta({ id: 'EndpointRule', description: 'header and equals, or flag: who fits is served by the version.' })

const endpointShape = object({
  kind: z.literal('Endpoint').meta({ description: 'Always `Endpoint`.' }),
  name: name.meta({ description: 'What clients call: part of every path.' }),
  protocol: z.enum(['open-inference', 'openai', 'tensorflow-serving', 'http']).default('open-inference').meta({
    description:
      'How callers speak: Open Inference Protocol v2, OpenAI’s style, TensorFlow Serving (and KServe v1), or any HTTP passed through.',
  }),
  unit: unit.optional(),
  stable: name.meta({ description: 'The version that serves at first; releases move it from then on.' }),
  versions: z.record(name, version).meta({ description: 'Every version by its name; a version never changes.' }),
  'allow-pin': z
    .boolean()
    .default(true)
    .meta({ description: 'Whether callers may choose a version by x-cutover-version.' }),
  prediction: object({
    output: z.string().meta({
      description:
        'Output tensor (open-inference) or JSON pointer into the answer (the others); `""` for an answer that is the value itself.',
    }),
    read: z
      .enum(['value', 'argmax', 'ranking'])
      .default('value')
      .meta({ description: 'The value itself, the index of the greatest number, or a list of items, best first.' }),
    scores: z.string().optional().meta({
      description:
        'Where the scores of the classes are, for auc, log-loss, brier, calibration; with argmax the output itself.',
    }),
  })
    .optional()
    .meta({ description: 'What is compared with the label.' }),
  metrics: z
    .record(name, metric)
    .default({})
    .meta({ description: 'Metrics of its own, by name; error-rate and the latency quantiles need no declaration.' }),
  external: z.record(name, external).default({}).meta({
    description: 'Metrics that other systems measure, by name; checks of releases hold them against a bound.',
  }),
  timeouts: timeouts.prefault({}).meta({ description: 'How long the gateway waits for a model server.' }),
  retry: retry.optional().meta({ description: 'Calls that fail before the caller got any of the answer.' }),
  breaker: breaker.optional().meta({
    description: 'Keep away from a version while most of its calls fail; the stable one answers for a candidate.',
  }),
  concurrency: concurrency.optional().meta({ description: 'How much each version is asked at once.' }),
  recording: z.enum(['on', 'off']).default('on').meta({
    description: 'Whether predictions are kept. Without them there is no evidence: such an endpoint has no releases.',
  }),
  'body-limit': z
    .int()
    .min(1)
    .max(64 * 1024 * 1024)
    .default(16 * 1024 * 1024)
    .meta({ description: 'Bytes of a request body.' }),
  webhooks: z.record(name, webhook).default({}).meta({ description: 'Who is told what happens to releases, by name.' }),
  'label-window': duration.optional().meta({
    description: 'A label that has not come by then is not waited for; learned from the delays if it is left out.',
  }),
  capacity: object({
    instances: z
      .int()
      .min(1)
      .max(10_000)
      .meta({ description: 'Running copies of all its versions together, those of `url` not counted.' }),
  })
    .optional()
    .meta({ description: 'What can run at once: a release that would need more is refused before it starts.' }),
  'payload-sample': percent
    .default('1%')
    .meta({ description: 'Share of units whose request and answer bodies are kept; none where nothing is recorded.' }),
  features: features
    .optional()
    .meta({ description: 'What is read of the requests whose bodies are kept, by name; at most 30.' }),
  rules: z.array(endpointRuleShape).max(100).default([]).meta({
    description: 'Whom a header or a flag sends to one version, before a release’s weights; the first that fits.',
  }),
  drift: drift.optional().meta({
    description: 'Look for drift of features, predicted values and accuracy of the stable version.',
  }),
  monitor: monitor.optional().meta({ description: 'Limits that the stable version must keep without a release.' }),
  get registry() {
    return registry.optional().meta({ description: 'Where new versions come from by themselves.' })
  },
})

export const endpointResource = withRule(withRule(endpointShape, endpointRule), providerRule).meta({
  id: 'Endpoint',
  description: 'The stable name that clients call; owns versions, metrics and traffic.',
})

const releaseShape = object({
  kind: z.literal('Release').meta({ description: 'Always `Release`.' }),
  endpoint: name.meta({ description: 'The endpoint whose traffic moves.' }),
  to: name.meta({ description: 'The candidate: one of the endpoint’s versions.' }),
  guardrails: checks.default({}).meta({ description: 'A breach rolls back. error-rate at 1pp if none is given.' }),
  signals: checks.default({}).meta({ description: 'A breach holds.' }),
  goals: goals.default({}).meta({ description: 'What must be shown before the candidate is promoted.' }),
  'minimum-age': duration
    .default('0s')
    .meta({ description: 'The candidate is not promoted before the release is this old.' }),
  stages: z.array(stage).min(1).max(20).meta({ description: 'In order; the last one promotes.' }),
  confirm: z
    .array(gate)
    .max(2)
    .default([])
    .meta({ description: 'Who is asked before the release goes on; `approve` passes over it.' }),
  'on-fail': z.enum(['rollback', 'hold']).default('rollback').meta({ description: 'What a breached guardrail does.' }),
  'on-conflict': z.enum(['refuse', 'queue', 'replace']).default('refuse').meta({
    description:
      'While another release of the endpoint runs, this one is refused, waits for its end, or takes its place: that one goes back, or stays promoted if it was.',
  }),
  probation: duration
    .default('0s')
    .meta({ description: 'How long the old version stays warm and watched after 100 %.' }),
  'ready-timeout': lasting.optional().meta({
    description:
      'A candidate that is not ready by then is rolled back; by default as long as `ready` of its version says.',
  }),
  drain: duration.default('30s').meta({ description: 'Requests in flight get this long when a fleet ends.' }),
  group: object({
    name: name.meta({ description: 'The same in all of them.' }),
    endpoints: z
      .array(name)
      .min(2)
      .max(20)
      .meta({ description: 'Whose releases belong together, this one among them.' }),
  })
    .optional()
    .meta({
      description:
        'Releases of several endpoints that begin together and are promoted together; one that goes back takes all back.',
    }),
  flag: flagGate.optional().meta({
    description: 'While this flag is off the release takes no step forward and is not promoted; it can always go back.',
  }),
  match: z.array(scopeMatch).min(1).max(20).optional().meta({
    description:
      'Only requests that one of these fits take part; the others stay on the stable version until the promotion, which is for everybody.',
  }),
  freeze: z.array(freezeWindow).max(20).default([]).meta({
    description: 'Inside one of these the release takes no step forward and is not promoted; it can always go back.',
  }),
})

const { kind: _kind, endpoint: _endpoint, to: _to, group: _group, ...releasePlanShape } = releaseShape.shape
const registry = registryOf(versionShape.shape, releasePlanShape)

export const releaseResource = withRule(withRule(releaseShape, releaseRule), blueGreenIsLast).meta({
  id: 'Release',
  description: 'One attempt to move an endpoint from its stable version to a candidate.',
})

function unknownKind(input: unknown): string {
  const isServer = (input as { kind?: unknown } | null)?.kind === 'Server'
  const what = isServer ? 'is read by `cutover serve` at its start and is no resource' : 'is not a kind of resource'
  return `${what}${allowedMark}Endpoint, Release, Flag, Segment`
}

export const resourceSchema = z.discriminatedUnion(
  'kind',
  [endpointResource, releaseResource, flagResource, segmentResource],
  { error: issue => (issue.code === 'invalid_union' ? unknownKind(issue.input) : undefined) },
)

export type EndpointResource = z.infer<typeof endpointResource>
export type ReleaseResource = z.infer<typeof releaseResource>
export type Resource = z.infer<typeof resourceSchema>
