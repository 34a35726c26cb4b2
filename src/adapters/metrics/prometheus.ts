/** The metrics page: counters of the gateway and the state of every endpoint and release, in Prometheus' text form. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Alarm, MonitorStatus } from '../../core/monitor/report.ts'
import { own } from '../../core/own.ts'
import type { ControlState } from '../../core/state.ts'
import type { RecorderStats } from '../../ports/recorder.ts'
import { type AccessReadings, registerAccessMetrics } from './access-metrics.ts'
import { type IsThere, type LatencyCounts, LatencyHistograms } from './latency-histograms.ts'
import { type MeasuredSample, TokenMetrics, type TokenReadings, tokenText } from './token-metrics.ts'

/** What is read when the page is asked for. */
export type MetricReadings = {
  requests: readonly { endpoint: string; version: string; statusClass: string; count: number }[]
  inFlight: readonly { endpoint: string; count: number }[]
  held: readonly { endpoint: string; count: number }[]
  connectionsAwaited: readonly { endpoint: string; version: string; count: number }[]
  errors: readonly { code: string; count: number }[]
  connectionsRefused: number
  mirrors: readonly {
    endpoint: string
    version: string
    answered: number
    failed: number
    queued: number
    inFlight: number
    dropped: Readonly<Record<string, number>>
  }[]
  guards: {
    breakers: readonly { endpoint: string; version: string; isOpen: boolean; openings: number }[]
    gates: readonly { endpoint: string; version: string; inside: number; queued: number }[]
    retries: readonly { endpoint: string; count: number }[]
  }
  recorder: RecorderStats
  registries: readonly { endpoint: string; registry: string; failures: number }[]
  readyInstances: readonly { endpoint: string; version: string; count: number }[]
  state: ControlState
  /** False while the evidence of the endpoint is read again after a start. */
  isEvidenceWhole: (endpoint: string) => boolean
  /** Left out where nobody is asked for a key and no listener has TLS. */
  access?: AccessReadings
  /** Left out where the gateway has no workers. Latencies and tokens are theirs, beside those that the page observes. */
  workers?: {
    live: number
    restarts: number
    latencies: readonly LatencyCounts[]
    tokens: TokenReadings
    failing: readonly { server: string; endpoint: string; version: string; count: number }[]
  }
}

export interface MetricsPage {
  readonly contentType: string
  text(): Promise<string>
  /** One finished request; called on the hot path. */
  observe(sample: MeasuredSample & { latencyMs: number }): void
}

const statuses: readonly MonitorStatus[] = ['ok', 'drifting', 'breached']
const alarmKinds: readonly Alarm['kind'][] = ['feature', 'answer', 'quality', 'limit']

/** How often the lag of the event loop is looked at: often enough for what a caller feels, and seldom enough to let an idle machine rest. */
const lagLookMs = 50

export function createMetricsPage(read: () => MetricReadings | Promise<MetricReadings>): MetricsPage {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, prefix: 'cutover_process_', eventLoopMonitoringPrecision: lagLookMs })
  const latencies = new LatencyHistograms()
  const requests = new Counter({
    name: 'cutover_requests_total',
    help: 'Answered requests.',
    labelNames: ['endpoint', 'version', 'status'],
    registers,
  })
  const errors = new Counter({
    name: 'cutover_gateway_errors_total',
    help: 'Errors that the gateway told callers.',
    labelNames: ['code'],
    registers,
  })
  const refused = new Counter({
    name: 'cutover_connections_refused_total',
    help: 'Connections of callers that were closed at once, since there were as many as may be.',
    registers,
  })
  const recorded = new Counter({
    name: 'cutover_predictions_recorded_total',
    help: 'Predictions that reached the log.',
    registers,
  })
  const dropped = new Counter({
    name: 'cutover_predictions_dropped_total',
    help: 'Predictions lost to a full queue or a failing store.',
    registers,
  })
  const queued = new Gauge({ name: 'cutover_predictions_queued', help: 'Predictions waiting for the log.', registers })
  const inFlight = new Gauge({
    name: 'cutover_requests_in_flight',
    help: 'Requests being answered.',
    labelNames: ['endpoint'],
    registers,
  })
  const held = new Gauge({
    name: 'cutover_requests_held',
    help: 'Requests that wait for the next version of their endpoint.',
    labelNames: ['endpoint'],
    registers,
  })
  const copies = new Counter({
    name: 'cutover_mirror_copies_total',
    help: 'Copies of requests that a challenger answered, or failed.',
    labelNames: ['endpoint', 'version', 'result'],
    registers,
  })
  const copiesDropped = new Counter({
    name: 'cutover_mirror_dropped_total',
    help: 'Copies of requests that were not sent to a challenger, or given up.',
    labelNames: ['endpoint', 'version', 'reason'],
    registers,
  })
  const copiesQueued = new Gauge({
    name: 'cutover_mirror_queued',
    help: 'Copies of requests that wait for a challenger.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const copiesInFlight = new Gauge({
    name: 'cutover_mirror_in_flight',
    help: 'Copies of requests being answered by a challenger.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const repeated = new Counter({
    name: 'cutover_calls_repeated_total',
    help: 'Calls of model servers that failed and were made again.',
    labelNames: ['endpoint'],
    registers,
  })
  const breakerOpen = new Gauge({
    name: 'cutover_breaker_open',
    help: '1 while a version is kept from traffic since most of its calls failed.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const breakerOpenings = new Counter({
    name: 'cutover_breaker_openings_total',
    help: 'Times that a version was kept from traffic.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const waiting = new Gauge({
    name: 'cutover_version_requests_waiting',
    help: 'Requests that wait for their turn at a version with a limit.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const awaited = new Gauge({
    name: 'cutover_connections_awaited',
    help: 'Requests that wait for a connection to a model server, since all that its version may have are busy.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const ready = new Gauge({
    name: 'cutover_instances_ready',
    help: 'Ready instances.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const weight = new Gauge({
    name: 'cutover_traffic_weight_ratio',
    help: 'Share of traffic by version.',
    labelNames: ['endpoint', 'version'],
    registers,
  })
  const epoch = new Gauge({
    name: 'cutover_traffic_epoch',
    help: 'Epoch of the traffic table.',
    labelNames: ['endpoint'],
    registers,
  })
  const whole = new Gauge({
    name: 'cutover_evidence_whole',
    help: '0 while the evidence of an endpoint is read again after a start: its releases stand still.',
    labelNames: ['endpoint'],
    registers,
  })
  const phases = new Gauge({
    name: 'cutover_releases',
    help: 'Releases by phase.',
    labelNames: ['endpoint', 'phase'],
    registers,
  })

  const malformed = new Counter({
    name: 'cutover_features_malformed_total',
    help: 'Requests whose declared features could not be read, or not all of them.',
    registers,
  })
  const monitored = new Gauge({
    name: 'cutover_monitor_status',
    help: '1 for the status of the stable version of a watched endpoint: ok, drifting or breached.',
    labelNames: ['endpoint', 'status'],
    registers,
  })
  const alarms = new Gauge({
    name: 'cutover_monitor_alarms',
    help: 'Alarms of the stable version by kind: feature, answer, quality, limit.',
    labelNames: ['endpoint', 'kind'],
    registers,
  })

  const refreshAccess = registerAccessMetrics(registers)
  const registryFailures = new Gauge({
    name: 'cutover_registry_failures',
    help: 'Looks at a model registry in a row that failed; 0 while it is in order.',
    labelNames: ['endpoint', 'registry'],
    registers,
  })
  const tokens = new TokenMetrics()
  const workers = new Gauge({
    name: 'cutover_gateway_workers',
    help: 'Gateway workers that run; 0 where the gateway is no worker.',
    registers,
  })
  const restarts = new Counter({
    name: 'cutover_gateway_worker_restarts_total',
    help: 'Gateway workers that ended by themselves.',
    registers,
  })
  const failing = new Gauge({
    name: 'cutover_instances_failing',
    help: 'Ready instances that answer no calls of another server, which shares the database.',
    labelNames: ['server', 'endpoint', 'version'],
    registers,
  })

  const refresh = (now: MetricReadings): void => {
    restarts.reset()
    workers.set(now.workers?.live ?? 0)
    restarts.inc(now.workers?.restarts ?? 0)
    const counters = [
      requests,
      errors,
      refused,
      recorded,
      dropped,
      copies,
      copiesDropped,
      malformed,
      repeated,
      breakerOpenings,
    ]
    for (const one of counters) one.reset()
    const traffic = [inFlight, held, copiesQueued, copiesInFlight, waiting, awaited, breakerOpen]
    const gauges = [...traffic, ready, failing, weight, epoch, whole, phases, monitored, alarms, registryFailures]
    if (now.access !== undefined) refreshAccess(now.access)
    for (const one of gauges) one.reset()
    for (const { endpoint, version, statusClass, count } of now.requests)
      requests.inc({ endpoint, version, status: statusClass }, count)
    for (const { code, count } of now.errors) errors.inc({ code }, count)
    refused.inc(now.connectionsRefused)
    for (const { endpoint, count } of now.inFlight) inFlight.set({ endpoint }, count)
    for (const { endpoint, count } of now.held) held.set({ endpoint }, count)
    for (const { endpoint, version, ...mirror } of now.mirrors) {
      copies.inc({ endpoint, version, result: 'answered' }, mirror.answered)
      copies.inc({ endpoint, version, result: 'failed' }, mirror.failed)
      for (const [reason, count] of Object.entries(mirror.dropped))
        copiesDropped.inc({ endpoint, version, reason }, count)
      copiesQueued.set({ endpoint, version }, mirror.queued)
      copiesInFlight.set({ endpoint, version }, mirror.inFlight)
    }
    for (const { endpoint, count } of now.guards.retries) repeated.inc({ endpoint }, count)
    for (const { endpoint, version, isOpen, openings } of now.guards.breakers) {
      breakerOpen.set({ endpoint, version }, isOpen ? 1 : 0)
      breakerOpenings.inc({ endpoint, version }, openings)
    }
    for (const { endpoint, version, count } of now.connectionsAwaited) awaited.set({ endpoint, version }, count)
    for (const { endpoint, version, queued: count } of now.guards.gates) waiting.set({ endpoint, version }, count)
    for (const { endpoint, registry, failures } of now.registries)
      registryFailures.set({ endpoint, registry }, failures)
    for (const { endpoint, version, count } of now.readyInstances) ready.set({ endpoint, version }, count)
    for (const { count, ...of } of now.workers?.failing ?? []) failing.set(of, count)
    recorded.inc(now.recorder.recorded)
    dropped.inc(now.recorder.dropped)
    queued.set(now.recorder.queued)
    malformed.inc(now.recorder.featuresMalformed)
    for (const { spec, table, monitoring } of Object.values(now.state.endpoints)) {
      epoch.set({ endpoint: spec.name }, table.epoch)
      whole.set({ endpoint: spec.name }, now.isEvidenceWhole(spec.name) ? 1 : 0)
      for (const [version, ppm] of Object.entries(table.weights))
        weight.set({ endpoint: spec.name, version }, ppm / 1_000_000)
      if (monitoring === undefined) continue
      for (const status of statuses)
        monitored.set({ endpoint: spec.name, status }, monitoring.status === status ? 1 : 0)
      for (const kind of alarmKinds)
        alarms.set({ endpoint: spec.name, kind }, monitoring.alarms.filter(alarm => alarm.kind === kind).length)
    }
    for (const { plan, phase } of Object.values(now.state.releases))
      phases.inc({ endpoint: plan.endpoint, phase: phase.kind })
  }

  const allLatencies = ({ workers: others }: MetricReadings): LatencyHistograms => {
    if (others === undefined) return latencies
    const all = new LatencyHistograms()
    for (const one of [...latencies.read(), ...others.latencies]) all.add(one)
    return all
  }

  return {
    contentType: registry.contentType,
    text: async () => {
      const now = await read()
      refresh(now)
      const isThere = versionsOf(now.state)
      latencies.keep(isThere)
      await tokens.keep(isThere)
      const tokenReadings = [await tokens.read(), ...(now.workers === undefined ? [] : [now.workers.tokens])]
      return `${await registry.metrics()}${await tokenText(tokenReadings)}${allLatencies(now).text()}`
    },
    observe: sample => {
      const { endpoint, version, latencyMs } = sample
      latencies.observe(endpoint, version, latencyMs)
      tokens.observe(sample)
    },
  }
}

function versionsOf({ endpoints }: ControlState): IsThere {
  return (endpoint, version) => own(own(endpoints, endpoint)?.spec.versions ?? {}, version) !== undefined
}
