/** A caller over gRPC: grpc-js with the services as the specifications write them, which the gateway does not read. */
import { join } from 'node:path'
import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const fixtures = join(import.meta.dirname, '../fixtures')
export const specification = loadSync(['open-inference.proto', 'grpc-health.proto'], {
  ...{ keepCase: true, longs: String, enums: String, defaults: true, arrays: true, objects: true, oneofs: true },
  includeDirs: [fixtures],
})
const loaded = loadPackageDefinition(specification)

function serviceAt(path: string): ServiceClientConstructor {
  let place: unknown = loaded
  for (const name of path.split('.')) place = (place as GrpcObject)[name]
  return place as ServiceClientConstructor
}

export type GrpcReply = {
  message: Record<string, unknown>
  /** Initial metadata, as text by key. */
  head: Readonly<Record<string, unknown>>
}

/** A failure of a call, with the initial metadata that came before it. */
export type GrpcFailure = { code: number; details: string; head: Readonly<Record<string, unknown>> }

export type GrpcCaller = {
  client: Client
  /** Rejects with a `ServiceError`. */
  call(
    method: string,
    request?: object,
    options?: CallOptions & { fields?: Record<string, string> },
  ): Promise<GrpcReply>
  /** The failure that the call must end with. */
  failure(
    method: string,
    request?: object,
    options?: CallOptions & { fields?: Record<string, string> },
  ): Promise<GrpcFailure>
  close(): void
}

type Unary = (
  request: object,
  metadata: Metadata,
  options: CallOptions,
  done: (error: ServiceError | null, message: Record<string, unknown>) => void,
) => { on(event: 'metadata', listener: (metadata: Metadata) => void): void }

export function grpcCaller(
  port: number,
  options: { service?: string; credentials?: ChannelCredentials } = {},
): GrpcCaller {
  const { service = 'inference.GRPCInferenceService', credentials: given = credentials.createInsecure() } = options
  const Service = serviceAt(service)
  const client = new Service(`127.0.0.1:${port}`, given, {
    // An address is no name that TLS could ask for.
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  })
  const ask: GrpcCaller['call'] = (method, request = {}, { fields = {}, ...options } = {}) =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata()
      for (const [key, value] of Object.entries(fields)) metadata.set(key, value)
      const head: Record<string, unknown> = {}
      const unary = (client as unknown as Record<string, Unary>)[method]?.bind(client)
      const call = unary?.(request, metadata, options, (error, message) => {
        if (error === null) resolve({ message, head })
        else reject(Object.assign(error, { head }))
      })
      call?.on('metadata', received => Object.assign(head, received.getMap()))
    })
  return {
    client,
    call: ask,
    failure: async (...call) => {
      const ended = await ask(...call).then(
        reply => ({ reply }),
        (error: unknown) => ({ error }),
      )
      if ('reply' in ended) throw new Error(`the call succeeded: ${JSON.stringify(ended.reply.message)}`)
      const { code, details, head } = ended.error as ServiceError & { head: GrpcFailure['head'] }
      return { code, details, head }
    },
    close: () => client.close(),
  }
}

export type TestTensor = {
  name?: string
  datatype: string
  shape: (number | string)[]
  contents?: object
  parameters?: object
}

/** A request to `digits`. */
export function inferRequest(inputs: readonly TestTensor[], rest: object = {}): object {
  return { model_name: 'digits', inputs: inputs.map((one, at) => ({ name: `in${at}`, ...one })), ...rest }
}
