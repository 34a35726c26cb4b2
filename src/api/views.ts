/** Domain to wire: what the control API shows of endpoints, versions, events and predictions. Secrets stay inside. */

import { builtinMetricNames, latencyQuantileOf } from '../contract/metric-names.ts'
import { hidden, withoutKeys } from '../contract/secrets.ts'
import type { WireChange } from '../contract/wire/change.ts'
import type { WireEndpoint } from '../contract/wire/endpoint.ts'
import type { WireDelivery, WireEvent } from '../contract/wire/event.ts'
import type { WireMetric, WirePrediction, WireSummaryRow } from '../contract/wire/prediction.ts'
import type { Change } from '../controller/control-plane.ts'
import { publicName, publicWeights } from '../core/control-fleet.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { endpointRuleText } from '../core/endpoint-rules.ts'
import type { ControlEvent, LoggedEvent } from '../core/event.ts'
import type { Forecast } from '../core/forecast.ts'
import { formOf } from '../core/metrics/spec.ts'
import type { Outcome, Payload, Prediction } from '../core/prediction.ts'
import { registryName } from '../core/registry/registry.ts'
import type { ControlState, EndpointState } from '../core/state.ts'
import type { SummaryRow } from '../ports/analytics.ts'
import type { Delivery } from '../ports/deliveries.ts'
import { type Instances, versionView } from './version-view.ts'

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}

export function endpointView(endpoint: EndpointState, state: ControlState, instances: Instances): WireEndpoint {
  const { spec, table, monitoring } = endpoint
  return {
    name: spec.name,
    protocol: spec.protocol,
    stable: endpoint.stable,
    weightsPpm: publicWeights(table.weights),
    epoch: table.epoch,
    appliedEpoch: endpoint.appliedEpoch,
    activeRelease: endpoint.activeRelease,
    queue: (endpoint.queue ?? []).map(({ release }) => release),
    releaseCount: endpoint.releaseCount,
    monitored: { status: monitoring?.status ?? 'unwatched', alarms: [...(monitoring?.alarms ?? [])] },
    unit: spec.unit,
    rules: (spec.rules ?? []).map(rule => ({ text: endpointRuleText(rule), version: rule.version })),
    allowPin: spec.allowPin,
    answer: spec.answer,
    features: Object.fromEntries(Object.entries(spec.features ?? {}).map(([name, { type }]) => [name, { type }])),
    labelWindowMs: spec.labelWindowMs ?? null,
    webhooks: Object.entries(spec.webhooks ?? {}).map(([name, { url, events, secret }]) => ({
      name,
      url,
      events: [...events],
      signed: secret !== null,
    })),
    external: Object.entries(spec.external ?? {}).map(([name, { source, everyMs }]) => ({
      name,
      from: source.from,
      url: source.url,
      everyMs,
    })),
    metrics: Object.fromEntries(Object.entries(spec.metrics).map(([name, { type }]) => [name, { type }])),
    timeouts: { ...spec.timeouts },
    registry: registryView(endpoint),
    recording: spec.recording ?? 'on',
    bodyBytesMax: spec.bodyBytesMax,
    capacity: spec.capacity ?? null,
    payloadSamplePpm: spec.payloadSamplePpm,
    versions: Object.values(spec.versions).map(version => versionView({ version, endpoint, state, instances })),
  }
}

function registryView({ spec: { registry }, champion }: EndpointState): WireEndpoint['registry'] {
  if (registry === undefined) return null
  const name = registryName(registry.source)
  return { name, everyMs: registry.everyMs, champion: champion?.registry === name ? champion.version : null }
}

const secretPath = /(^|\.)env(\.|$)/

export function changeView(change: Change, release: string | null): WireChange {
  const shown = (path: string, value: unknown) => (secretPath.test(path) ? hidden(value) : withoutSecrets(value))
  return {
    action: change.action,
    resource: change.resource,
    differences: change.differences.map(({ path, before, after }) => ({
      path,
      ...(before !== undefined && { before: shown(path, before) }),
      ...(after !== undefined && { after: shown(path, after) }),
    })),
    note: change.note,
    release,
    forecast: change.forecast === undefined ? null : forecastView(change.forecast),
  }
}

function forecastView({ stages, warnings, ...facts }: Forecast): NonNullable<WireChange['forecast']> {
  const shown = stages.map(({ gates, ...stage }) => ({ ...stage, gates: gates.map(gate => ({ ...gate })) }))
  return { ...facts, stages: shown, warnings: [...warnings] }
}

/** A copy in which the values of every `env` are hidden, and what proves a key. */
function withoutSecrets(value: unknown): unknown {
  return withoutKeys(value, key => key === 'env' || key === 'hash')
}

export function eventView({ seq, atMs, event }: LoggedEvent): WireEvent {
  const { type, ...data } = event
  return {
    seq,
    at: isoTime(atMs),
    type,
    endpoint: endpointOf(event),
    release: 'release' in event ? event.release : null,
    data: withoutSecrets(data) as Record<string, unknown>,
  }
}

export function deliveryView(delivery: Delivery): WireDelivery {
  const { createdAtMs, nextAtMs, event, ...rest } = delivery
  return {
    ...rest,
    event: event as WireDelivery['event'],
    at: isoTime(createdAtMs),
    next: delivery.state === 'waiting' ? isoTime(nextAtMs) : null,
  }
}

function endpointOf(event: ControlEvent): string | null {
  if ('endpoint' in event) return event.endpoint
  if ('plan' in event) return event.plan.endpoint
  return event.type === 'endpoint-applied' ? event.spec.name : null
}

export function predictionView(
  found: { prediction: Prediction; outcomes: readonly Outcome[] },
  options: { payload: boolean },
): WirePrediction {
  const { atMs, features, payload, shadowOf = null, byContext = false, measures = {}, ...plain } = found.prediction
  return {
    ...plain,
    version: publicName(plain.version),
    assigned: publicName(plain.assigned),
    at: isoTime(atMs),
    features: features === null ? null : { ...features },
    shadowOf,
    byContext,
    measures: { ...measures },
    payload: payload === null || !options.payload ? null : payloadView(payload),
    outcomes: found.outcomes.map(outcomeView),
  }
}

function payloadView({ request, response, sent }: Payload): WirePrediction['payload'] {
  return {
    request: toBase64(request),
    response: toBase64(response),
    sent:
      sent === undefined
        ? null
        : { ...sent, headers: sent.headers.map(([name, value]): [string, string] => [name, value]) },
  }
}

function outcomeView(outcome: Outcome): WirePrediction['outcomes'][number] {
  const { id, row, label, reward, metrics, atMs } = outcome
  return { id, row, label, reward, metrics: { ...metrics }, at: isoTime(atMs) }
}

export function summaryRowView({ key, firstMs, lastMs, ...counts }: SummaryRow): WireSummaryRow {
  const { hour, day, ...names } = key
  return {
    key: {
      ...names,
      ...(hour !== undefined && { hour: isoTime(hour) }),
      ...(day !== undefined && { day: isoTime(day) }),
    },
    ...counts,
    first: isoTime(firstMs),
    last: isoTime(lastMs),
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** What the checks of a release on this endpoint can name. */
export function metricViews(spec: EndpointSpec): WireMetric[] {
  const builtin = builtinMetricNames.map((name): WireMetric => {
    const quantile = latencyQuantileOf(name)
    const isRate = quantile === null
    const [type, marginUnit] = isRate ? (['error-rate', 'pp'] as const) : (['latency', '%'] as const)
    return { endpoint: spec.name, name, type, declared: false, quantile, marginUnit }
  })
  const declared = Object.entries(spec.metrics).map(([name, metric]): WireMetric => {
    const isCount = formOf(metric) === 'counts'
    const [quantile, marginUnit] =
      metric.type === 'quantile'
        ? ([metric.quantile, '%'] as const)
        : ([null, isCount || metric.type === 'accuracy' ? 'pp' : 'own'] as const)
    return { endpoint: spec.name, name, type: metric.type, declared: true, quantile, marginUnit }
  })
  return [...builtin, ...declared]
}
