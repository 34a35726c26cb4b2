/**
 * The gRPC listener. Each call becomes a request of the REST protocol and goes the way of all requests; what is here knows
 * grpc-js, and nothing else does. Loaded only where a server has such a listener.
 */
import { once } from 'node:events'
import {
  Metadata,
  Server,
  type ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { CutoverError } from '../../core/errors.ts'
import { fieldPairs } from '../../core/http/field-lines.ts'
import { isOwnField } from '../../core/http-fields.ts'
import { limits } from '../../core/limits.ts'
import { type Share, someOf } from '../../core/share.ts'
import type { Certificates } from '../../ports/certificates.ts'
import type { GatewayContext } from '../context.ts'
import { asCutoverError, sendError } from '../errors.ts'
import { ownHeaders } from '../headers.ts'
import type { Visit } from '../inbound.ts'
import type { Address, Listener } from '../listener.ts'
import { credentialsFrom } from './credentials.ts'
import { descriptor } from './descriptor.ts'
import { type CallHead, GrpcInbound } from './grpc-inbound.ts'
import { GrpcOutbound } from './grpc-outbound.ts'
import { boundMessages } from './message-memory.ts'
import type { InferResponseMessage } from './messages.ts'
import {
  type DecodeInfer,
  healthCheck,
  type InferCall,
  inferenceService,
  modelInfer,
  modelMetadata,
  modelReady,
  type Rpc,
  serverLive,
  serverMetadata,
  serverReady,
} from './rpcs.ts'
import { type Failure, failureOf, grpcCodes } from './status.ts'

type Door = (visit: Visit) => void

/** Plain text without certificates. */
export function createGrpcListener(
  context: GatewayContext,
  options: { visit: Door; certificates: Certificates | undefined; share: Share },
): Listener {
  const { visit, certificates, share } = options
  const services = servicesOf()
  const infer = modelInfer(context, services.decodeInfer)
  const server = new Server({
    'grpc.max_receive_message_length': limits.inferenceBodyBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': limits.grpcStreamsMax,
    'grpc.max_connection_idle_ms': limits.keepAliveMs,
    interceptors: [
      boundMessages({
        bytesMax: someOf(limits.grpcMessagesBytesMax, share),
        messageMs: limits.clientBodyTimeoutMs,
        onRefused: error => context.stats.error(error.code),
      }),
    ],
  })
  const unary = <Request, Response>(rpc: Rpc<Request, Response>) => unaryHandler(context, visit, rpc)
  server.addService(services.inference, {
    ServerLive: unary(serverLive),
    ServerReady: unary(serverReady),
    ModelReady: unary(modelReady),
    ServerMetadata: unary(serverMetadata),
    ModelMetadata: unary(modelMetadata),
    ModelInfer: unary(infer),
    ModelStreamInfer: streamHandler(context, visit, infer),
  })
  server.addService(services.health, { Check: unary(healthCheck) })
  return {
    listen: address => bind(server, address, credentialsFrom(certificates)),
    close: ({ drainMs }) => shutDown(server, drainMs),
  }
}

type Loaded = Readonly<Record<string, ServiceDefinition>>
type Services = { inference: ServiceDefinition; health: ServiceDefinition; decodeInfer: DecodeInfer }

/** Messages of inference stay bytes until they have been looked at: decoding takes many times their memory. */
function servicesOf(): Services {
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

type Told<Response> = {
  done(message: Response, lines: string): void
  failed(failure: Failure, lines: string): void
}

function visitAs<Request, Response>(
  { context, visit, rpc }: { context: GatewayContext; visit: Door; rpc: Rpc<Request, Response> },
  { call, request }: { call: CallHead & { metadata: Metadata }; request: Request },
  told: Told<Response>,
): GrpcOutbound {
  const outbound = new GrpcOutbound({
    answer: answer => {
      const message = rpc.message(answer, request)
      if (message !== null) told.done(message, answer.lines)
      else told.failed(failureOf(answer) ?? { code: grpcCodes.unknown, details: 'no answer' }, answer.lines)
    },
    broken: details => told.failed({ code: grpcCodes.internal, details }, ''),
  })
  try {
    const pinnedBy = call.metadata.get(ownHeaders.version)[0]?.toString() ?? null
    visit({ inbound: new GrpcInbound(call, rpc.ask(request, pinnedBy)), outbound })
  } catch (thrown) {
    const error = asCutoverError(thrown)
    context.stats.error(error.code)
    sendError(outbound, error, { shape: 'open-inference' })
  }
  return outbound
}

function unaryHandler<Request, Response>(context: GatewayContext, visit: Door, rpc: Rpc<Request, Response>) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const { request } = call
    const outbound = visitAs(
      { context, visit, rpc },
      { call, request },
      {
        done: (message, lines) => {
          call.sendMetadata(metadataOf(lines))
          callback(null, message)
        },
        failed: (failure, lines) => {
          call.sendMetadata(metadataOf(lines))
          callback(failure)
        },
      },
    )
    call.on('cancelled', () => outbound.callerLeft())
  }
}

type StreamAnswer = { error_message: string; infer_response?: Partial<InferResponseMessage> }

/** One message after the other, in the order in which they came: the next is read when the one before has been answered. */
function streamHandler(context: GatewayContext, visit: Door, rpc: Rpc<InferCall, InferResponseMessage>) {
  return (call: ServerDuplexStream<InferCall, StreamAnswer>): void => {
    const head = oneOfMany(call)
    let leave = () => {}
    let last: Promise<unknown> = Promise.resolve()
    const serve = (request: InferCall) =>
      new Promise<void>(resolve => {
        const write = (answer: StreamAnswer) => {
          if (call.write(answer)) resolve()
          else once(call, 'drain').then(() => resolve(), resolve)
        }
        const outbound = visitAs(
          { context, visit, rpc },
          { call: head, request },
          {
            done: message => write({ error_message: '', infer_response: message }),
            failed: ({ details }) =>
              write({ error_message: details, infer_response: { id: request.message?.id ?? '' } }),
          },
        )
        leave = () => {
          outbound.callerLeft()
          resolve()
        }
      })
    call.on('data', (request: InferCall) => {
      call.pause()
      last = serve(request).then(() => call.resume())
    })
    call.on('end', () => last.then(() => call.end()))
    call.on('cancelled', () => leave())
  }
}

/** A prediction's id is of one request; a stream has many. */
function oneOfMany(call: ServerDuplexStream<InferCall, StreamAnswer>): CallHead & { metadata: Metadata } {
  const metadata = call.metadata.clone()
  metadata.remove(ownHeaders.predictionId)
  return { metadata, getPeer: () => call.getPeer(), getDeadline: () => call.getDeadline() }
}

/** What the answer says of Cutover's own matters, and when to come back. */
function metadataOf(lines: string): Metadata {
  const metadata = new Metadata()
  const pairs = fieldPairs(lines)
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = (pairs[at] ?? '').toLowerCase()
    if (isOwnField(name) || name === 'retry-after') metadata.set(name, pairs[at + 1] ?? '')
  }
  return metadata
}

function bind(server: Server, { host, port }: Address, credentials: ServerCredentials): Promise<Address> {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return new Promise((resolve, reject) => {
    server.bindAsync(`${name}:${port}`, credentials, (error, bound) => {
      if (error === null) resolve({ host, port: bound })
      else reject(bindError(error, { host, port }))
    })
  })
}

function bindError(error: Error, { host, port }: Address): CutoverError {
  if (error.message.includes('EADDRINUSE')) {
    const remedy = 'stop the server that holds it, or give the gRPC listener another port'
    return new CutoverError('port-in-use', `port ${port} on ${host} is in use; ${remedy}`, [], error)
  }
  const what = `the gRPC listener cannot listen on ${host} port ${port}: ${error.message}`
  return new CutoverError('invalid-resource', what, [], error)
}

/** Calls under way may finish within the time; then they are cut. */
async function shutDown(server: Server, drainMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => server.forceShutdown(), drainMs)
  server.tryShutdown(() => resolve())
  await promise
  clearTimeout(timer)
}
