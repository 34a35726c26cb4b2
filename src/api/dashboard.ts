/**
 * The dashboard at the root of the control listener. Its files are the same for everybody and tell nothing of the server, so
 * that no key is asked for them; whatever they ask of the API needs one where a key is asked for.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { type PageFile, type PageFiles, pageIndex } from '../ports/page-files.ts'

/** First parts of paths that are never a page, whatever a caller accepts. */
const others: ReadonlySet<string> = new Set(['api', 'metrics', 'healthz', 'readyz'])

export function servePages(pages: PageFiles | undefined, { version }: { version: string }): MiddlewareHandler {
  return async (context, next) => {
    const { method, path } = context.req
    const isReading = method === 'GET' || method === 'HEAD'
    if (!isReading || others.has(path.split('/')[1] ?? '')) return next()
    if (pages === undefined) return path === '/' ? context.html(unbuilt(version), 200, unbuiltHeaders) : next()
    const asset = path === pageIndex ? undefined : pages.get(path)
    if (asset !== undefined) return fileResponse(asset, 'public, max-age=31536000, immutable')
    const index = pages.get(pageIndex)
    if (index === undefined || !isPageWanted(context)) return next()
    return fileResponse(index, 'no-cache')
  }
}

/** Pages have addresses of their own, which the browser's own router reads; a program that mistook a path is told so. */
function isPageWanted({ req }: Context): boolean {
  return req.path === '/' || /\btext\/html\b/.test(req.header('accept') ?? '')
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

function fileResponse({ type, body }: PageFile, cache: string): Response {
  return new Response(body, {
    headers: {
      'content-type': type,
      'cache-control': cache,
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
    },
  })
}

const unbuiltHeaders = {
  'cache-control': 'no-cache',
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

/** In a clone whose dashboard was not built. */
function unbuilt(version: string): string {
  const items = links.map(([href, text]) => `<li><a href="${href}">${href}</a> ${text}</li>`).join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Cutover</title>
<style>body{font:16px/1.6 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}code{background:#eee}</style>
<h1>Cutover ${version}</h1>
<p>This is the control listener. Its dashboard has not been built: <code>npm ci &amp;&amp; npm run build</code> in the
clone builds it, and the next start of the server shows it here. From a terminal: <code>cutover status</code>.</p>
<ul>
${items}
</ul>
</html>
`
}
