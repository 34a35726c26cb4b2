/**
 * Any HTTP, passed through as bytes: `/endpoints/{endpoint}/{path}` is the backend's `/{path}`, whatever the endpoint speaks.
 * Errors come in its dialect.
 */
import type { Protocol } from '../../core/endpoint.ts'
import { pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import type { ErrorShape } from '../errors.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import type { Visit } from '../inbound.ts'
import type { Target } from '../target.ts'
import { forwardOpenAi, openAiOperation } from './openai.ts'

export const httpPrefix = '/endpoints/'

const shapes: Readonly<Record<Protocol, ErrorShape>> = {
  'open-inference': 'problem',
  openai: 'openai',
  'tensorflow-serving': 'open-inference',
  http: 'problem',
}

export function serveHttp(
  context: GatewayContext,
  { inbound, outbound, principal }: Visit,
  target: Target,
): void | Promise<void> {
  const rest = target.path.slice(httpPrefix.length)
  const slash = rest.indexOf('/')
  const endpoint = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '/' : rest.slice(slash)
  const route = findRoute(context.routes, endpoint, principal)
  const shape = shapes[route.spec.protocol]
  const operation = route.spec.protocol === 'openai' ? openAiOperation(path) : null
  const sent = path + target.query
  return operation === null
    ? forward(context, { inbound, outbound, route, path: sent, shape, pin: pinOf(route, inbound, null) })
    : forwardOpenAi(context, { inbound, outbound, route, path: sent, shape }, operation)
}
