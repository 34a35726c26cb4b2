/** The definitions of the services, made of their descriptor. */
import type { ServiceDefinition } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { descriptor } from './descriptor.ts'
import { type DecodeInfer, type InferCall, inferenceService } from './rpcs.ts'

type Loaded = Readonly<Record<string, ServiceDefinition>>
type Services = { inference: ServiceDefinition; health: ServiceDefinition; decodeInfer: DecodeInfer }

/** Messages of inference stay bytes until they have been looked at: decoding takes many times their memory. */
export function servicesOf(): Services {
  const options = { keepCase: true, longs: String, enums: String, defaults: true, arrays: true, objects: true }
  // Its type has every namespace be a message.
  const json = descriptor as unknown as Parameters<typeof fromJSON>[0]
  const all = fromJSON(json, { ...options, oneofs: true }) as Readonly<Record<string, unknown>> as Loaded
  const inference = all[inferenceService]
  const health = all['grpc.health.v1.Health']
  const { ModelInfer: infer, ModelStreamInfer: stream } = inference ?? {}
  if (inference === undefined || health === undefined || infer === undefined || stream === undefined) {
    throw new Error('the descriptor has no such services')
  }
  const requestDeserialize = (bytes: Buffer): InferCall => ({ bytes })
  return {
    inference: {
      ...inference,
      ModelInfer: { ...infer, requestDeserialize },
      ModelStreamInfer: { ...stream, requestDeserialize },
    },
    health,
    decodeInfer: infer.requestDeserialize as DecodeInfer,
  }
}
