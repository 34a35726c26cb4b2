/**
 * Keeps other people's web pages out. A browser on this machine reaches loopback too: a page may send forms across
 * origins, or make its own name resolve to 127.0.0.1 and so become the same origin (DNS rebinding).
 */
import type { MiddlewareHandler } from 'hono'
import { hostnameOf, isLocalName } from '../core/access/origins.ts'
import { CutoverError } from '../core/errors.ts'

export const guard: MiddlewareHandler = async (context, next) => {
  const given = context.req.header('host')
  // Before the address is read, which not every Host makes one.
  if (given !== undefined && !isLocalName(hostnameOf(given))) throw unknownHost(given)
  const url = new URL(context.req.url)
  const host = given ?? url.host
  if (!isLocalName(url.hostname)) throw unknownHost(host)
  if (!isReading(context.req.method))
    refuseForeignOrigin(context.req.header.bind(context.req), `${url.protocol}//${host}`)
  await next()
}

/** Reading is left to the browser, which shows a page nothing of another origin's answers. */
function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

function refuseForeignOrigin(header: (name: string) => string | undefined, own: string): void {
  const origin = header('origin')
  // Behind a proxy the name in Origin differs from ours; browsers then still say that the page is of the same origin.
  if (origin === undefined || origin === own || header('sec-fetch-site') === 'same-origin') return
  throw new CutoverError('invalid-request', 'a page of another origin may not change anything here', [
    { path: 'header origin', message: 'is another origin', value: origin.slice(0, 200), allowed: [own] },
  ])
}

function unknownHost(host: string): CutoverError {
  return new CutoverError('invalid-request', 'this listener answers to loopback names only', [
    {
      path: 'header host',
      message: 'is not a name of this listener; a proxy in front should send its address',
      value: host.slice(0, 200),
      allowed: ['127.0.0.1', '[::1]', 'localhost'],
    },
  ])
}
