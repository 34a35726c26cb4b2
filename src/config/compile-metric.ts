/** A metric of an Endpoint document as the definition that evidence is kept by. Every key has been checked. */
import { errorSource } from '../contract/metric-names.ts'
import type { EndpointResource } from '../contract/resources.ts'
import { assertNever } from '../core/errors.ts'
import { isMeasureName, type MeasureName } from '../core/measures.ts'
import type { MetricDefinition, MetricSpec, ValueSource } from '../core/metrics/spec.ts'

type MetricResource = EndpointResource['metrics'][string]
type Protocol = EndpointResource['protocol']

/** The last rank that counts unless the metric says otherwise. */
const defaultRank = 10

export function compileMetric(metric: MetricResource, protocol: Protocol): MetricSpec {
  const better = metric.better ?? usuallyBetter(metric, protocol)
  return {
    ...compileDefinition(metric, protocol),
    ...(better !== undefined && { better }),
    ...(metric['unit-level'] !== undefined && { unitLevel: metric['unit-level'] }),
    ...(metric.winsorise !== undefined && { winsorise: metric.winsorise }),
    ...(metric.covariate !== undefined && { covariate: metric.covariate }),
  }
}

/** Fewer errors, tokens and less time or money are better: nobody needs to say so. */
function usuallyBetter({ of, type }: MetricResource, protocol: Protocol): 'lower' | undefined {
  const isLower = of === errorSource || (isMeasuredHere(of, protocol) && of !== 'tokens-per-second')
  return isLower && type !== 'ratio' ? 'lower' : undefined
}

function isMeasuredHere(name: string | undefined, protocol: Protocol): name is MeasureName {
  return protocol === 'openai' && name !== undefined && isMeasureName(name)
}

function compileDefinition(metric: MetricResource, protocol: Protocol): MetricDefinition {
  const { type } = metric
  const compileSource = (name: string | undefined) => sourceOf(name, protocol)
  switch (type) {
    case 'accuracy':
    case 'mae':
    case 'rmse':
    case 'r2':
    case 'mape':
      return { type }
    case 'precision':
    case 'recall':
    case 'f1':
      return { type, class: given(metric.class) }
    case 'f1-macro':
      return { type, classes: given(metric.classes) }
    case 'auc':
      return { type, positive: given(metric.positive), classes: metric.classes ?? null }
    case 'log-loss':
    case 'brier':
    case 'calibration':
      return { type, classes: metric.classes ?? null }
    case 'ndcg':
    case 'mrr':
      return { type, at: metric.at ?? defaultRank }
    case 'mean':
    case 'count':
    case 'rate':
      return { type, of: compileSource(metric.of) }
    case 'quantile':
      return { type, of: compileSource(metric.of), quantile: given(metric.quantile) }
    case 'ratio':
      return { type, of: compileSource(metric.of), per: compileSource(metric.per) }
    case 'expression':
      return { type, expression: given(metric.expression) }
    default:
      return assertNever(type)
  }
}

function sourceOf(source: string | undefined, protocol: Protocol): ValueSource {
  const name = given(source)
  if (isMeasuredHere(name, protocol)) return { from: 'measured', name }
  if (name === 'reward') return { from: 'reward' }
  if (name === errorSource) return { from: 'error' }
  return name === 'latency-ms' ? { from: 'latency' } : { from: 'reported', name }
}

function given<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('a metric without a key that it needs passed the contract')
  return value
}
