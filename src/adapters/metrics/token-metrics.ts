/** Tokens, their cost and the wait for the first one, of answers that callers got: copies for challengers are not among them. */
import { AggregatorRegistry, Counter, Histogram, Registry } from 'prom-client'
import type { Measures } from '../../core/measures.ts'
import type { IsThere } from './latency-histograms.ts'

export type MeasuredSample = { endpoint: string; version: string; measures?: Measures | null }

const firstTokenBucketsSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Plain data: a reading of one thread, or the sum of several. */
export type TokenReadings = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

export class TokenMetrics {
  readonly #registry = new Registry()
  readonly #tokens: Counter<'endpoint' | 'version' | 'kind'>
  readonly #cost: Counter<'endpoint' | 'version'>
  readonly #firstToken: Histogram<'endpoint' | 'version'>

  constructor() {
    const registers = [this.#registry]
    this.#tokens = new Counter({
      name: 'cutover_tokens_total',
      help: 'Tokens as model servers count them.',
      labelNames: ['endpoint', 'version', 'kind'],
      registers,
    })
    this.#cost = new Counter({
      name: 'cutover_tokens_cost_total',
      help: 'What tokens cost, by the prices of the versions.',
      labelNames: ['endpoint', 'version'],
      registers,
    })
    this.#firstToken = new Histogram({
      name: 'cutover_time_to_first_token_seconds',
      help: 'From the last byte of the request to the first content of a streamed answer.',
      labelNames: ['endpoint', 'version'],
      buckets: firstTokenBucketsSeconds,
      registers,
    })
  }

  /** Called on the hot path. */
  observe({ endpoint, version, measures }: MeasuredSample): void {
    if (measures === null || measures === undefined) return
    this.#tokens.inc({ endpoint, version, kind: 'input' }, measures['input-tokens'] ?? 0)
    this.#tokens.inc({ endpoint, version, kind: 'output' }, measures['output-tokens'] ?? 0)
    this.#cost.inc({ endpoint, version }, measures.cost ?? 0)
    const firstTokenMs = measures['time-to-first-token-ms']
    if (firstTokenMs !== undefined) this.#firstToken.observe({ endpoint, version }, firstTokenMs / 1_000)
  }

  /** Nothing of versions that are gone. */
  async keep(isThere: IsThere): Promise<void> {
    const isGone = ({ endpoint = '', version = '' }: Labels) => !isThere(endpoint, version)
    const [tokens, costs] = [await this.#tokens.get(), await this.#cost.get()]
    for (const { labels } of tokens.values) if (isGone(labels as Labels)) this.#tokens.remove(labels)
    for (const { labels } of costs.values) {
      if (!isGone(labels as Labels)) continue
      this.#cost.remove(labels)
      this.#firstToken.remove(labels)
    }
  }

  read(): Promise<TokenReadings> {
    return this.#registry.getMetricsAsJSON()
  }
}

type Labels = { endpoint?: string; version?: string }

/** Of the same threads, without versions that are gone. */
export function tokensOf(all: TokenReadings, isThere: IsThere): TokenReadings {
  const isKept = ({ endpoint = '', version = '' }: Labels) => isThere(endpoint, version)
  return all.map(metric => ({ ...metric, values: metric.values.filter(({ labels }) => isKept(labels as Labels)) }))
}

/** Sums of all of them, in the text form of Prometheus. */
export function tokenText(all: readonly TokenReadings[]): Promise<string> {
  return AggregatorRegistry.aggregate([...all]).metrics()
}

export function mergeTokens(all: readonly TokenReadings[]): TokenReadings {
  const merged = new Map<string, TokenReadings[number]>()
  for (const metric of all.flat()) {
    const known = merged.get(metric.name)
    merged.set(
      metric.name,
      known === undefined ? metric : { ...metric, values: addValues(known.values, metric.values) },
    )
  }
  return [...merged.values()]
}

type Values = TokenReadings[number]['values']

function addValues(a: Values, b: Values): Values {
  const sums = new Map<string, Values[number]>()
  for (const one of [...a, ...b]) {
    const key = JSON.stringify(['metricName' in one ? one.metricName : '', one.labels])
    sums.set(key, { ...one, value: one.value + (sums.get(key)?.value ?? 0) })
  }
  return [...sums.values()]
}
