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

export type LatencyName = keyof typeof latencyQuantiles

export const builtinMetricNames: readonly string[] = [errorRateName, ...Object.keys(latencyQuantiles)]

/** The quantile of a latency check's name; null for any other name. */
export function latencyQuantileOf(name: string): number | null {
  return Object.entries(latencyQuantiles).find(([known]) => known === name)?.[1] ?? null
}

/** Types of metrics that an endpoint declares, with the keys that each must have and those that it may have. */
export const metricKeys = {
  accuracy: { needs: [], takes: ['unit-level'] },
  precision: { needs: ['class'], takes: [] },
  recall: { needs: ['class'], takes: [] },
  f1: { needs: ['class'], takes: ['unit-level'] },
  'f1-macro': { needs: ['classes'], takes: [] },
  auc: { needs: ['positive'], takes: ['classes'] },
  'log-loss': { needs: [], takes: ['classes', 'unit-level', 'covariate'] },
  brier: { needs: [], takes: ['classes', 'unit-level', 'covariate'] },
  calibration: { needs: [], takes: ['classes'] },
  mae: { needs: [], takes: ['unit-level', 'covariate'] },
  rmse: { needs: [], takes: ['unit-level'] },
  r2: { needs: [], takes: [] },
  mape: { needs: [], takes: ['unit-level', 'covariate'] },
  ndcg: { needs: [], takes: ['at', 'unit-level', 'covariate'] },
  mrr: { needs: [], takes: ['at', 'unit-level', 'covariate'] },
  mean: { needs: ['of'], takes: ['better', 'unit-level', 'winsorise', 'covariate'] },
  count: { needs: ['of'], takes: ['better', 'unit-level', 'winsorise', 'covariate'] },
  rate: { needs: ['of'], takes: ['better', 'unit-level'] },
  quantile: { needs: ['of', 'quantile'], takes: [] },
  ratio: { needs: ['of', 'per'], takes: ['better', 'unit-level'] },
  expression: { needs: ['expression'], takes: ['better', 'unit-level', 'winsorise', 'covariate'] },
} as const satisfies Readonly<Record<string, { needs: readonly string[]; takes: readonly string[] }>>

export type MetricTypeName = keyof typeof metricKeys
export const metricTypes = Object.keys(metricKeys) as MetricTypeName[]

/** Types that compare the prediction with a label. */
export const scoreTypes: readonly string[] = ['auc', 'log-loss', 'brier', 'calibration']
export const rankingTypes: readonly string[] = ['ndcg', 'mrr']
export const valueTypes: readonly string[] = ['mean', 'count', 'rate', 'quantile', 'ratio', 'expression']

/** What `of` names where the value is whether the request ended in an error, and the types that take it. */
export const errorSource = 'error'
export const errorTypes: readonly string[] = ['mean', 'count', 'rate']

/** Names that an endpoint may not give to a metric of its own. */
export function isReservedMetricName(name: string): boolean {
  return name === errorRateName || name.startsWith('latency-')
}
