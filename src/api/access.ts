/** Keys on the control listener: who asks, and what that one may. */
import type { Context, MiddlewareHandler } from 'hono'
import type { Deed } from '../core/access/api-key.ts'
import { AccessError } from '../core/access/refusals.ts'
import type { Access, Principal } from '../ports/access.ts'
import type { Reader } from './event-streams.ts'

/** What probes of the machine must reach without a key; it tells nothing but whether the server is up. */
const open: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

/** Questions that come with a body, and change nothing. */
const asking: ReadonlySet<string> = new Set([
  '/api/v1/backtest',
  '/api/v1/backtest/release',
  '/api/v1/advise',
  '/api/v1/simulate',
])

/** Why a flag has its value. */
const evaluating = /^\/api\/v1\/flags\/[^/]+\/evaluate$/

const variable = 'principal'
const lasting = 'still-lets'

export function requireKey(access: Access): MiddlewareHandler {
  return async (context, next) => {
    const { path, method } = context.req
    if (open.has(path)) return next()
    const head = { field: (name: string) => context.req.header(name) }
    const wish = { deed: deedOf(method, path), endpoint: null }
    const { principal, refusal } = access.admit(head, wish)
    if (refusal !== null) throw new AccessError(refusal)
    context.set(variable, principal)
    context.set(lasting, () => access.stillLets(head, wish))
    try {
      await next()
    } finally {
      access.leave(principal)
    }
  }
}

export function deedOf(method: string, path: string): Deed {
  if (path === '/api/v1/keys' || path.startsWith('/api/v1/keys/')) return 'administer'
  const isAsking = asking.has(path) || evaluating.test(path)
  return ['GET', 'HEAD', 'OPTIONS'].includes(method) || isAsking ? 'read' : 'operate'
}

/** Null where nobody is asked for a key. */
export function principalOf(context: Context): Principal | null {
  return (context.get(variable) as Principal | undefined) ?? null
}

/** For answers that last: by whose key, and whether it would be let in still. */
export function readerOf(context: Context): Reader {
  const mayRead = context.get(lasting) as Reader['mayRead'] | undefined
  return { key: principalOf(context)?.name ?? null, mayRead: mayRead ?? (() => true) }
}
