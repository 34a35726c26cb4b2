/** W3C Trace Context, level 2, and spans as OpenTelemetry means them. Pure: ids and times are inputs. */

/** Where a request stands in a trace: 32 and 16 lower-case hex digits, and the trace's flags as they came. */
export type TraceParent = { traceId: string; spanId: string; flags: number }

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Null if it is malformed: then a new trace begins, and `tracestate` does not count either. */
export function parseTraceParent(text: string): TraceParent | null {
  const [, version, traceId, spanId, flags, rest] = form.exec(text) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return null
  // Later versions may go on after the flags; this one may not.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

export function formatTraceParent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/** Bit 0: whoever began the trace keeps it. */
export function isSampled({ flags }: TraceParent): boolean {
  return (flags & 1) === 1
}

export type SpanKind = 'server' | 'client'

export type Span = {
  traceId: string
  spanId: string
  /** Null where the trace begins with this span. */
  parentId: string | null
  name: string
  kind: SpanKind
  startMs: number
  endMs: number
  attributes: Readonly<Record<string, string | number | boolean>>
  failed: boolean
}
