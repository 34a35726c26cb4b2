/** Domain to wire: what is watched of endpoints, and how late labels come. */
import type { WireMonitoring, WireSignal } from '../contract/wire/monitoring.ts'
import type { SignalReport, VersionDelays } from '../core/label-delays.ts'
import type { WindowSpan } from '../core/monitor/evidence.ts'
import type { FeatureReport, Look } from '../core/monitor/report.ts'
import type { EndpointState } from '../core/state.ts'
import { isoTime } from './views.ts'

export function monitoringView({ spec, stable, monitoring }: EndpointState, look: Look | null): WireMonitoring {
  const named = { endpoint: spec.name, version: stable }
  if (monitoring === undefined || look === null)
    return { ...named, status: 'unwatched', since: null, changedAt: null, alarms: [], drift: null, limits: [] }
  const { drift, limits } = look
  return {
    ...named,
    status: monitoring.status,
    since: isoTime(monitoring.sinceMs),
    changedAt: isoTime(monitoring.changedAtMs),
    alarms: monitoring.alarms.map(alarm => ({ ...alarm })),
    drift:
      drift === null
        ? null
        : {
            verdict: drift.verdict,
            alpha: drift.alpha,
            features: drift.features.map(featureView),
            quality: drift.quality === null ? null : { ...drift.quality },
          },
    limits: limits.map(limit => ({ ...limit })),
  }
}

function featureView(report: FeatureReport): NonNullable<WireMonitoring['drift']>['features'][number] {
  return { ...report, reference: spanView(report.reference), current: spanView(report.current) }
}

/** A window without predictions has no times. */
function spanView(span: WindowSpan | null) {
  if (span === null || span.predictions === 0) return null
  return { predictions: span.predictions, from: isoTime(span.fromMs), to: isoTime(span.toMs) }
}

export function signalView({ atMs, versions, metrics, ...report }: SignalReport): WireSignal {
  return { ...report, metrics: [...metrics], at: isoTime(atMs), versions: versions.map(versionView) }
}

function versionView({ cohorts, ...counts }: VersionDelays): WireSignal['versions'][number] {
  const { matured, maturedArrived } = counts
  return {
    ...counts,
    coverage: matured === 0 ? null : maturedArrived / matured,
    cohorts: cohorts.map(({ fromMs, toMs, ...cohort }) => ({ from: isoTime(fromMs), to: isoTime(toMs), ...cohort })),
  }
}
