/** Where finished spans go. */
import type { Span } from '../core/trace-context.ts'

export interface SpanSink {
  /** Never waits, never throws: when its queue is full the span is dropped and counted. */
  record(span: Span): void
}
