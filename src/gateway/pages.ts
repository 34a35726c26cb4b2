/** Pages of other origins that may call models, as the settings of the listener allow (CORS). */
import type { RequestHead } from '../core/access/carried.ts'
import { allowsOrigin, type CorsAnswer, type CorsRule, corsAnswer } from '../core/access/cors.ts'
import { isLocalOrigin } from '../core/access/origins.ts'
import { CutoverError } from '../core/errors.ts'
import { linesOf, withoutFields } from '../core/http/field-lines.ts'
import { excerpt } from './errors.ts'
import type { Outbound } from './inbound.ts'

export function pageAnswer(rule: CorsRule, method: string, head: RequestHead): CorsAnswer {
  return corsAnswer(rule, {
    method,
    origin: head.field('origin'),
    requestMethod: head.field('access-control-request-method'),
    requestHeaders: head.field('access-control-request-headers'),
  })
}

/**
 * Where nobody is asked for a key, a browser on this machine is let in whatever page it shows: one that sends its forms
 * here, or one whose own name was made to lead here (DNS rebinding), which may read what it is answered. So pages must be
 * of this machine, of the origin of a proxy in front, or named by the settings. Throws invalid-request.
 */
export function refuseForeignPage(rule: CorsRule | undefined, head: RequestHead): void {
  const origin = head.field('origin')
  // Browsers say so of addresses that they trust alone, which a name in clear text is not.
  if (origin === undefined || head.field('sec-fetch-site') === 'same-origin') return
  if (isLocalOrigin(origin) || (rule !== undefined && allowsOrigin(rule, origin))) return
  const detail = 'without API keys a page of another origin may not ask; name it in inference.cors.origins'
  throw new CutoverError('invalid-request', detail, [
    {
      path: 'header origin',
      message: 'is another origin',
      value: excerpt(origin),
      allowed: ['http://localhost', ...(rule?.origins ?? [])],
    },
  ])
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
