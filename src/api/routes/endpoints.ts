/** Endpoints, their versions and metrics; applying documents. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { endpointResource, resourceSchema } from '../../contract/resources.ts'
import { applyAnswerSchema, changeSchema } from '../../contract/wire/change.ts'
import { endpointSchema, versionSchema } from '../../contract/wire/endpoint.ts'
import { listOf } from '../../contract/wire/list.ts'
import { metricSchema } from '../../contract/wire/prediction.ts'
import { CutoverError } from '../../core/errors.ts'
import type { EndpointState } from '../../core/state.ts'
import { applyDocuments } from '../apply.ts'
import { applyOne } from '../apply-one.ts'
import { readJson } from '../bodies.ts'
import { type Api, actorOf, endpointState } from '../context.ts'
import { type App, bodyOf, booleanQuery, json, problem } from '../route-parts.ts'
import { versionView } from '../version-view.ts'
import { endpointView, metricViews } from '../views.ts'

const byName = z.object({ name: z.string() })
const ofEndpoint = z.object({ endpoint: z.string().optional() })
const dryRun = z.object({ dryRun: booleanQuery })
const documents = z.union([z.array(resourceSchema), z.object({ documents: z.array(resourceSchema) })])

const routes = {
  list: createRoute({
    method: 'get',
    path: '/api/v1/endpoints',
    operationId: 'listEndpoints',
    tags: ['endpoints'],
    summary: 'All endpoints',
    responses: { 200: json(listOf(endpointSchema), 'The endpoints.'), ...problem },
  }),
  get: createRoute({
    method: 'get',
    path: '/api/v1/endpoints/{name}',
    operationId: 'getEndpoint',
    tags: ['endpoints'],
    summary: 'One endpoint',
    request: { params: byName },
    responses: { 200: json(endpointSchema, 'The endpoint.'), ...problem },
  }),
  apply: createRoute({
    method: 'post',
    path: '/api/v1/endpoints',
    operationId: 'applyEndpoint',
    tags: ['endpoints'],
    summary: 'Apply one Endpoint document',
    request: { query: dryRun },
    responses: { 200: json(changeSchema, 'What changed.'), 201: json(changeSchema, 'Created.'), ...problem },
  }),
  remove: createRoute({
    method: 'delete',
    path: '/api/v1/endpoints/{name}',
    operationId: 'deleteEndpoint',
    tags: ['endpoints'],
    summary: 'Delete an endpoint',
    request: { params: byName },
    responses: { 204: { description: 'Deleted.' }, ...problem },
  }),
  applyAll: createRoute({
    method: 'post',
    path: '/api/v1/apply',
    operationId: 'apply',
    tags: ['endpoints', 'releases'],
    summary: 'Apply documents: all of them are checked before anything changes',
    request: { query: dryRun },
    responses: { 200: json(applyAnswerSchema, 'One change per document.'), ...problem },
  }),
  versions: createRoute({
    method: 'get',
    path: '/api/v1/versions',
    operationId: 'listVersions',
    tags: ['versions'],
    summary: 'Versions and how they run',
    request: { query: ofEndpoint },
    responses: { 200: json(listOf(versionSchema), 'The versions.'), ...problem },
  }),
  metrics: createRoute({
    method: 'get',
    path: '/api/v1/metrics',
    operationId: 'listMetrics',
    tags: ['metrics'],
    summary: 'What the checks of a release can name',
    request: { query: ofEndpoint },
    responses: { 200: json(listOf(metricSchema), 'The metrics.'), ...problem },
  }),
}

export function registerEndpoints(app: App, api: Api): void {
  registerReading(app, api)
  registerApplying(app, api)
}

function registerReading(app: App, api: Api): void {
  const { control } = api
  app.openapi(routes.list, context => {
    const state = control.state()
    return context.json(
      { items: Object.values(state.endpoints).map(one => endpointView(one, state, instancesOf(api))) },
      200,
    )
  })
  app.openapi(routes.get, context => {
    const endpoint = endpointState(control, context.req.valid('param').name)
    return context.json(endpointView(endpoint, control.state(), instancesOf(api)), 200)
  })
  app.openapi(routes.versions, context => {
    const state = control.state()
    const items = chosen(api, context.req.valid('query').endpoint).flatMap(endpoint =>
      Object.values(endpoint.spec.versions).map(version =>
        versionView({ version, endpoint, state, instances: instancesOf(api) }),
      ),
    )
    return context.json({ items }, 200)
  })
  app.openapi(routes.metrics, context => {
    const items = chosen(api, context.req.valid('query').endpoint).flatMap(({ spec }) => metricViews(spec))
    return context.json({ items }, 200)
  })
}

function registerApplying(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...routes.apply, request: { query: dryRun, ...bodyOf(endpointResource) } })
  app.openapi({ ...routes.apply, hide: true }, async context => {
    const { dryRun } = context.req.valid('query')
    const { change, status } = await applyOne(api, context, {
      schema: endpointResource,
      what: 'the Endpoint document',
      dryRun,
    })
    return context.json(change, status)
  })
  app.openapi(routes.remove, context => {
    const { name } = context.req.valid('param')
    endpointState(api.control, name)
    api.control.deleteEndpoint({ endpoint: name, actor: actorOf(context) })
    return context.body(null, 204)
  })
  app.openAPIRegistry.registerPath({ ...routes.applyAll, request: { query: dryRun, ...bodyOf(documents) } })
  app.openapi({ ...routes.applyAll, hide: true }, async context => {
    const { dryRun } = context.req.valid('query')
    const given = documentsIn(await readJson(context))
    const changes = await applyDocuments(api, { ...given, actor: actorOf(context), dryRun })
    return context.json({ dryRun, changes }, 200)
  })
}

/** The most documents that one request may carry. */
const documentsMax = 1_000

function documentsIn(body: unknown): { documents: readonly unknown[]; base: readonly PropertyKey[] } {
  const isBare = Array.isArray(body)
  const list = isBare ? body : (body as { documents?: unknown } | null | undefined)?.documents
  const allowed = ['an array of documents', '{"documents": [...]}']
  if (!Array.isArray(list)) {
    throw new CutoverError('invalid-request', 'the body holds no documents', [
      { path: isBare ? '' : 'documents', message: 'is not an array of documents', allowed },
    ])
  }
  if (list.length === 0 || list.length > documentsMax) {
    throw new CutoverError('invalid-request', `the body holds ${list.length} documents`, [
      {
        path: isBare ? '' : 'documents',
        message: 'is not a possible number of documents',
        allowed: [`1 to ${documentsMax}`],
      },
    ])
  }
  return { documents: list, base: isBare ? [] : ['documents'] }
}

function instancesOf(api: Api) {
  return (endpoint: string, version: string) => api.control.instances(endpoint, version)
}

function chosen(api: Api, endpoint: string | undefined): EndpointState[] {
  if (endpoint !== undefined) return [endpointState(api.control, endpoint)]
  return Object.values(api.control.state().endpoints)
}
