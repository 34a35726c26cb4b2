import type { SecretRef } from '../../core/webhook.ts'
import type { Clock } from '../../ports/clock.ts'
import { createOtlpExporter } from './otlp.ts'

/** `headers`: names of variables, by the field that they are for. Plain data, without any secret. */
export type SpanSettings = { url: string; samplePpm: number; headers: Readonly<Record<string, string>> }

export type SpanSurroundings = {
  version: string
  clock: Clock
  secretOf(ref: SecretRef): string | null
  complain(what: string, cause: unknown): void
}

/** As a gateway takes it, and the way to end it. Null where no spans are made. */
export function openSpans(settings: SpanSettings | null, { secretOf, ...around }: SpanSurroundings) {
  if (settings === null) return null
  const { url, samplePpm } = settings
  const fields = Object.entries(settings.headers).map(([name, env]) => [name, secretOf({ env }) ?? ''] as const)
  const spans = createOtlpExporter({ url, headers: Object.fromEntries(fields), ...around })
  return { tracing: { spans, samplePpm }, close: () => spans.close() }
}
