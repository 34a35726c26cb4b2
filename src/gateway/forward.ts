/** The way of one request through the gateway: body, unit, version, instance, answer. The hot path. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { publicName } from '../core/control-fleet.ts'
import { CutoverError } from '../core/errors.ts'
import type { Instance } from '../ports/backend.ts'
import { type Choice, choose } from './choose.ts'
import type { GatewayContext } from './context.ts'
import type { ErrorShape } from './errors.ts'
import { type Exchange, failExchange, openExchange } from './exchange.ts'
import { requestHeaders } from './headers.ts'
import { predictionIdOf } from './ids.ts'
import type { CopySource } from './mirror/mirrors.ts'
import { relay } from './relay.ts'
import {
  askForBody,
  type BodyKind,
  bodyKind,
  readWhole,
  refuseStatedLength,
  streamBody,
  tooLarge,
} from './request-body.ts'
import type { CompiledRoute } from './route.ts'
import { unitOf } from './unit.ts'

export type Call = {
  req: IncomingMessage
  res: ServerResponse
  /** The route by which the request was understood; the version is chosen by the route of that moment. */
  route: CompiledRoute
  pin: string | null
  /** Path and query as the model server gets them. */
  path: string
  shape: ErrorShape
}

/** Throws a `CutoverError` for what is wrong before a version is chosen; from then on answers itself. */
export async function forward(context: GatewayContext, call: Call): Promise<void> {
  const { req, route } = call
  const { spec } = route
  refuseStatedLength(req, spec.bodyBytesMax)
  const predictionId = predictionIdOf(req, context.ids)
  const kind = bodyKind(req)
  // Before the body is taken: what waits should take no memory.
  await waitOutGap(context, call)
  let body = await takeBody(call, kind, kind === 'short' || spec.unit.from === 'body')
  const unit = unitOf(spec.unit, { req, body, predictionId })
  await waitOutGap(context, call)
  let choice = chooseNow(context, call, { unit, body })
  if (body === null && kind !== 'none' && choice.instance?.wantsWholeBody === true) {
    body = await takeBody(call, kind, true)
    await waitOutGap(context, call)
    choice = chooseNow(context, call, { unit, body })
  }
  const { res, shape } = call
  const exchange = openExchange(context, { req, res, choice, path: call.path, predictionId, unit, shape })
  await ask(context, exchange, { path: call.path, body, kind })
}

/** Null for no body, and for one that is to be streamed. */
function takeBody(call: Call, kind: BodyKind, whole: boolean): Promise<Buffer> | null {
  if (kind === 'none' || !whole) return null
  askForBody(call.req, call.res)
  return readWhole(call.req, call.route.spec.bodyBytesMax)
}

/** A pinned version is served by itself or not at all: it waits for no other. */
function waitOutGap(context: GatewayContext, { route, res, pin }: Call): Promise<void> | null {
  const gap = context.routes.get(route.spec.name)?.table.gap
  return gap === undefined || pin !== null ? null : context.held.wait({ endpoint: route.spec.name, gap, res })
}

/** On the table of this moment: a slow upload must not be sent by a table that has been replaced since. */
function chooseNow(context: GatewayContext, call: Call, sent: { unit: string; body: Buffer | null }): Choice {
  const route = context.routes.get(call.route.spec.name) ?? call.route
  return choose(context.fleets, route, { req: call.req, pin: call.pin, ...sent })
}

type Sent = { path: string; body: Buffer | null; kind: BodyKind }

async function ask(context: GatewayContext, exchange: Exchange, sent: Sent): Promise<void> {
  const { instance } = exchange.choice
  if (instance === null) {
    failExchange(context, exchange, nothingReady(exchange.choice))
    return
  }
  try {
    const answer = await send(context, exchange, instance, sent)
    relay(context, exchange, answer)
  } catch (thrown) {
    failExchange(context, exchange, backendError(context, exchange, thrown))
  }
}

function nothingReady({ route, assigned, pinned }: Choice): CutoverError {
  const { name } = route.spec
  const others = pinned || assigned === route.table.stable ? '' : `, nor has the stable version ${route.table.stable}`
  return new CutoverError(
    'not-ready',
    `version ${publicName(assigned)} of endpoint ${name} has no ready instance${others}`,
  )
}

function send(context: GatewayContext, exchange: Exchange, instance: Instance, sent: Sent) {
  const { req, choice, controller, predictionId, copySource } = exchange
  const headers = requestHeaders(req, { predictionId, bodyBytes: bodyBytesOf(req, sent.body) })
  const streams = sent.body === null && sent.kind !== 'none'
  if (sent.body !== null) exchange.requestCopy?.add(sent.body)
  if (!streams) exchange.requestCopy?.end()
  if (copySource !== null) noteRequest(copySource, headers, sent)
  return instance.send({
    method: req.method ?? 'GET',
    path: sent.path,
    headers,
    body: streams ? streamedBody(context, exchange) : sent.body,
    timeouts: choice.route.spec.timeouts,
    signal: controller.signal,
  })
}

function noteRequest(source: CopySource, headers: readonly string[], { body, kind }: Sent): void {
  source.headers = headers
  source.hasBody = kind !== 'none'
  if (body !== null) source.body.add(body)
  if (body !== null || kind === 'none') source.body.end()
}

function bodyBytesOf(req: IncomingMessage, body: Buffer | null): number | null {
  if (body !== null) return body.length
  const stated = req.headers['content-length']
  return stated === undefined ? null : Number(stated)
}

function streamedBody(context: GatewayContext, exchange: Exchange): Readable {
  const { req, res, choice } = exchange
  const { bodyBytesMax } = choice.route.spec
  askForBody(req, res)
  exchange.upload = streamBody(req, {
    bytesMax: bodyBytesMax,
    onChunk: chunk => {
      exchange.requestCopy?.add(chunk)
      exchange.copySource?.body.add(chunk)
    },
    onEnd: () => {
      exchange.requestEndedMs = performance.now()
      exchange.requestCopy?.end()
      exchange.copySource?.body.end()
    },
    onTooLarge: () => failExchange(context, exchange, tooLarge(bodyBytesMax)),
  })
  return exchange.upload
}

/** Instances reject with a `CutoverError`; anything else is a fault in one of them, and the version's failure. */
function backendError(context: GatewayContext, exchange: Exchange, thrown: unknown): CutoverError {
  if (thrown instanceof CutoverError) return thrown
  const { version, route } = exchange.choice
  const isOurs = exchange.closed || exchange.gaveUp
  if (!isOurs) context.logger.error({ err: thrown, endpoint: route.spec.name, version }, 'an instance failed')
  return new CutoverError(
    'backend-failed',
    `version ${publicName(version)} of endpoint ${route.spec.name} failed`,
    [],
    thrown,
  )
}
