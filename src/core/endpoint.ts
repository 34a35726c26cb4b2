/** What an endpoint is: its versions, how they run, whom a request belongs to, what is measured. Plain data. */

/** How a caller's requests speak. `http` is any path and body, passed through as bytes. */
export type Protocol = 'open-inference' | 'http'

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

/** How a version runs. */
export type Backend =
  | { kind: 'onnx'; path: string }
  | {
      kind: 'command'
      /** Words of the command; `{port}` is replaced by the port that the instance must listen on. */
      argv: readonly string[]
      cwd: string
      env: Readonly<Record<string, string>>
      ready: ReadyCheck
    }
  | { kind: 'url'; addresses: readonly string[]; ready: ReadyCheck }

export type BackendKind = Backend['kind']

export type VersionSpec = { name: string; backend: Backend; instances: number }

/** How the predicted value is read from an answer. */
export type AnswerRule = {
  /** An output tensor's name (open-inference) or a JSON pointer into the answer (http). */
  output: string
  /** `value` takes it as it is; `argmax` takes the index of the greatest number of each row. */
  read: 'value' | 'argmax'
}

/** A metric that the endpoint declares; error-rate and the latency quantiles exist without declaration. */
export type MetricSpec = { type: 'accuracy' }

export type Timeouts = { connectMs: number; firstByteMs: number; idleMs: number }

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
  timeouts: Timeouts
  bodyBytesMax: number
  /** Share of units whose request and answer bodies are kept, in parts per million. */
  payloadSamplePpm: number
}
