/** Metrics that other systems measure. Asking for readings is what makes them be read. */
import type { ExternalMetric, Readings } from '../core/external-metric.ts'

export type ReadingsQuery = {
  endpoint: string
  versions: readonly string[]
  metrics: Readonly<Record<string, ExternalMetric>>
  /** Readings from before are of something else. */
  sinceMs: number
}

export interface MetricSources {
  /** What is at hand, at once; the newest `readingsKept` of each. Whatever is asked for here is read at its interval from then on. */
  read(query: ReadingsQuery): Readings
}
