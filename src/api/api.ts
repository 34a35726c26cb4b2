/**
 * The control API. It checks what callers send, asks the control plane, and shows what that says; it decides nothing.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { toProblems } from '../contract/problems.ts'
import { CutoverError } from '../core/errors.ts'
import { requireKey } from './access.ts'
import type { Api, ApiDependencies } from './context.ts'
import { servePages } from './dashboard.ts'
import { createEventStreams } from './event-streams.ts'
import { guard } from './guard.ts'
import { createListener, type Listening } from './listener.ts'
import { allowPages } from './pages.ts'
import { asCutoverError, problemResponse } from './problems.ts'
import { refuseUnknownParameters } from './queries.ts'
import type { App } from './route-parts.ts'
import { registerAdvise } from './routes/advise.ts'
import { registerBacktest } from './routes/backtest.ts'
import { registerEndpoints } from './routes/endpoints.ts'
import { registerFlags } from './routes/flags.ts'
import { registerKeys } from './routes/keys.ts'
import { registerMonitoring } from './routes/monitoring.ts'
import { registerRecords } from './routes/records.ts'
import { registerRejudge } from './routes/rejudge.ts'
import { registerReleases } from './routes/releases.ts'
import { registerSegments } from './routes/segments.ts'
import { registerServer } from './routes/server.ts'
import { registerSimulate } from './routes/simulate.ts'
import { createTurns } from './turns.ts'

export type ControlApi = {
  fetch(request: Request): Response | Promise<Response>
  /** Throws port-in-use. Port 0 takes a free one. */
  listen(address: { host: string; port: number }): Promise<Listening>
  /** Ends event streams, lets requests under way finish within the grace, then closes. */
  close(): Promise<void>
}

export function createApi(dependencies: ApiDependencies): ControlApi {
  const api: Api = { ...dependencies, streams: createEventStreams(dependencies), turns: createTurns() }
  const app = createApp(api)
  const listener = createListener(app.fetch, dependencies.certificates)
  return {
    fetch: request => app.fetch(request),
    listen: listener.listen,
    close: () => {
      api.streams.closeAll()
      return listener.close()
    },
  }
}

function createApp(api: Api): App {
  const app = new OpenAPIHono({
    defaultHook: result => {
      if (!result.success) throw invalidPart(result)
    },
  })
  if (api.cors !== undefined) app.use(allowPages(api.cors))
  // A page of another origin has no key, and nothing here is known to a browser by itself: keys say it all.
  if (api.access === undefined) app.use(guard)
  app.use(async (context, next) => {
    await next()
    context.res.headers.set('x-content-type-options', 'nosniff')
  })
  app.use(servePages(api.dashboard, api))
  if (api.access !== undefined) app.use(requireKey(api.access))
  app.use('/api/v1/*', refuseUnknownParameters(app))
  app.onError((error, context) => {
    const shown = asCutoverError(error)
    const { method, path } = context.req
    if (shown.code === 'internal') api.onInternalError?.(error, { method, path })
    return problemResponse(shown)
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' })
  registerEndpoints(app, api)
  registerMonitoring(app, api)
  registerReleases(app, api)
  registerRecords(app, api)
  registerAdvise(app, api)
  registerBacktest(app, api)
  registerKeys(app, api)
  registerFlags(app, api)
  registerSegments(app, api)
  registerRejudge(app, api)
  registerSimulate(app, api)
  registerServer(app, api)
  app.notFound(context => problemResponse(nothingThere(app, context.req)))
  return app
}

type Part = 'param' | 'query' | 'header'
const partNames: Readonly<Record<Part, string>> = { param: 'path', query: 'query', header: 'header' }

function invalidPart(result: {
  target: string
  error: Parameters<typeof toProblems>[0]
  data?: unknown
}): CutoverError {
  const part = partNames[result.target as Part] ?? result.target
  const problems = toProblems(result.error, result.data, [part])
  return new CutoverError('invalid-request', `the ${part} of the request is not valid`, problems)
}

/** 405 with the methods that the path does take, else 404. */
function nothingThere(app: App, request: { method: string; path: string }): CutoverError {
  const { method, path } = request
  const allowed = [...new Set(app.routes.filter(route => matches(route, path)).map(route => route.method))]
  if (allowed.length > 0) {
    return new CutoverError('method-not-allowed', `${method} is not possible at ${path}; use ${allowed.join(' or ')}`, [
      { path: 'method', message: 'is not possible here', value: method, allowed },
    ])
  }
  const hint = 'GET /api/openapi.json lists what there is'
  return new CutoverError('route-not-found', `there is nothing at ${path.slice(0, 200)}; ${hint}`)
}

function matches(route: { method: string; path: string }, path: string): boolean {
  if (route.method === 'ALL') return false
  const pattern = route.path.replace(/[.]/g, '\\.').replace(/:[^/]+/g, '[^/]+')
  return new RegExp(`^${pattern}$`).test(path)
}
