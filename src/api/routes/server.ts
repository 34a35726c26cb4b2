/** The server about itself: health, Prometheus metrics, the OpenAPI document, and a page that leads to them. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import type { Api } from '../context.ts'
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
    responses: { 200: json(statusSchema, 'It does.') },
  }),
  ready: createRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'ready',
    tags: ['server'],
    summary: 'The server has recovered its state and serves',
    responses: { 200: json(statusSchema, 'Ready.'), 503: json(statusSchema, 'Not yet.') },
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
    responses: { 200: json(z.record(z.string(), z.unknown()), 'OpenAPI 3.1.') },
  }),
  page: createRoute({
    method: 'get',
    path: '/',
    operationId: 'page',
    tags: ['server'],
    summary: 'A page that leads to the rest',
    responses: { 200: text('text/html', 'The page.') },
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
  app.openapi(routes.page, context => context.html(page(version), 200, pageHeaders))
}

export function openApiDocument(app: App, version: string) {
  return app.getOpenAPI31Document({
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
}

const pageHeaders = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

const links = [
  ['/api/v1/endpoints', 'endpoints'],
  ['/api/v1/versions', 'versions'],
  ['/api/v1/releases', 'releases'],
  ['/api/v1/events', 'events of the log'],
  ['/api/v1/predictions', 'predictions'],
  ['/api/v1/metrics', 'metrics that releases can name'],
  ['/api/openapi.json', 'this API as OpenAPI 3.1'],
  ['/metrics', 'Prometheus metrics'],
  ['/readyz', 'readiness'],
] as const

function page(version: string): string {
  const items = links.map(([href, text]) => `<li><a href="${href}">${href}</a> ${text}</li>`).join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Cutover</title>
<style>body{font:16px/1.6 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}code{background:#eee}</style>
<h1>Cutover ${version}</h1>
<p>This is the control listener. From a terminal: <code>cutover status</code>.</p>
<ul>
${items}
</ul>
</html>
`
}
