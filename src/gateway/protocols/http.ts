/** Any HTTP, passed through as bytes: `/endpoints/{endpoint}/{path}` is the backend's `/{path}`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import type { Target } from '../target.ts'

export const httpPrefix = '/endpoints/'

export function serveHttp(
  context: GatewayContext,
  call: { req: IncomingMessage; res: ServerResponse; target: Target },
): Promise<void> {
  const { req, res, target } = call
  const rest = target.path.slice(httpPrefix.length)
  const slash = rest.indexOf('/')
  const endpoint = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '/' : rest.slice(slash)
  const route = findRoute(context.routes, endpoint)
  const pin = pinOf(route, req, null)
  return forward(context, { req, res, route, pin, path: path + target.query, shape: 'problem' })
}
