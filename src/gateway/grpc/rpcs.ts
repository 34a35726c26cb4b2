/** Each call of the service as a request of the REST protocol, and that one's answer as the call's. */
import { CutoverError } from '../../core/errors.ts'
import { fieldOf } from '../../core/http/field-lines.ts'
import type { GatewayContext } from '../context.ts'
import { ownHeaders } from '../headers.ts'
import { type BinarySupport, createBinarySupport } from './binary-support.ts'
import type { Asked } from './grpc-inbound.ts'
import type { HttpAnswer } from './grpc-outbound.ts'
import { inferResponse } from './infer-answer.ts'
import { binaryBody, type InferBody, jsonBody, readRequest, wantsBinary } from './infer-body.ts'
import { type InferRequestMessage, type InferResponseMessage, refuseCostly } from './messages.ts'

export type Rpc<Request, Response> = {
  /** Throws a `CutoverError` for a request that cannot be asked. */
  ask(request: Request, pinnedBy: string | null): Asked
  /** Null where the answer is a failure. Throws backend-failed for an answer that is not of the protocol. */
  message(answer: HttpAnswer, request: Request): Response | null
}

type Named = { name: string; version: string }

export const serverLive: Rpc<unknown, { live: boolean }> = {
  ask: () => get('/v2/health/live'),
  message: ({ status }) => ({ live: status === 200 }),
}

export const serverReady: Rpc<unknown, { ready: boolean }> = {
  ask: () => get('/v2/health/ready'),
  message: readiness,
}

export const modelReady: Rpc<Named, { ready: boolean }> = {
  ask: ({ name, version }) => get(`${modelPath(name, version)}/ready`),
  message: readiness,
}

export const serverMetadata: Rpc<unknown, object> = { ask: () => get('/v2'), message: jsonOf }

export const modelMetadata: Rpc<Named, object> = {
  ask: ({ name, version }) => get(modelPath(name, version)),
  message: jsonOf,
}

export const healthCheck: Rpc<{ service: string }, { status: string }> = {
  ask: ({ service }) => {
    if (service === '' || service === inferenceService) return get('/v2/health/ready')
    const detail = `there is no service ${JSON.stringify(service.slice(0, 100))}; there is ${inferenceService}`
    throw new CutoverError('route-not-found', detail)
  },
  message: answer => {
    const told = readiness(answer)
    return told === null ? null : { status: told.ready ? 'SERVING' : 'NOT_SERVING' }
  },
}

export const inferenceService = 'inference.GRPCInferenceService'

/** Not being ready is no failure of the question. */
function readiness({ status }: HttpAnswer): { ready: boolean } | null {
  return status === 200 || status === 503 ? { ready: status === 200 } : null
}

function jsonOf({ status, body }: HttpAnswer): object | null {
  return status === 200 ? (JSON.parse(body.toString('utf8')) as object) : null
}

function get(path: string): Asked {
  return { method: 'GET', path, body: null }
}

/** What is no plain name is encoded, so that it names nothing but itself. */
function modelPath(name: string, version: string): string {
  if (name === '')
    throw new CutoverError('invalid-request', 'the name of the model is empty; it is the name of an endpoint')
  const model = `/v2/models/${encodeURIComponent(name.toWellFormed())}`
  return version === '' ? model : `${model}/versions/${encodeURIComponent(version.toWellFormed())}`
}

/** A message as it came, and once it has been decoded. */
export type InferCall = { bytes: Buffer; message?: InferRequestMessage }
export type DecodeInfer = (bytes: Buffer) => InferRequestMessage

export function modelInfer(context: GatewayContext, decode: DecodeInfer): Rpc<InferCall, InferResponseMessage> {
  const takesBinary = createBinarySupport(context)
  return {
    ask: (call, pinnedBy) => {
      const message = decoded(call.bytes, decode)
      call.message = message
      const { model_name: name, model_version: version } = message
      const pin = version === '' ? pinnedBy : version
      const body = (bytesMax: number) => bodyOf(context, { message, pin, bytesMax, takesBinary })
      return { method: 'POST', path: `${modelPath(name, version)}/infer`, body }
    },
    message: (answer, { message }) => {
      if (answer.status < 200 || answer.status > 299) return null
      const isRaw = (message?.raw_input_contents.length ?? 0) > 0
      const version = fieldOf(answer.lines, ownHeaders.version) ?? ''
      return inferResponse(answer, { model: message?.model_name ?? '', version, isRaw })
    },
  }
}

function decoded(bytes: Buffer, decode: DecodeInfer): InferRequestMessage {
  refuseCostly(bytes)
  try {
    return decode(bytes)
  } catch (cause) {
    throw new CutoverError('invalid-request', 'the message is no inference.ModelInferRequest', [], cause)
  }
}

async function bodyOf(
  { routes }: GatewayContext,
  asked: { message: InferRequestMessage; pin: string | null; bytesMax: number; takesBinary: BinarySupport },
): Promise<InferBody> {
  const { message, pin, bytesMax, takesBinary } = asked
  const request = readRequest(message, bytesMax)
  const route = routes.get(message.model_name)
  const isBinary = route !== undefined && wantsBinary(request) && (await takesBinary(route, pin))
  return isBinary ? binaryBody(request, bytesMax) : jsonBody(request, bytesMax)
}
