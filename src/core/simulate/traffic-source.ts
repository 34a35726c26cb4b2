/** What a simulated release is served by: requests pass, and evidence grows as the judge reads it. */
import type { EpochEvidence } from '../evidence.ts'
import type { TrafficTable } from '../traffic.ts'

export interface TrafficSource {
  /** From now on requests are routed by this table. */
  route(table: TrafficTable): void
  /** What callers send between two moments since the start, and what becomes known by the second. */
  pass(span: { fromMs: number; toMs: number; isUp: (version: string) => boolean }): void
  read(epochs: readonly number[]): EpochEvidence[]
  /** Counts alone, which cost nothing to read: values and times may lack the newest of them. */
  peek(epochs: readonly number[]): EpochEvidence[]
  /** Since the start: units and requests by version, copies not among them; and requests that nobody answered. */
  served(): Served
}

export type Served = {
  units: Readonly<Record<string, number>>
  requests: Readonly<Record<string, number>>
  failed: Readonly<Record<string, number>>
  unserved: number
}
