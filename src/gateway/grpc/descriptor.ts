/**
 * The services as proto-loader takes them: Open Inference Protocol v2 (package `inference`) with Triton's stream beside it,
 * and gRPC's own health check. Typed contents are declared as the bytes that they are on the wire: a list of millions of
 * numbers would become as many objects, so `typed-contents` reads them.
 */

type Field = { type: string; id: number; rule?: 'repeated'; keyType?: string }
type Message = { fields: Record<string, Field>; oneofs?: Record<string, { oneof: string[] }> }
type Method = { requestType: string; responseType: string; requestStream?: true; responseStream?: true }

const one = (type: string, id: number): Field => ({ type, id })
const many = (type: string, id: number): Field => ({ rule: 'repeated', type, id })
const parameters: Field = { keyType: 'string', type: 'InferParameter', id: 4 }
const message = (fields: Record<string, Field> = {}): Message => ({ fields })
const method = (name: string): Method => ({ requestType: `${name}Request`, responseType: `${name}Response` })

const modelVersion = message({ name: one('string', 1), version: one('string', 2) })

const inferParameter: Message = {
  oneofs: {
    parameter_choice: { oneof: ['bool_param', 'int64_param', 'string_param', 'double_param', 'uint64_param'] },
  },
  fields: {
    bool_param: one('bool', 1),
    int64_param: one('int64', 2),
    string_param: one('string', 3),
    double_param: one('double', 4),
    uint64_param: one('uint64', 5),
  },
}

const tensor = message({
  name: one('string', 1),
  datatype: one('string', 2),
  shape: many('int64', 3),
  parameters,
  contents: one('bytes', 5),
})

const tensorMetadata = message({ name: one('string', 1), datatype: one('string', 2), shape: many('int64', 3) })

const inference = {
  GRPCInferenceService: {
    methods: {
      ServerLive: method('ServerLive'),
      ServerReady: method('ServerReady'),
      ModelReady: method('ModelReady'),
      ServerMetadata: method('ServerMetadata'),
      ModelMetadata: method('ModelMetadata'),
      ModelInfer: method('ModelInfer'),
      ModelStreamInfer: {
        requestType: 'ModelInferRequest',
        responseType: 'ModelStreamInferResponse',
        requestStream: true,
        responseStream: true,
      } satisfies Method,
    },
  },
  ServerLiveRequest: message(),
  ServerLiveResponse: message({ live: one('bool', 1) }),
  ServerReadyRequest: message(),
  ServerReadyResponse: message({ ready: one('bool', 1) }),
  ModelReadyRequest: modelVersion,
  ModelReadyResponse: message({ ready: one('bool', 1) }),
  ServerMetadataRequest: message(),
  ServerMetadataResponse: message({ name: one('string', 1), version: one('string', 2), extensions: many('string', 3) }),
  ModelMetadataRequest: modelVersion,
  ModelMetadataResponse: message({
    name: one('string', 1),
    versions: many('string', 2),
    platform: one('string', 3),
    inputs: many('TensorMetadata', 4),
    outputs: many('TensorMetadata', 5),
  }),
  TensorMetadata: tensorMetadata,
  InferParameter: inferParameter,
  InferTensor: tensor,
  InferRequestedOutputTensor: message({
    name: one('string', 1),
    parameters: { ...parameters, id: 2 },
  }),
  ModelInferRequest: message({
    model_name: one('string', 1),
    model_version: one('string', 2),
    id: one('string', 3),
    parameters,
    inputs: many('InferTensor', 5),
    outputs: many('InferRequestedOutputTensor', 6),
    raw_input_contents: many('bytes', 7),
  }),
  ModelInferResponse: message({
    model_name: one('string', 1),
    model_version: one('string', 2),
    id: one('string', 3),
    parameters,
    outputs: many('InferTensor', 5),
    raw_output_contents: many('bytes', 6),
  }),
  ModelStreamInferResponse: message({ error_message: one('string', 1), infer_response: one('ModelInferResponse', 2) }),
}

const health = {
  Health: { methods: { Check: { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse' } } },
  HealthCheckRequest: message({ service: one('string', 1) }),
  HealthCheckResponse: {
    fields: { status: one('ServingStatus', 1) },
    nested: { ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } } },
  },
}

/** proto3, as all of these services are: repeated numbers are packed. */
export const descriptor = {
  edition: 'proto3',
  nested: {
    inference: { nested: inference },
    grpc: { nested: { health: { nested: { v1: { nested: health } } } } },
  },
}
