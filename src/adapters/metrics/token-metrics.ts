/** Tokens, their cost and the wait for the first one, of answers that callers got: copies for challengers are not among them. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { Measures } from '../../core/measures.ts'

export type MeasuredSample = { endpoint: string; version: string; measures?: Measures | null }

const firstTokenBucketsSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Called on the hot path. */
export function createTokenMetrics(registers: Registry[]): (sample: MeasuredSample) => void {
  const labelNames = ['endpoint', 'version'] as const
  const tokens = new Counter({
    name: 'cutover_tokens_total',
    help: 'Tokens as model servers count them.',
    labelNames: [...labelNames, 'kind'],
    registers,
  })
  const cost = new Counter({
    name: 'cutover_tokens_cost_total',
    help: 'What tokens cost, by the prices of the versions.',
    labelNames: [...labelNames],
    registers,
  })
  const firstToken = new Histogram({
    name: 'cutover_time_to_first_token_seconds',
    help: 'From the last byte of the request to the first content of a streamed answer.',
    labelNames: [...labelNames],
    buckets: firstTokenBucketsSeconds,
    registers,
  })
  return ({ endpoint, version, measures }) => {
    if (measures === null || measures === undefined) return
    tokens.inc({ endpoint, version, kind: 'input' }, measures['input-tokens'] ?? 0)
    tokens.inc({ endpoint, version, kind: 'output' }, measures['output-tokens'] ?? 0)
    cost.inc({ endpoint, version }, measures.cost ?? 0)
    const firstTokenMs = measures['time-to-first-token-ms']
    if (firstTokenMs !== undefined) firstToken.observe({ endpoint, version }, firstTokenMs / 1_000)
  }
}
