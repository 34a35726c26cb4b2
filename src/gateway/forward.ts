/** The way of one request through the gateway: body, unit, version, instance. The hot path: what need not wait does not. */
import { type Choice, choose } from './choose.ts'
import type { GatewayContext } from './context.ts'
import { type Deadline, deadlineOf } from './deadline.ts'
import { versionByRule } from './endpoint-rules.ts'
import type { ErrorShape } from './errors.ts'
import { Exchange } from './exchange.ts'
import { predictionIdOf } from './ids.ts'
import type { Inbound, Outbound } from './inbound.ts'
import { refuseStatedLength } from './request-body.ts'
import type { CompiledRoute } from './route.ts'
import { unitOf } from './unit.ts'

export type Call = {
  inbound: Inbound
  outbound: Outbound
  /** The route by which the request was understood; the version is chosen by the route of that moment. */
  route: CompiledRoute
  pin: string | null
  /** Path and query as the model server gets them. */
  path: string
  shape: ErrorShape
  /** The whole body, where the protocol has read it already. */
  body?: Buffer
  conversation?: Conversation
}

/** What a protocol knows of the conversation that a request belongs to. */
export type Conversation = {
  /** Whose request it is where neither the endpoint's own source nor `x-cutover-unit` says so. */
  unit: string | null
  /** The only version that can go on with it; null where any can. */
  version: string | null
  /** Who follows this answer has to go where it was made, also by the conversation's id; null where nothing follows. */
  rememberAs: { conversation: string | null } | null
}

/** Throws a `CutoverError` for what is wrong before a version is chosen; from then on answers itself. */
export function forward(context: GatewayContext, call: Call): void | Promise<void> {
  const { inbound, route } = call
  refuseStatedLength(inbound, route.spec.bodyBytesMax)
  const predictionId = predictionIdOf(inbound, context.ids)
  const deadline = deadlineOf(inbound)
  const isAtHand = call.body !== undefined || inbound.bodyKind === 'none' || inbound.bodyInHand !== null
  // Who has read the body already may have waited for it, and the route may be another one by now.
  const now = call.body === undefined ? route : routeNow(context, call)
  if (!isAtHand || mustWait(now, call)) return forwardLater(context, call, { predictionId, deadline })
  const body = call.body ?? inbound.bodyInHand
  // On the table by which the version is chosen at once; who waits may be served by one that asks.
  const isAsked = now.needsUnit || call.conversation !== undefined
  const otherwise = call.conversation?.unit ?? predictionId
  const unit = isAsked ? unitOf(route.spec.unit, { inbound, body, otherwise }) : otherwise
  const choice = chooseOn(now, context, call, { unit, body })
  exchange(context, call, { predictionId, deadline, unit, body, choice })
}

/** The same for a request whose body is still to come, or that has to wait for a version. */
async function forwardLater(context: GatewayContext, call: Call, known: Known): Promise<void> {
  const { inbound, route, conversation } = call
  const { spec } = route
  // Before the body is taken: what waits should take no memory.
  await waitOutGap(context, call, known.deadline)
  let body = await takeBody(call, inbound.bodyKind === 'short' || spec.unit.from === 'body')
  const unit = unitOf(spec.unit, { inbound, body, otherwise: conversation?.unit ?? known.predictionId })
  await waitOutGap(context, call, known.deadline)
  let choice = chooseNow(context, call, unit, body)
  if (body === null && inbound.bodyKind !== 'none' && choice.instance?.wantsWholeBody === true) {
    body = await takeBody(call, true)
    await waitOutGap(context, call, known.deadline)
    choice = chooseNow(context, call, unit, body)
  }
  if (!call.outbound.isClosed) exchange(context, call, { ...known, unit, body, choice })
}

/** Null for no body, and for one that is to be streamed. */
function takeBody({ inbound, route, body }: Call, whole: boolean): Promise<Buffer> | Buffer | null {
  if (body !== undefined) return body
  return inbound.bodyKind === 'none' || !whole ? null : inbound.wholeBody(route.spec.bodyBytesMax)
}

/** A pinned version is served by itself or not at all: it waits for no other. */
function mustWait(route: CompiledRoute, { pin }: Call): boolean {
  return pin === null && route.table.gap !== undefined
}

function waitOutGap(
  context: GatewayContext,
  { route, outbound, pin }: Call,
  deadline: Deadline | null,
): Promise<void> | null {
  const endpoint = route.spec.name
  const gap = context.routes.get(endpoint)?.table.gap
  return gap === undefined || pin !== null ? null : context.held.wait({ endpoint, gap, outbound, deadline })
}

/** On the table of this moment: a slow upload must not be sent by a table that has been replaced since. */
function chooseNow(context: GatewayContext, call: Call, unit: string, body: Buffer | null): Choice {
  return chooseOn(routeNow(context, call), context, call, { unit, body })
}

function routeNow(context: GatewayContext, { route }: Call): CompiledRoute {
  return context.routes.get(route.spec.name) ?? route
}

function chooseOn(
  route: CompiledRoute,
  context: GatewayContext,
  { inbound, pin, conversation }: Call,
  { unit, body }: { unit: string; body: Buffer | null },
): Choice {
  const isRuled = pin === null && route.spec.rules !== undefined
  const rule = isRuled ? versionByRule(route, { inbound, unit }, context) : null
  return choose(context, route, { inbound, pin, rule, unit, body, stays: conversation?.version ?? null })
}

type Known = { predictionId: string; deadline: Deadline | null }
type Ready = Known & { unit: string; body: Buffer | null; choice: Choice }

function exchange(context: GatewayContext, call: Call, ready: Ready): void {
  const { inbound, outbound, path, shape } = call
  const remembers = call.conversation?.rememberAs ?? null
  const { predictionId, deadline, unit, body, choice } = ready
  new Exchange(context, { inbound, outbound, choice, path, predictionId, unit, shape, deadline, remembers }).ask(body)
}
