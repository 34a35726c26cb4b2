/**
 * The data plane: one listener, a table of routes and the surfaces on it. It assumes nothing of other gateway processes
 * beside it: an assignment depends on table and unit alone. Per request it awaits only the caller's body and the
 * backend; it reads no store and writes no log.
 */
import type { CorsRule } from '../core/access/cors.ts'
import { CutoverError } from '../core/errors.ts'
import { linesOf } from '../core/http/field-lines.ts'
import { limits } from '../core/limits.ts'
import { type Share, someOf, wholeShare } from '../core/share.ts'
import type { Access } from '../ports/access.ts'
import type { FleetView } from '../ports/backend.ts'
import type { Certificates } from '../ports/certificates.ts'
import type { Clock } from '../ports/clock.ts'
import type { FlagSink } from '../ports/flag-sink.ts'
import type { Recorder } from '../ports/recorder.ts'
import type { Route, TrafficSink } from '../ports/traffic-sink.ts'
import { AttendedOutbound } from './attended-outbound.ts'
import { createDoor } from './authorise.ts'
import { BodyMemory, bodyMemoryBytes } from './body-memory.ts'
import type { GatewayContext, GatewayLogger, RequestSample } from './context.ts'
import { Conversations, type Recall, type Remembered } from './conversations.ts'
import { shapeAt } from './dialect.ts'
import { asCutoverError, excerpt, sendError } from './errors.ts'
import { serveFeedback } from './feedback.ts'
import { createFlagBook } from './flags.ts'
import { createHeldRequests } from './gap.ts'
import { createIds, requestIdLine } from './ids.ts'
import type { Visit } from './inbound.ts'
import { type Address, type Closing, createListener, type ListenAddress, type Listener } from './listener.ts'
import { Mirrors } from './mirror/mirrors.ts'
import { endpointNamedBy, isOpenPath } from './named-endpoint.ts'
import { serveNoPath } from './no-path.ts'
import { ofrepKey } from './ofrep.ts'
import { answerPreflight, pageAnswer } from './pages.ts'
import { httpPrefix, serveHttp } from './protocols/http.ts'
import { serveOpenInference } from './protocols/open-inference.ts'
import { openAiOperation, serveOpenAi } from './protocols/openai.ts'
import { isTensorflowServing, serveTensorflowServing } from './protocols/tensorflow-serving.ts'
import { Predictions } from './record-prediction.ts'
import { Guards } from './resilience/guards.ts'
import { createRouteTable } from './route.ts'
import { serveOfrep } from './serve-ofrep.ts'
import { createStats, type GatewayStats } from './stats.ts'
import { isOpenInference, ofrepPrefix, parseTarget, type Target } from './target.ts'
import type { TracingOptions } from './trace-context.ts'

export type GatewayOptions = {
  fleets: FleetView
  recorder: Recorder
  clock: Clock
  /** `clock` where it is left out. */
  uptime?: Clock
  /** Cutover's own version, told by `GET /v2`. */
  version: string
  logger?: GatewayLogger
  /** Makes prediction ids; unique across processes and restarts. */
  ids?: () => string
  /** Whether everything outside the gateway is ready too; `GET /v2/health/ready` says so. */
  isReady?: () => boolean
  /** Spans of requests; without it trace context is passed on and nothing else. */
  tracing?: TracingOptions
  /** Asked about every request; left out where no key is needed. */
  access?: Access | undefined
  /** Left out for plain HTTP. */
  certificates?: Certificates | undefined
  /** Connections at once, of all gateways of the process; `limits.callerConnections` where it is left out. */
  connectionsMax?: number
  /** Pages of other origins that may call; left out where the listener says nothing of pages. */
  cors?: CorsRule | undefined
  /** Told what this gateway learns of conversations, for others beside it. */
  onRemembered?: (remembered: Remembered) => void
  /** Asked about a conversation that this gateway knows nothing of; left out where there are no others. Must not reject. */
  recall?: Recall
  /** What this gateway has of the bounds of a process; all of them where it is left out. */
  share?: Share
  /** The same for what messages of gRPC calls take; `share` where it is left out. */
  grpcShare?: Share
  /** Longer bodies of requests pass by piece by piece; `limits.wholeBodyBytesMax` where it is left out. */
  heldBodyBytes?: number
  /** What all bodies that are held whole may take; a share of `limits.heldBodiesBytesMax` where it is left out. */
  bodyMemoryBytes?: number
  /** Called once per finished request, with bounded labels: for histograms. Must be cheap. */
  observe?: (sample: RequestSample) => void
}

export interface Gateway extends TrafficSink, FlagSink {
  apply(route: Route): void
  /** What another gateway has learnt. */
  learn(remembered: readonly Remembered[]): void
  /** The port that was bound, where 0 was asked for. Rejects with port-in-use. */
  listen(address: ListenAddress): Promise<Address>
  /** The same for gRPC, on a port of its own. */
  listenGrpc(address: Address): Promise<Address>
  /**
   * Takes no new connections and lets requests in flight finish for `drainMs`; then it cuts them. At the end the recorder has what
   * was answered, packed answers too if they are unpacked soon.
   */
  close(options: Closing): Promise<void>
  stats(): GatewayStats
}

export function createGateway(options: GatewayOptions): Gateway {
  const { fleets, recorder, clock, version } = options
  const logger = options.logger ?? { warn: nothing, error: nothing }
  const share = options.share ?? wholeShare
  const guards = new Guards(options.uptime ?? clock, share)
  const predictions = new Predictions(recorder)
  const context: GatewayContext = {
    ...{ fleets, recorder, predictions, clock, version, logger },
    door: createDoor(options.access),
    cors: options.cors,
    routes: createRouteTable(),
    flags: createFlagBook(),
    held: createHeldRequests(clock, share),
    stats: createStats(),
    ids: options.ids ?? createIds(clock.nowMs()),
    mirrors: new Mirrors({
      fleets,
      predictions,
      clock,
      logger,
      share,
      tracing: options.tracing ?? null,
      hasRoom: () => guards.hasRoomForCopies(),
    }),
    guards,
    conversations: new Conversations({
      onRemembered: options.onRemembered ?? nothing,
      ...(options.recall !== undefined && { recall: options.recall }),
    }),
    isReady: options.isReady ?? (() => true),
    observe: options.observe ?? nothing,
    tracing: options.tracing ?? null,
  }
  const receive = context.door.isOpen && context.cors === undefined ? dispatchTo : attend
  const listener = createListener({
    visit: visit => receive(context, visit),
    onError: error => context.stats.error(error.code),
    ids: context.ids,
    bodies: new BodyMemory(options.bodyMemoryBytes ?? bodyMemoryBytes(share)),
    certificates: options.certificates,
    connectionsMax: someOf(options.connectionsMax ?? limits.callerConnections, share),
    onConnectionRefused: () => context.stats.connectionRefused(),
    heldBodyBytes: options.heldBodyBytes,
  })
  let grpc: Listener | null = null
  return {
    apply: route => {
      const applied = context.routes.apply(route)
      if (applied === null) return
      context.stats.sync(route.spec.name, applied.versions)
      context.mirrors.sync(applied)
      guards.sync(route.spec, route.table.weights)
      if (route.table.gap === undefined) context.held.release(route.spec.name)
    },
    applyFlags: context.flags.apply,
    learn: remembered => context.conversations.learnAll(remembered),
    remove: endpoint => {
      context.routes.remove(endpoint)
      context.stats.forget(endpoint)
      context.held.release(endpoint)
      context.mirrors.forget(endpoint)
      guards.forget(endpoint)
    },
    listen: listener.listen,
    listenGrpc: async address => {
      const { createGrpcListener } = await import('./grpc/grpc-listener.ts')
      const { certificates, grpcShare = share } = options
      const visit = (visit: Visit): void => receive(context, visit)
      grpc ??= createGrpcListener(context, { visit, certificates, share: grpcShare })
      return grpc.listen(address)
    },
    close: async closing => {
      await Promise.all([listener.close(closing), grpc?.close(closing)])
      context.mirrors.close()
      await predictions.settled(clock, limits.lastAnswersReadMs)
    },
    stats: () => ({
      ...context.stats.read(),
      held: context.held.read(),
      connectionsAwaited: connectionsAwaited(context),
      mirrors: context.mirrors.stats(),
      guards: guards.stats(),
    }),
  }
}

function nothing(): void {}

function connectionsAwaited({ routes, fleets }: GatewayContext): GatewayStats['connectionsAwaited'] {
  return [...routes.all()].flatMap(({ spec: { name: endpoint }, versions }) =>
    versions.map(version => ({ endpoint, version, count: fleets.waiting?.(endpoint, version) ?? 0 })),
  )
}

/** Where keys are needed, or pages of other origins let in. */
function attend(context: GatewayContext, { inbound, outbound }: Visit): void {
  const { cors, door } = context
  const page = cors === undefined ? null : pageAnswer(cors, inbound.method, inbound)
  if (page?.preflight === true) {
    answerPreflight(outbound, page)
    return
  }
  const attended = new AttendedOutbound(outbound, page === null ? null : linesOf(page.fields))
  const visit = { inbound, outbound: attended }
  const target = parseTarget(inbound.target)
  try {
    const isFree = target === null || isOpenPath(target.path)
    const principal = isFree ? null : door.authorise(inbound, endpointNamedBy(target.path))
    if (principal !== null) attended.whenOver(() => door.leave(principal))
    dispatch(context, { ...visit, principal }, target)
  } catch (thrown) {
    failed(context, visit, target, thrown)
  }
}

function dispatchTo(context: GatewayContext, visit: Visit): void {
  dispatch(context, visit, parseTarget(visit.inbound.target))
}

function dispatch(context: GatewayContext, visit: Visit, target: Target | null): void {
  try {
    serve(context, visit, target)?.catch((thrown: unknown) => failed(context, visit, target, thrown))
  } catch (thrown) {
    failed(context, visit, target, thrown)
  }
}

function failed(context: GatewayContext, { inbound, outbound }: Visit, target: Target | null, thrown: unknown): void {
  const error = asCutoverError(thrown)
  const lines = requestIdLine(inbound, context.ids)
  if (error.code === 'internal')
    context.logger.error({ err: thrown, url: excerpt(inbound.target), answered: lines.trim() }, 'a request failed')
  context.stats.error(error.code)
  sendError(outbound, error, { shape: shapeAt(context.routes, target, error), lines })
}

function serve(context: GatewayContext, visit: Visit, target: Target | null): void | Promise<void> {
  if (target === null) return serveNoPath(visit)
  if (isOpenInference(target.path)) return serveOpenInference(context, { ...visit, target })
  if (target.path.startsWith(httpPrefix)) return serveHttp(context, visit, target)
  if (isTensorflowServing(context, target.path)) return serveTensorflowServing(context, { ...visit, target })
  const operation = openAiOperation(target.path)
  if (operation !== null) return serveOpenAi(context, { ...visit, target }, operation)
  if (target.path === '/v1/feedback') return serveFeedback(context, { ...visit, target })
  const question = ofrepKey(target.path)
  if (question !== null) return serveOfrep(context, { ...visit, target, question })
  throw nothingHere(target.path)
}

function nothingHere(path: string): CutoverError {
  const surfaces = [
    '/v2 (Open Inference Protocol)',
    '/v1 (OpenAI)',
    'POST /v1/models/{endpoint}:predict (TensorFlow Serving)',
    '/endpoints/{endpoint}/{path}',
    'POST /v1/feedback',
    `POST ${ofrepPrefix}`,
  ]
  const detail = `there is nothing at ${excerpt(path)}; this listener serves ${surfaces.join(', ')}`
  return new CutoverError('route-not-found', detail)
}
