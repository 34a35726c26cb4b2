/**
 * The gRPC listener. Each call becomes a request of the REST protocol and goes the way of all requests; what is here knows
 * grpc-js, and nothing else does. Loaded only where a server has such a listener.
 */
import { once } from 'node:events'
import { Metadata, Server, type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { fieldPairs } from '../../core/http/field-lines.ts'
import { isOwnField } from '../../core/http-fields.ts'
import { limits } from '../../core/limits.ts'
import { type Share, someOf } from '../../core/share.ts'
import type { Certificates } from '../../ports/certificates.ts'
import type { GatewayContext } from '../context.ts'
import { asCutoverError, sendError } from '../errors.ts'
import { ownHeaders } from '../headers.ts'
import type { Visit } from '../inbound.ts'
import type { Listener } from '../listener.ts'
import { credentialsFrom } from './credentials.ts'
import { type CallHead, GrpcInbound } from './grpc-inbound.ts'
import { GrpcOutbound } from './grpc-outbound.ts'
import { boundMessages } from './message-memory.ts'
import type { InferResponseMessage } from './messages.ts'
import { type OpenCall, OpenCalls } from './open-calls.ts'
import {
  healthCheck,
  type InferCall,
  modelInfer,
  modelMetadata,
  modelReady,
  type Rpc,
  serverLive,
  serverMetadata,
  serverReady,
} from './rpcs.ts'
import { bind, shutDown } from './server-life.ts'
import { servicesOf } from './services.ts'
import { type Failure, failureOf, grpcCodes } from './status.ts'

type Door = (visit: Visit) => void

/** What every call needs. */
type House = { context: GatewayContext; visit: Door; calls: OpenCalls }

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
  const house: House = { context, visit, calls: new OpenCalls() }
  const unary = <Request, Response>(rpc: Rpc<Request, Response>) => unaryHandler(house, rpc)
  server.addService(services.inference, {
    ServerLive: unary(serverLive),
    ServerReady: unary(serverReady),
    ModelReady: unary(modelReady),
    ServerMetadata: unary(serverMetadata),
    ModelMetadata: unary(modelMetadata),
    ModelInfer: unary(infer),
    ModelStreamInfer: streamHandler(house, infer),
  })
  server.addService(services.health, { Check: unary(healthCheck) })
  return {
    listen: address => bind(server, address, credentialsFrom(certificates)),
    close: ({ drainMs }) => shutDown(server, house.calls, drainMs),
  }
}

type Told<Response> = {
  done(message: Response, lines: string): void
  failed(failure: Failure, lines: string): void
}

function visitAs<Request, Response>(
  { context, visit, rpc }: House & { rpc: Rpc<Request, Response> },
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

function unaryHandler<Request, Response>(house: House, rpc: Rpc<Request, Response>) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const { request } = call
    let leave = () => {}
    const open: OpenCall = {
      isIdle: false,
      end: failure => {
        leave()
        callback(failure)
      },
    }
    house.calls.add(open)
    const outbound = visitAs(
      { ...house, rpc },
      { call, request },
      {
        done: (message, lines) => {
          house.calls.delete(open)
          call.sendMetadata(metadataOf(lines))
          callback(null, message)
        },
        failed: (failure, lines) => {
          house.calls.delete(open)
          call.sendMetadata(metadataOf(lines))
          callback(failure)
        },
      },
    )
    leave = () => outbound.callerLeft()
    call.on('cancelled', () => {
      house.calls.delete(open)
      leave()
    })
  }
}

type StreamAnswer = { error_message: string; infer_response?: Partial<InferResponseMessage> }

/** One message after the other, in the order in which they came: the next is read when the one before has been answered. */
function streamHandler(house: House, rpc: Rpc<InferCall, InferResponseMessage>) {
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
          { ...house, rpc },
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
    const open: OpenCall = {
      isIdle: true,
      end: failure => {
        leave()
        call.emit('error', failure)
      },
    }
    house.calls.add(open)
    call.on('data', (request: InferCall) => {
      call.pause()
      open.isIdle = false
      last = serve(request).then(() => {
        open.isIdle = true
        if (!house.calls.endsIdle(open)) call.resume()
      })
    })
    call.on('end', () => last.then(() => call.end()))
    call.on('close', () => house.calls.delete(open))
    call.on('cancelled', () => {
      house.calls.delete(open)
      leave()
    })
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
