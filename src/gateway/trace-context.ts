/** W3C Trace Context, level 2: whether the fields of a request may be passed on. */
import type { Inbound } from './inbound.ts'

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/

/**
 * False if `traceparent` is malformed, doubled (the two come joined with a comma) or absent beside a `tracestate`: both
 * fields are then dropped and the model server starts a trace of its own.
 */
export function isTraceValid(inbound: Inbound): boolean {
  const parent = inbound.field('traceparent')
  if (parent === undefined) return inbound.field('tracestate') === undefined
  const [, version, trace, span, rest] = traceparent.exec(parent) ?? []
  if (version === undefined || trace === undefined || span === undefined) return false
  if (version === 'ff' || (version === '00' && rest !== undefined)) return false
  return !/^0+$/.test(trace) && !/^0+$/.test(span)
}
