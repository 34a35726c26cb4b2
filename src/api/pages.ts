/** Pages of other origins on the control listener, as its settings allow. */
import type { MiddlewareHandler } from 'hono'
import { type CorsRule, corsAnswer } from '../core/access/cors.ts'

export function allowPages(rule: CorsRule): MiddlewareHandler {
  return async (context, next) => {
    const header = (name: string) => context.req.header(name)
    const answer = corsAnswer(rule, {
      method: context.req.method,
      origin: header('origin'),
      requestMethod: header('access-control-request-method'),
      requestHeaders: header('access-control-request-headers'),
    })
    if (answer.preflight) return new Response(null, { status: 204, headers: pairs(answer.fields) })
    await next()
    for (const [name, value] of pairs(answer.fields)) context.res.headers.append(name, value)
    return undefined
  }
}

function pairs(fields: readonly string[]): [string, string][] {
  return fields.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, fields[at + 1] ?? '']] : []))
}
