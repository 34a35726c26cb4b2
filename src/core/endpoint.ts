/** What an endpoint is: its versions, how they run, whom a request belongs to, what is measured. Plain data. */
import type { EndpointRule } from './endpoint-rules.ts'
import type { ExternalMetric } from './external-metric.ts'
import type { FeatureSpecs } from './features.ts'
import { limits } from './limits.ts'
import type { Price } from './measures.ts'
import type { MetricSpec } from './metrics/spec.ts'
import type { DriftSpec, MonitorSpec } from './monitor/spec.ts'
import type { Origin, Registry } from './registry/registry.ts'
import type { BreakerPolicy, ConcurrencyPolicy, RetryPolicy } from './resilience.ts'
import type { UpstreamTls } from './tls.ts'
import type { Webhook } from './webhook.ts'

/**
 * How a caller's requests speak. `tensorflow-serving` is KServe's v1 too; `http` is any path and body, passed through as
 * bytes.
 */
export type Protocol = 'open-inference' | 'openai' | 'tensorflow-serving' | 'http'

/** Where the unit key of a request is found; a request without one is its own unit. */
export type UnitSource =
  | { from: 'request' }
  | { from: 'header'; name: string }
  | { from: 'cookie'; name: string }
  | { from: 'body'; pointer: string }

export type ReadyCheck = {
  path: string
  timeoutMs: number
  /** A server that does not know the path (404, 405, 501) is taken as ready: it answers HTTP. */
  unknownIsReady: boolean
}

/** Requests that are run together: up to so many rows, the oldest waiting up to so long for others. */
export type Batching = { rowsMax: number; waitMs: number }

/** The value of a header field that model servers get from the gateway alone. A secret is named here and read elsewhere. */
export type AddedHeader =
  | { from: 'text'; text: string }
  | { from: 'env'; name: string; prefix: string }
  | { from: 'file'; path: string; prefix: string }

/** What is particular to a model server that speaks in OpenAI's style. */
export type Provider = {
  /** What it calls the model; null where it knows it by the endpoint's name. */
  model: string | null
  price: Price | null
  /** Whether streams are asked to tell their tokens, where the caller does not. */
  asksForUsage: boolean
}

/** How a version runs. */
export type Backend =
  /** Without `batch` every request is run alone. */
  | { kind: 'onnx'; path: string; batch?: Batching }
  | {
      kind: 'command'
      /** Words of the command; `{port}`, here and in `env`, is replaced by the port that the instance must listen on. */
      argv: readonly string[]
      cwd: string
      env: Readonly<Record<string, string>>
      ready: ReadyCheck
      /** Of endpoints in OpenAI's style alone. */
      provider?: Provider
    }
  | {
      kind: 'url'
      addresses: readonly string[]
      ready: ReadyCheck
      /** By lower-case name. What a caller sends under such a name stays behind. */
      headers?: Readonly<Record<string, AddedHeader>>
      provider?: Provider
      /** Of https addresses; left out where Node's own authorities and no client certificate are meant. */
      tls?: UpstreamTls
      /** Requests that may be under way on one connection; left out for one. */
      pipelining?: number
      /** To each address at most; `limits.upstreamConnections` where it is left out. */
      connections?: number
    }

export type BackendKind = Backend['kind']

export type VersionSpec = {
  name: string
  backend: Backend
  instances: number
  /** Left out where people declared it. */
  origin?: Origin
}

/** How long a version may take to become ready: as it says itself, and never longer than a release that says so waits for it. */
export function readyTimeoutOf({ backend }: VersionSpec, waitMs?: number): number {
  if (backend.kind === 'onnx') return waitMs ?? limits.readyTimeoutMs
  return Math.min(waitMs ?? Number.POSITIVE_INFINITY, backend.ready.timeoutMs)
}

/** How the predicted value is read from an answer. */
export type AnswerRule = {
  /** An output tensor's name (open-inference) or a JSON pointer into the answer (http). */
  output: string
  /** `value` takes it as it is; `argmax` takes the index of the greatest number of each row. */
  read: 'value' | 'argmax' | 'ranking'
  /** Where the scores of the classes are: a tensor's name or a JSON pointer; left out where no metric needs them. */
  scores?: string
}

/** `totalMs` is from when the request is at hand to the last byte of the answer, over waits for a turn and repeated calls; left out where only silence ends it. */
export type Timeouts = { connectMs: number; firstByteMs: number; idleMs: number; totalMs?: number }

export type EndpointSpec = {
  name: string
  protocol: Protocol
  unit: UnitSource
  /** The version that serves when the endpoint is made; releases move it from then on. */
  stable: string
  versions: Readonly<Record<string, VersionSpec>>
  /** Whether a caller may choose its version by `x-cutover-version`. */
  allowPin: boolean
  answer: AnswerRule | null
  metrics: Readonly<Record<string, MetricSpec>>
  /** Numbers that other systems measure for each version, by name. */
  external?: Readonly<Record<string, ExternalMetric>>
  timeouts: Timeouts
  /** What is done about calls that fail; `defaultRetry` where it is left out. */
  retry?: RetryPolicy
  breaker?: BreakerPolicy
  concurrency?: ConcurrencyPolicy
  /** Predictions are not kept: the endpoint is routed and counted, and has no evidence. */
  recording?: 'off'
  /** By name. */
  webhooks?: Readonly<Record<string, Webhook>>
  bodyBytesMax: number
  /** What the server can run of this endpoint at once; not declared where it is left out. */
  capacity?: { instances: number }
  /** Share of units whose request and answer bodies are kept, in parts per million. */
  payloadSamplePpm: number
  /** A label that has not come after this is not waited for; learned from the delays that were seen if it is left out. */
  labelWindowMs?: number
  /** What is read of the requests whose bodies are kept; left out where nothing is. */
  features?: FeatureSpecs
  /** How drift of the stable version is looked for; left out where it is not. */
  drift?: DriftSpec
  /** Whom a header or a flag sends to one version; left out where there is none. */
  rules?: readonly EndpointRule[]
  /** What the stable version must keep, whether a release runs or not; left out where nothing is asked. */
  monitor?: MonitorSpec
  /** Whose new versions start releases; left out where people alone do. */
  registry?: Registry
}
