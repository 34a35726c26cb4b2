/** Any HTTP, passed through as bytes: `/endpoints/{endpoint}/{path}` is the backend's `/{path}`. */
import { pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import type { Visit } from '../inbound.ts'
import type { Target } from '../target.ts'

export const httpPrefix = '/endpoints/'

export function serveHttp(
  context: GatewayContext,
  { inbound, outbound, target, principal }: Visit & { target: Target },
): void | Promise<void> {
  const rest = target.path.slice(httpPrefix.length)
  const slash = rest.indexOf('/')
  const endpoint = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '/' : rest.slice(slash)
  const route = findRoute(context.routes, endpoint, principal)
  const pin = pinOf(route, inbound, null)
  return forward(context, { inbound, outbound, route, pin, path: path + target.query, shape: 'problem' })
}
