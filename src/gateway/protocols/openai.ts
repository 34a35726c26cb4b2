/**
 * OpenAI's style: `model` in the body names the endpoint. Bodies are read for the few members that say whose request it is and
 * are otherwise left as they are; what a version's server wants different is its instance's matter.
 */
import { createHash } from 'node:crypto'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { isProblem, type OpenAiRequest, readOpenAiRequest } from '../../core/openai/request.ts'
import type { Principal } from '../../ports/access.ts'
import { mayKnow, refuseCall } from '../authorise.ts'
import { boundedKey } from '../bounded-key.ts'
import { pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import { excerpt } from '../errors.ts'
import { type Conversation, type Call as ForwardedCall, forward } from '../forward.ts'
import { headerText } from '../headers.ts'
import type { Inbound, Visit } from '../inbound.ts'
import { assertMethod, sendJson } from '../json-answer.ts'
import { callerLeft, refuseStatedLength, tooLarge } from '../request-body.ts'
import type { CompiledRoute } from '../route.ts'
import type { Target } from '../target.ts'

type Call = Visit & { target: Target }

const operations: ReadonlySet<string> = new Set(['chat/completions', 'completions', 'embeddings', 'responses'])
const bases = ['/openai/v1/', '/v1/'] as const

/** What follows the base path; null for a path that is not one of OpenAI's. */
export function openAiOperation(path: string): string | null {
  const base = bases.find(known => path.startsWith(known))
  if (base === undefined) return null
  const operation = path.slice(base.length)
  const isModels = operation === 'models' || operation.startsWith('models/')
  return base === '/openai/v1/' || isModels || operations.has(operation) ? operation : null
}

/** Throws `CutoverError`s, to be answered as `{"error": {message, type, param, code}}`. */
export function serveOpenAi(context: GatewayContext, call: Call, operation: string): void | Promise<void> {
  const { inbound, outbound, target, principal } = call
  if (operations.has(operation)) {
    assertMethod(inbound, target.path, 'POST')
    return serveOperation(context, call, operation)
  }
  if (operation === 'models') {
    assertMethod(inbound, target.path, 'GET')
    sendJson(outbound, 200, { object: 'list', data: openAiRoutes(context, principal).map(modelOf) })
    return
  }
  if (operation.startsWith('models/')) {
    assertMethod(inbound, target.path, 'GET')
    sendJson(outbound, 200, modelOf(findModel(context, operation.slice('models/'.length), principal)))
    return
  }
  throw nothingHere(target.path)
}

function nothingHere(path: string): CutoverError {
  const known = [...operations, 'models'].map(operation => `/v1/${operation}`).join(', ')
  const other = 'any other path of an endpoint’s servers is at /endpoints/{endpoint}/v1/…'
  return new CutoverError('route-not-found', `there is nothing at ${excerpt(path)}; there are ${known}; ${other}`)
}

/** Endpoints have no time of creation that would be the same everywhere. */
function modelOf({ spec }: CompiledRoute): object {
  return { id: spec.name, object: 'model', created: 0, owned_by: 'cutover' }
}

async function serveOperation(context: GatewayContext, call: Call, operation: string): Promise<void> {
  const { inbound, outbound, target } = call
  refusePacked(inbound)
  const body = await bodyOf(inbound, bodyBytesMax(context, call.principal))
  const request = readOpenAiRequest(body)
  if (isProblem(request)) throw new CutoverError('invalid-request', request.message, [request])
  const route = findModel(context, request.model, call.principal)
  if (body.length > route.spec.bodyBytesMax) throw tooLarge(route.spec.bodyBytesMax)
  const conversation = await conversationOf(context, route, { request, body, operation })
  if (outbound.isClosed) throw callerLeft()
  const pin = pinOf(route, inbound, null)
  const path = `/v1/${operation}${target.query}`
  return forward(context, { inbound, outbound, route, pin, path, shape: 'openai', body, conversation })
}

/** At the base address of one endpoint: what cannot be read goes on all the same, since the path says where. */
export async function forwardOpenAi(
  context: GatewayContext,
  named: Pick<ForwardedCall, 'inbound' | 'outbound' | 'route' | 'path' | 'shape'>,
  operation: string,
): Promise<void> {
  const { inbound, route } = named
  const pin = pinOf(route, inbound, null)
  if (!operations.has(operation) || isPacked(inbound)) return forward(context, { ...named, pin })
  const body = await bodyOf(inbound, route.spec.bodyBytesMax)
  const request = readOpenAiRequest(body)
  if (isProblem(request)) return forward(context, { ...named, pin, body })
  const conversation = await conversationOf(context, route, { request, body, operation })
  if (named.outbound.isClosed) throw callerLeft()
  return forward(context, { ...named, pin, body, conversation })
}

function isPacked(inbound: Inbound): boolean {
  return packingOf(inbound) !== 'identity'
}

function packingOf(inbound: Inbound): string {
  return headerText(inbound, 'content-encoding')?.trim().toLowerCase() ?? 'identity'
}

function refusePacked(inbound: Inbound): void {
  if (!isPacked(inbound)) return
  const value = excerpt(packingOf(inbound))
  const remedy = 'send it plain, or to /endpoints/{endpoint}/v1/…'
  const detail = `the body is packed (${value}), so that its model cannot be read; ${remedy}`
  throw new CutoverError('invalid-request', detail, [
    { path: 'header content-encoding', message: detail, value, allowed: ['identity'] },
  ])
}

/** The endpoint is known from the body alone: what the most generous of them takes is read. */
function bodyBytesMax(context: GatewayContext, principal: Caller): number {
  return openAiRoutes(context, principal).reduce(
    (most, { spec }) => Math.max(most, spec.bodyBytesMax),
    limits.wholeBodyBytesMax,
  )
}

/** Left out where no key is asked for. */
type Caller = Principal | null | undefined

/** Those that the caller may call. */
function openAiRoutes(context: GatewayContext, principal: Caller): CompiledRoute[] {
  return [...context.routes.all()].filter(({ spec }) => spec.protocol === 'openai' && mayKnow(principal, spec.name))
}

function bodyOf(inbound: Inbound, bytesMax: number): Promise<Buffer> | Buffer {
  refuseStatedLength(inbound, bytesMax)
  if (inbound.bodyInHand !== null) return inbound.bodyInHand
  return inbound.bodyKind === 'none' ? Buffer.alloc(0) : inbound.wholeBody(bytesMax)
}

/** Throws forbidden; endpoint-not-found, which names those that the caller may call: of other protocols none. */
function findModel(context: GatewayContext, name: string, principal: Caller): CompiledRoute {
  refuseCall(principal ?? null, name)
  const route = context.routes.get(name)
  if (route?.spec.protocol === 'openai') return route
  const served = openAiRoutes(context, principal).map(({ spec }) => spec.name)
  const known =
    served.length === 0 ? 'no endpoint speaks OpenAI’s style' : `there are ${served.slice(0, 20).join(', ')}`
  throw new CutoverError('endpoint-not-found', `there is no model ${excerpt(name)}; ${known}`, [
    { path: 'model', message: 'is not an endpoint in OpenAI’s style', value: excerpt(name), allowed: served },
  ])
}

type Asked = { request: OpenAiRequest; body: Uint8Array; operation: string }

/** Whose request it is where neither the endpoint's own source nor `x-cutover-unit` says so, and where it must go. */
async function conversationOf(context: GatewayContext, { spec }: CompiledRoute, asked: Asked): Promise<Conversation> {
  const { request, operation } = asked
  const { previousResponse, conversation } = request
  const before = previousResponse ?? conversation
  const answered = before === null ? null : await context.conversations.findAnywhere(spec.name, before)
  const named = request.user ?? (conversation === null ? null : `conversation ${conversation}`)
  return {
    unit: (named === null ? null : boundedKey(named)) ?? answered?.unit ?? firstMessageUnit(asked),
    version: answered?.version ?? null,
    rememberAs: operation === 'responses' ? { conversation } : null,
  }
}

/** The same for every turn of a chat: what a user said first does not change. */
function firstMessageUnit({ request, body }: Asked): string | null {
  const { firstMessage } = request
  if (firstMessage === null) return null
  const bytes = body.subarray(firstMessage.start, firstMessage.end)
  return `chat ${createHash('sha256').update(bytes).digest('base64url')}`
}
