/** Features, drift and limits of an Endpoint document as what is watched. Every key has been checked. */
import { latencyQuantiles } from '../contract/metric-names.ts'
import type { EndpointResource } from '../contract/resources.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import type { FeatureSource, FeatureSpec } from '../core/features.ts'
import type { DriftSpec, MonitorCheck, MonitorSpec } from '../core/monitor/spec.ts'
import { durationMs, percentPpm } from './quantities.ts'

type FeatureResource = NonNullable<EndpointResource['features']>[string]
type DriftResource = NonNullable<EndpointResource['drift']>
type MonitorResource = NonNullable<EndpointResource['monitor']>

export function compileWatching(resource: EndpointResource): Pick<EndpointSpec, 'features' | 'drift' | 'monitor'> {
  const { features, drift, monitor } = resource
  return {
    ...(features !== undefined && Object.keys(features).length > 0 && { features: compileFeatures(features) }),
    ...(drift !== undefined && { drift: compileDrift(drift) }),
    ...(monitor !== undefined && { monitor: compileMonitor(monitor) }),
  }
}

function compileFeatures(features: Readonly<Record<string, FeatureResource>>): Record<string, FeatureSpec> {
  return Object.fromEntries(
    Object.entries(features).map(([name, feature]) => [name, { source: compileSource(feature), type: feature.type }]),
  )
}

function compileSource({ pointer, input, index }: FeatureResource): FeatureSource {
  if (pointer !== undefined) return { from: 'pointer', pointer }
  if (input === undefined) throw new Error('a feature without a source passed the contract')
  return { from: 'input', tensor: input, index: index ?? null }
}

function compileDrift(drift: DriftResource): DriftSpec {
  return {
    by: drift.by,
    reference: drift.reference,
    window: drift.window,
    atMostMs: durationMs(drift['at-most']),
    alpha: drift.alpha,
    toleratedPsi: drift['tolerated-psi'],
    onDrift: drift['on-drift'],
  }
}

function compileMonitor(monitor: MonitorResource): MonitorSpec {
  return {
    checks: compileChecks(monitor),
    alpha: monitor.alpha,
    window: monitor.window,
    atMostMs: durationMs(monitor['at-most']),
    onBreach: monitor['on-breach'],
  }
}

/** A quantile keeps its limit if the share of slower answers does not exceed what lies beyond the quantile. */
function compileChecks(monitor: MonitorResource): MonitorCheck[] {
  const error = monitor['error-rate']
  const slow = (Object.entries(latencyQuantiles) as [keyof typeof latencyQuantiles, number][]).flatMap(
    ([metric, quantile]): MonitorCheck[] => {
      const limit = monitor[metric]
      if (limit === undefined) return []
      return [{ metric, event: { kind: 'slow', quantile, maxMs: limit.max }, rateMax: complement(quantile) }]
    },
  )
  const right = monitor.accuracy
  return [
    ...(error === undefined
      ? []
      : [{ metric: 'error-rate', event: { kind: 'error' }, rateMax: percentPpm(error.max) / 1_000_000 } as const]),
    ...slow,
    ...(right === undefined
      ? []
      : [{ metric: 'accuracy', event: { kind: 'wrong' }, rateMax: complement(right.min) } as const]),
  ]
}

/** 1 - share, without the last bits that the difference of decimals leaves: 0.01 for 0.99. */
function complement(share: number): number {
  return Number((1 - share).toPrecision(12))
}
