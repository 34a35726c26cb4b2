/** The server about itself: health, Prometheus metrics, the OpenAPI document; the dashboard is named there too. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { deedOf } from '../access.ts'
import { type Api, actorForm, actorHeader } from '../context.ts'
import { type App, json, problem } from '../route-parts.ts'

const statusSchema = z.object({ status: z.enum(['ok', 'starting']), version: z.string() })
const text = (type: string, description: string) => ({ description, content: { [type]: { schema: z.string() } } })

const routes = {
  live: createRoute({
    method: 'get',
    path: '/healthz',
    operationId: 'live',
    tags: ['server'],
    summary: 'The process answers',
    responses: { 200: json(statusSchema, 'It does.'), ...problem },
  }),
  ready: createRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'ready',
    tags: ['server'],
    summary: 'The server has recovered its state and serves',
    responses: { 200: json(statusSchema, 'Ready.'), 503: json(statusSchema, 'Not yet.'), ...problem },
  }),
  metrics: createRoute({
    method: 'get',
    path: '/metrics',
    operationId: 'prometheus',
    tags: ['server'],
    summary: 'Prometheus metrics',
    responses: { 200: text('text/plain', 'The metrics.'), ...problem },
  }),
  openapi: createRoute({
    method: 'get',
    path: '/api/openapi.json',
    operationId: 'openapi',
    tags: ['server'],
    summary: 'This document',
    responses: { 200: json(z.record(z.string(), z.unknown()), 'OpenAPI 3.1.'), ...problem },
  }),
  page: createRoute({
    method: 'get',
    path: '/',
    operationId: 'page',
    tags: ['server'],
    summary: 'The dashboard',
    responses: { 200: text('text/html', 'The page.'), ...problem },
  }),
}

export function registerServer(app: App, api: Api): void {
  const { version } = api
  app.openapi(routes.live, context => context.json({ status: 'ok' as const, version }, 200))
  app.openapi(routes.ready, context =>
    api.health.ready()
      ? context.json({ status: 'ok' as const, version }, 200)
      : context.json({ status: 'starting' as const, version }, 503),
  )
  app.openapi(routes.metrics, async () => {
    return new Response(await api.metrics.text(), { headers: { 'content-type': api.metrics.contentType } })
  })
  let document: Record<string, unknown> | undefined
  app.openapi(routes.openapi, context => {
    document ??= { ...openApiDocument(app, version) }
    return context.json(document, 200)
  })
  app.openAPIRegistry.registerPath(routes.page)
}

export function openApiDocument(app: App, version: string) {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    // Without a key where the server asks for none.
    security: [{}, { key: [] }],
    info: {
      title: 'Cutover control API',
      version,
      description: 'Releases machine-learning models with evidence. Errors are problem documents (RFC 9457).',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
  })
  for (const [path, { post, delete: remove }] of Object.entries(document.paths ?? {})) {
    if (post !== undefined && deedOf('POST', path) !== 'read') post.parameters = [...(post.parameters ?? []), actor]
    if (remove !== undefined) remove.parameters = [...(remove.parameters ?? []), actor]
  }
  return document
}

/** Of every operation that changes something, and read where the change is made: no route asks for it by itself. */
const actor = {
  name: actorHeader,
  in: 'header',
  required: false,
  description: 'Who asks, kept with the change where the server asks for no keys; `api` without it or in another form.',
  schema: { type: 'string', pattern: actorForm.source },
} as const
