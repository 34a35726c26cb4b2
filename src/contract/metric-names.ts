/** Names under which a check finds its measure without the endpoint declaring a metric. */

export const errorRateName = 'error-rate'

/** Latency quantiles by the name of their check. */
export const latencyQuantiles = {
  'latency-p50': 0.5,
  'latency-p90': 0.9,
  'latency-p95': 0.95,
  'latency-p99': 0.99,
  'latency-p99.9': 0.999,
} as const satisfies Readonly<Record<string, number>>

export const builtinMetricNames: readonly string[] = [errorRateName, ...Object.keys(latencyQuantiles)]

/** The quantile of a latency check's name; null for any other name. */
export function latencyQuantileOf(name: string): number | null {
  return Object.entries(latencyQuantiles).find(([known]) => known === name)?.[1] ?? null
}

/** Names that an endpoint may not give to a metric of its own. */
export function isReservedMetricName(name: string): boolean {
  return name === errorRateName || name.startsWith('latency-')
}
