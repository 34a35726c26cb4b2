/** One question to another system, and the number in its answer. */
import { Client } from 'undici'
import type { ExternalMetric, ExternalSource, Reading } from '../../core/external-metric.ts'
import { valueAt } from '../../core/json-pointer.ts'
import { limits } from '../../core/limits.ts'
import { errorText } from '../error-text.ts'
import { within } from '../within.ts'

/** What `{{…}}` in a query stands for. */
export type Place = { endpoint: string; version: string }

type Answer = Pick<Reading, 'value' | 'detail'>

/** Never rejects: an answer that does not come, also since `until` was aborted, is a reading without a value. */
export async function ask({ source, timeoutMs }: ExternalMetric, place: Place, until?: AbortSignal): Promise<Answer> {
  const signal = within(timeoutMs, until)
  try {
    const text = await fetchText(addressOf(source, place), { timeoutMs, signal })
    const document: unknown = JSON.parse(text)
    return source.from === 'prometheus' ? ofPrometheus(document) : numberAt(document, source.pointer)
  } catch (error) {
    return { value: null, detail: errorText(error) }
  }
}

export function addressOf(source: ExternalSource, place: Place): URL {
  if (source.from === 'http') return new URL(filled(source.url, place, encodeURIComponent))
  const url = new URL(source.url)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/query`
  url.searchParams.set('query', filled(source.query, place, inQuotes))
  return url
}

function filled(text: string, { endpoint, version }: Place, quoted: (value: string) => string): string {
  return text.replaceAll('{{endpoint}}', quoted(endpoint)).replaceAll('{{version}}', quoted(version))
}

/** Names of ours hold no quote or backslash; the escape is for the day when they do. */
function inQuotes(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
}

async function fetchText(url: URL, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<string> {
  const client = new Client(url.origin, { connectTimeout: timeoutMs })
  try {
    const path = url.pathname + url.search
    const { statusCode, body } = await client.request({
      path,
      method: 'GET',
      signal,
      headers: { accept: 'application/json' },
    })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > limits.externalAnswerBytesMax)
        throw new Error(`the answer is longer than ${limits.externalAnswerBytesMax} bytes`)
      chunks.push(chunk)
    }
    if (statusCode !== 200) throw new Error(`${url.origin}${url.pathname} answered ${statusCode}`)
    return Buffer.concat(chunks).toString('utf8')
  } finally {
    await client.destroy()
  }
}

/** The HTTP API of Prometheus, `/api/v1/query`: a scalar, or a vector of one sample. */
function ofPrometheus(document: unknown): Answer {
  const { status, error, data } = document as {
    status?: unknown
    error?: unknown
    data?: { resultType?: string; result?: unknown }
  }
  if (status !== 'success') return { value: null, detail: `the query failed: ${String(error ?? status)}` }
  const { resultType, result } = data ?? {}
  if (resultType === 'scalar') return sample(result)
  if (resultType !== 'vector' || !Array.isArray(result)) {
    return { value: null, detail: `the query gives a ${resultType ?? 'nothing'}, not one number` }
  }
  if (result.length !== 1) return { value: null, detail: `the query gives ${result.length} series, not one` }
  return sample((result[0] as { value?: unknown }).value)
}

function sample(pair: unknown): Answer {
  const text = Array.isArray(pair) ? pair[1] : undefined
  return finite(typeof text === 'string' ? Number(text) : Number.NaN, String(text))
}

function numberAt(document: unknown, pointer: string): Answer {
  const value = valueAt(document, pointer)
  if (value === undefined) return { value: null, detail: `the answer has nothing at ${pointer}` }
  return finite(typeof value === 'number' ? value : Number.NaN, JSON.stringify(value).slice(0, 100))
}

function finite(value: number, text: string): Answer {
  return Number.isFinite(value) ? { value, detail: '' } : { value: null, detail: `${text} is not a number` }
}
