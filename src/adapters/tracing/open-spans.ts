import { CutoverError } from '../../core/errors.ts'
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
  const spans = createOtlpExporter({ url, headers: headersOf(settings, secretOf), ...around })
  return { tracing: { spans, samplePpm }, close: () => spans.close() }
}

/** With their secrets. Throws invalid-resource where one is not there: a collector that refuses every batch would be found out late. */
export function headersOf(
  { headers }: Pick<SpanSettings, 'headers'>,
  secretOf: SpanSurroundings['secretOf'],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, env]) => {
      const value = secretOf({ env })
      if (value !== null) return [name, value]
      const what = `the environment variable ${env} is not set: the header ${name} for the collector of traces comes from it`
      throw new CutoverError('invalid-resource', `tracing.headers.${name}: ${what}`)
    }),
  )
}
