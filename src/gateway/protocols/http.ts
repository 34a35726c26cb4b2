/**
 * Any HTTP, passed through as bytes: `/endpoints/{endpoint}/{path}` is the backend's `/{path}`, whatever the endpoint speaks.
 * Errors come in its dialect.
 */
import type { Protocol } from '../../core/endpoint.ts'
import { lastOf } from '../../core/last-of.ts'
import { pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import type { ErrorShape } from '../errors.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import type { Visit } from '../inbound.ts'
import type { Target } from '../target.ts'
import { forwardOpenAi, openAiOperation } from './openai.ts'

export const httpPrefix = '/endpoints/'

/** By what the endpoint speaks. */
export const shapesBehind: Readonly<Record<Protocol, ErrorShape>> = {
  'open-inference': 'problem',
  openai: 'openai',
  'tensorflow-serving': 'open-inference',
  http: 'problem',
}

const partsOf = lastOf(({ path, query }: Target) => {
  const rest = path.slice(httpPrefix.length)
  const slash = rest.indexOf('/')
  const behind = pathBehind(path)
  return { endpoint: slash < 0 ? rest : rest.slice(0, slash), path: behind, sent: behind + query }
})

/** The path that the model server gets. */
export function pathBehind(path: string): string {
  const slash = path.indexOf('/', httpPrefix.length)
  return slash < 0 ? '/' : path.slice(slash)
}

export function serveHttp(
  context: GatewayContext,
  { inbound, outbound, principal }: Visit,
  target: Target,
): void | Promise<void> {
  const { endpoint, path, sent } = partsOf(target)
  const route = findRoute(context.routes, endpoint, principal)
  const shape = shapesBehind[route.spec.protocol]
  const operation = route.spec.protocol === 'openai' ? openAiOperation(path) : null
  return operation === null
    ? forward(context, { inbound, outbound, route, path: sent, shape, pin: pinOf(route, inbound, null) })
    : forwardOpenAi(context, { inbound, outbound, route, path: sent, shape }, operation)
}
