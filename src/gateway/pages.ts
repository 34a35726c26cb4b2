/** Pages of other origins that may call models, as the settings of the listener allow (CORS). */
import type { RequestHead } from '../core/access/carried.ts'
import { type CorsAnswer, type CorsRule, corsAnswer } from '../core/access/cors.ts'
import { linesOf, withoutFields } from '../core/http/field-lines.ts'
import type { Outbound } from './inbound.ts'

export function pageAnswer(rule: CorsRule, method: string, head: RequestHead): CorsAnswer {
  return corsAnswer(rule, {
    method,
    origin: head.field('origin'),
    requestMethod: head.field('access-control-request-method'),
    requestHeaders: head.field('access-control-request-headers'),
  })
}

/** A preflight asks the listener, and no model server. */
export function answerPreflight(outbound: Outbound, { fields }: CorsAnswer): void {
  outbound.begin(204, linesOf(fields), null)
  outbound.end()
}

/** What a model server says of pages does not count where the listener does. */
export function withPageLines(lines: string, pageLines: string): string {
  const kept = /access-control-/i.test(lines) ? withoutFields(lines, name => name.startsWith('access-control-')) : lines
  return kept + pageLines
}
