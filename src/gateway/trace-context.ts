/** W3C Trace Context on the way through: passed on as it came, or with a span of our own where tracing is on. */
import { randomBytes } from 'node:crypto'
import { fieldOf, withoutFields } from '../core/http/field-lines.ts'
import { formatTraceParent, isSampled, parseTraceParent, type Span, type TraceParent } from '../core/trace-context.ts'
import type { SpanSink } from '../ports/span-sink.ts'
import type { Inbound } from './inbound.ts'

/** `samplePpm`: share of the requests without a trace of their own that begin one which is kept. */
export type TracingOptions = { spans: SpanSink; samplePpm: number }

/** A request's place in its trace. */
export type Trace = {
  /** Of the span that stands for the gateway's part. */
  own: TraceParent
  /** Of the call of the model server, its child. */
  call: TraceParent
  parentId: string | null
}

/** Null where nobody keeps the trace: its fields are passed on as they came. */
export function beginTrace(tracing: TracingOptions | null, inbound: Inbound): Trace | null {
  if (tracing === null) return null
  const given = inbound.mayHaveTrace ? inbound.field('traceparent') : undefined
  const parent = given === undefined ? null : parseTraceParent(given)
  if (parent !== null && !isSampled(parent)) return null
  const random = randomBytes(36)
  if (parent === null && random.readUInt32BE(32) >= (tracing.samplePpm / 1_000_000) * 2 ** 32) return null
  const traceId = parent?.traceId ?? random.toString('hex', 0, 16)
  // Bit 1 says that the trace's id is random.
  const flags = parent?.flags ?? 3
  const own = { traceId, spanId: random.toString('hex', 16, 24), flags }
  return { own, call: { ...own, spanId: random.toString('hex', 24, 32) }, parentId: parent?.spanId ?? null }
}

/** The lines that go on, with the trace's fields as they should be. */
export function tracedLines(inbound: Inbound, trace: Trace | null): string {
  const { passedOn, mayHaveTrace } = inbound
  if (trace === null) return mayHaveTrace && !isTraceValid(inbound) ? withoutTrace(passedOn) : passedOn
  const isNew = trace.parentId === null
  const kept = mayHaveTrace ? withoutFields(passedOn, name => isTraceField(name, isNew)) : passedOn
  return `${kept}traceparent: ${formatTraceParent(trace.call)}\r\n`
}

/** The state of a trace is of no use to another one. */
function isTraceField(name: string, isNew: boolean): boolean {
  return name === 'traceparent' || (isNew && name === 'tracestate')
}

function withoutTrace(lines: string): string {
  return withoutFields(lines, name => isTraceField(name, true))
}

/** Malformed, doubled or only half there: both fields are dropped and the model server starts a trace of its own. */
function isTraceValid(inbound: Inbound): boolean {
  const parent = inbound.field('traceparent')
  return parent === undefined ? inbound.field('tracestate') === undefined : parseTraceParent(parent) !== null
}

/** Of a copy for a challenger: a span of its own below the call that it is a copy of. Null where that is not traced. */
export function beginCopyTrace(tracing: TracingOptions | null, championLines: string): Trace | null {
  if (tracing === null) return null
  const parent = parseTraceParent(fieldOf(championLines, 'traceparent') ?? '')
  if (parent === null || !isSampled(parent)) return null
  const own = { ...parent, spanId: randomBytes(8).toString('hex') }
  return { own, call: own, parentId: parent.spanId }
}

/** The champion's lines with the copy's own place in the trace. */
export function copiedTrace(championLines: string, trace: Trace | null): string {
  if (trace === null) return championLines
  const kept = withoutFields(championLines, name => name === 'traceparent')
  return `${kept}traceparent: ${formatTraceParent(trace.call)}\r\n`
}

export function copySpan(
  trace: Trace,
  done: { endpoint: string; version: string; status: number; failed: boolean; startMs: number; endMs: number },
): Span {
  const { endpoint, version, status, failed, startMs, endMs } = done
  return {
    ...{ traceId: trace.own.traceId, spanId: trace.own.spanId, parentId: trace.parentId },
    name: `copy ${version}`,
    kind: 'client',
    ...{ startMs, endMs, failed },
    attributes: { 'cutover.endpoint': endpoint, 'cutover.version': version, 'http.response.status_code': status },
  }
}

/** What the gateway did, and the call of the model server within it. */
export function spansOf(
  trace: Trace,
  done: {
    endpoint: string
    version: string
    method: string
    status: number
    failed: boolean
    predictionId: string
    release: string | null
    instance: string | null
    startMs: number
    calledMs: number | null
    endMs: number
  },
): Span[] {
  const { traceId } = trace.own
  const { endpoint, version, method, status, failed, startMs, endMs } = done
  const own: Span = {
    traceId,
    spanId: trace.own.spanId,
    parentId: trace.parentId,
    name: `infer ${endpoint}`,
    kind: 'server',
    startMs,
    endMs,
    failed,
    attributes: {
      'http.request.method': method,
      'http.response.status_code': status,
      'cutover.endpoint': endpoint,
      'cutover.version': version,
      'cutover.prediction_id': done.predictionId,
      ...(done.release !== null && { 'cutover.release': done.release }),
    },
  }
  if (done.calledMs === null || done.instance === null) return [own]
  const call: Span = {
    ...{ traceId, spanId: trace.call.spanId, parentId: trace.own.spanId },
    name: `call ${version}`,
    kind: 'client',
    ...{ startMs: done.calledMs, endMs, failed },
    attributes: { 'cutover.instance': done.instance, 'http.response.status_code': status },
  }
  return [own, call]
}
