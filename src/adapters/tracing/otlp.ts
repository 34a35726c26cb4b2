/** Spans to an OpenTelemetry collector: OTLP over HTTP, in JSON (opentelemetry-proto 1.x, `/v1/traces`). */

import { limits } from '../../core/limits.ts'
import type { Span } from '../../core/trace-context.ts'
import type { Clock } from '../../ports/clock.ts'
import type { SpanSink } from '../../ports/span-sink.ts'

export type OtlpStats = { sent: number; dropped: number }

export interface OtlpExporter extends SpanSink {
  stats(): OtlpStats
  /** Sends what is left, once. */
  close(): Promise<void>
}

export function createOtlpExporter(options: {
  /** Such as `http://127.0.0.1:4318/v1/traces`. */
  url: string
  headers?: Readonly<Record<string, string>>
  /** Of Cutover, told as `service.version`. */
  version: string
  clock: Clock
  complain(what: string, cause: unknown): void
}): OtlpExporter {
  const { url, headers = {}, version, clock, complain } = options
  let waiting: Span[] = []
  let sending: Promise<void> | null = null
  const stats = { sent: 0, dropped: 0 }
  const post = async (spans: readonly Span[]): Promise<void> => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(exportRequest(spans, version)),
        signal: AbortSignal.timeout(limits.spansTimeoutMs),
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`${url} answered ${response.status}`)
      stats.sent += spans.length
    } catch (error) {
      // Not sent again: a collector that is down would find a flood when it is back.
      stats.dropped += spans.length
      complain('spans could not be sent', error)
    }
  }
  const flush = (): void => {
    if (sending !== null || waiting.length === 0) return
    const batch = waiting.slice(0, limits.spansBatchMax)
    waiting = waiting.slice(batch.length)
    sending = post(batch).finally(() => {
      sending = null
      if (waiting.length >= limits.spansBatchMax) flush()
    })
  }
  const stop = clock.every(limits.spansFlushMs, flush)
  return {
    record: span => {
      if (waiting.length >= limits.spansQueueMax) stats.dropped += 1
      else waiting.push(span)
      if (waiting.length === limits.spansBatchMax) flush()
    },
    stats: () => ({ ...stats }),
    close: async () => {
      stop()
      await sending
      flush()
      await sending
    },
  }
}

function exportRequest(spans: readonly Span[], version: string): object {
  const resource = { attributes: attributesOf({ 'service.name': 'cutover', 'service.version': version }) }
  return {
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'cutover', version }, spans: spans.map(spanOf) }] }],
  }
}

/** Numbers of the protocol: SPAN_KIND_SERVER, SPAN_KIND_CLIENT; STATUS_CODE_UNSET, STATUS_CODE_ERROR. */
const kinds = { server: 2, client: 3 } as const

function spanOf(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId !== null && { parentSpanId: span.parentId }),
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nanos(span.startMs),
    endTimeUnixNano: nanos(span.endMs),
    attributes: attributesOf(span.attributes),
    status: { code: span.failed ? 2 : 0 },
  }
}

/** 64-bit integers are texts in the protocol's JSON. */
function nanos(ms: number): string {
  const whole = Math.floor(ms)
  return `${whole}${String(Math.floor((ms - whole) * 1_000_000)).padStart(6, '0')}`
}

function attributesOf(attributes: Span['attributes']): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
