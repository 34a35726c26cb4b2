/** A query may say what its route documents and no more: a misspelt `dryRun` must not be taken for none. */
import { z } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { CutoverError } from '../core/errors.ts'
import type { App } from './route-parts.ts'

/** Of the API's own paths; whoever asks whether the server is up may add what keeps a cache away. */
export function refuseUnknownParameters(app: App): MiddlewareHandler {
  let documented: ReadonlyMap<string, readonly string[]> | null = null
  return async (context, next) => {
    const given = Object.keys(context.req.queries())
    if (given.length > 0) {
      documented ??= parametersOf(app)
      const allowed = documented.get(routeOf(context) ?? '')
      if (allowed !== undefined) refuseOthers(given, allowed)
    }
    await next()
  }
}

/** By method and path, the latter as the router has it. */
function parametersOf({ openAPIRegistry }: App): ReadonlyMap<string, readonly string[]> {
  const entries = openAPIRegistry.definitions.flatMap(definition => {
    if (definition.type !== 'route') return []
    const { method, path, request } = definition.route
    const names = request?.query instanceof z.ZodObject ? Object.keys(request.query.shape) : []
    return [[`${method.toUpperCase()} ${path.replace(/\{([^}]+)\}/g, ':$1')}`, names] as const]
  })
  return new Map(entries)
}

/** The first one that fits is the one that answers. */
function routeOf(context: Context): string | null {
  const route = matchedRoutes(context).find(({ method }) => method !== 'ALL')
  return route === undefined ? null : `${route.method} ${route.path}`
}

function refuseOthers(given: readonly string[], allowed: readonly string[]): void {
  const unknown = given.filter(name => !allowed.includes(name))
  if (unknown.length === 0) return
  throw new CutoverError(
    'invalid-request',
    'the query of the request is not valid',
    unknown.map(name => ({ path: `query.${name}`, message: 'is not a known parameter', allowed })),
  )
}
