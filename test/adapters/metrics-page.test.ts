import { expect, it } from 'vitest'
import { createMetricsPage, type MetricReadings } from '../../src/adapters/metrics/prometheus.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { MonitorReport } from '../../src/core/monitor/report.ts'
import type { MonitorSpec } from '../../src/core/monitor/spec.ts'
import { emptyState } from '../../src/core/state.ts'
import { fold } from '../../src/core/step.ts'
import { endpointSpec, happen } from '../support/releases.ts'

const monitor: MonitorSpec = { checks: [], alpha: 0.01, window: 100, atMostMs: 1, onBreach: 'alert' }

const quiet: MetricReadings = {
  requests: [],
  inFlight: [],
  held: [],
  connectionsAwaited: [],
  errors: [],
  connectionsRefused: 0,
  mirrors: [],
  guards: { breakers: [], gates: [], retries: [] },
  recorder: { recorded: 0, dropped: 0, queued: 0, featuresMalformed: 0 },
  readyInstances: [],
  registries: [],
  state: emptyState,
  isEvidenceWhole: () => true,
}

function pageOf(report: MonitorReport | null, spec = endpointSpec({ monitor })) {
  const events = [
    happen.applied(spec),
    ...(report === null ? [] : [{ type: 'monitored' as const, endpoint: 'digits', report }]),
  ]
  const state = fold(events.map((event, seq) => ({ seq, atMs: seq, event })))
  const recorder = { recorded: 0, dropped: 0, queued: 0, featuresMalformed: 3 }
  return createMetricsPage(() => ({ ...quiet, recorder, state })).text()
}

const linesOf = async (page: Promise<string>) =>
  (await page).split('\n').filter(line => /^cutover_(monitor|feat)/.test(line))

it('tells status and alarms of watched endpoints, with as many series whatever the alarms are called', async () => {
  const alarms = ['age', 'country'].map(name => ({ kind: 'feature' as const, name, reason: `${name} drifted` }))
  expect(await linesOf(pageOf({ version: 'v1', status: 'drifting', alarms }))).toEqual([
    'cutover_features_malformed_total 3',
    'cutover_monitor_status{endpoint="digits",status="ok"} 0',
    'cutover_monitor_status{endpoint="digits",status="drifting"} 1',
    'cutover_monitor_status{endpoint="digits",status="breached"} 0',
    'cutover_monitor_alarms{endpoint="digits",kind="feature"} 2',
    'cutover_monitor_alarms{endpoint="digits",kind="answer"} 0',
    'cutover_monitor_alarms{endpoint="digits",kind="quality"} 0',
    'cutover_monitor_alarms{endpoint="digits",kind="limit"} 0',
  ])
  expect(await linesOf(pageOf(null))).toContain('cutover_monitor_status{endpoint="digits",status="ok"} 1')
})

it('tells whether the evidence of an endpoint is whole', async () => {
  const state = fold([{ seq: 1, atMs: 0, event: happen.applied(endpointSpec()) }])
  let isWhole = false
  const page = createMetricsPage(() => ({ ...quiet, state, isEvidenceWhole: () => isWhole }))
  expect(await page.text()).toContain('cutover_evidence_whole{endpoint="digits"} 0')
  isWhole = true
  expect(await page.text()).toContain('cutover_evidence_whole{endpoint="digits"} 1')
})

it('tells nothing of endpoints that are not watched', async () => {
  expect(await linesOf(pageOf(null, endpointSpec()))).toEqual(['cutover_features_malformed_total 3'])
})

it('tells of copies by challenger, and why some were dropped, in numbers of their own', async () => {
  const dropped = { 'queue-full': 7, expired: 0 }
  const readings: MetricReadings = {
    requests: [{ endpoint: 'digits', version: 'v1', statusClass: '2xx', count: 40 }],
    inFlight: [],
    held: [],
    connectionsAwaited: [{ endpoint: 'digits', version: 'v1', count: 9 }],
    errors: [],
    connectionsRefused: 6,
    guards: {
      breakers: [{ endpoint: 'digits', version: 'v2', isOpen: true, openings: 3 }],
      gates: [{ endpoint: 'digits', version: 'v2', inside: 5, queued: 4 }],
      retries: [{ endpoint: 'digits', count: 7 }],
    },
    mirrors: [{ endpoint: 'digits', version: 'v2', answered: 30, failed: 3, queued: 2, inFlight: 1, dropped }],
    recorder: { recorded: 0, dropped: 0, queued: 0, featuresMalformed: 0 },
    readyInstances: [],
    registries: [],
    state: emptyState,
    isEvidenceWhole: () => true,
  }
  const page = createMetricsPage(() => readings)
  await page.text()
  const lines = (await page.text())
    .split('\n')
    .filter(line => /^cutover_(mirror|requests_total|calls|breaker|version|connections)/.test(line))
  const of = 'endpoint="digits",version="v2"'
  expect(lines).toEqual([
    'cutover_requests_total{endpoint="digits",version="v1",status="2xx"} 40',
    'cutover_connections_refused_total 6',
    `cutover_mirror_copies_total{${of},result="answered"} 30`,
    `cutover_mirror_copies_total{${of},result="failed"} 3`,
    `cutover_mirror_dropped_total{${of},reason="queue-full"} 7`,
    `cutover_mirror_dropped_total{${of},reason="expired"} 0`,
    `cutover_mirror_queued{${of}} 2`,
    `cutover_mirror_in_flight{${of}} 1`,
    'cutover_calls_repeated_total{endpoint="digits"} 7',
    `cutover_breaker_open{${of}} 1`,
    `cutover_breaker_openings_total{${of}} 3`,
    `cutover_version_requests_waiting{${of}} 4`,
    'cutover_connections_awaited{endpoint="digits",version="v1"} 9',
  ])
})

/** The state of a server that has these endpoints. */
const having = (...specs: readonly EndpointSpec[]) =>
  fold(specs.map((spec, seq) => ({ seq, atMs: seq, event: happen.applied(spec) })))

it('counts a latency in its bucket and in all above it', async () => {
  const page = createMetricsPage(() => ({ ...quiet, state: having(endpointSpec()) }))
  for (const latencyMs of [0.4, 1, 30, 20_000]) page.observe({ endpoint: 'digits', version: 'v1', latencyMs })
  const lines = (await page.text()).split('\n')
  const of = 'endpoint="digits",version="v1"'
  expect(lines).toEqual(
    expect.arrayContaining([
      `cutover_request_duration_seconds_bucket{${of},le="0.001"} 2`,
      `cutover_request_duration_seconds_bucket{${of},le="0.025"} 2`,
      `cutover_request_duration_seconds_bucket{${of},le="0.05"} 3`,
      `cutover_request_duration_seconds_bucket{${of},le="10"} 3`,
      `cutover_request_duration_seconds_bucket{${of},le="+Inf"} 4`,
      `cutover_request_duration_seconds_sum{${of}} 20.0314`,
      `cutover_request_duration_seconds_count{${of}} 4`,
    ]),
  )
})

it('tells what each key did, and when certificates end', async () => {
  const counts = { admitted: 7, forbidden: 1, rateLimited: 2, crowded: 3, inFlight: 4 }
  const readings: MetricReadings = {
    ...quiet,
    access: {
      keys: [{ key: 'app', ...counts }],
      certificates: [{ listener: 'inference', notAfterMs: 4_733_510_400_000, taken: 2, refused: 1 }],
    },
  }
  const lines = (await createMetricsPage(() => readings).text()).split('\n')
  expect(lines.filter(line => /^cutover_(key|certificate)/.test(line))).toEqual([
    'cutover_key_requests_total{key="app",result="admitted"} 7',
    'cutover_key_requests_total{key="app",result="forbidden"} 1',
    'cutover_key_requests_total{key="app",result="rate-limited"} 2',
    'cutover_key_requests_total{key="app",result="crowded"} 3',
    'cutover_key_requests_in_flight{key="app"} 4',
    'cutover_certificate_not_after_seconds{listener="inference"} 4733510400',
    'cutover_certificate_reloads_total{listener="inference",result="taken"} 2',
    'cutover_certificate_reloads_total{listener="inference",result="refused"} 1',
  ])
})

it('adds up tokens and what they cost, of answers that were measured', async () => {
  const page = createMetricsPage(() => ({ ...quiet, state: having(endpointSpec({ name: 'support' })) }))
  const sample = { endpoint: 'support', version: 'v1', latencyMs: 900 }
  page.observe({
    ...sample,
    measures: { 'input-tokens': 7, 'output-tokens': 5, cost: 0.25, 'time-to-first-token-ms': 300 },
  })
  page.observe({ ...sample, measures: { 'input-tokens': 3 } })
  page.observe({ ...sample, measures: null })
  const lines = (await page.text()).split('\n').filter(line => /^cutover_(tokens|time_to)/.test(line))
  expect(lines).toEqual(
    expect.arrayContaining([
      'cutover_tokens_total{endpoint="support",version="v1",kind="input"} 10',
      'cutover_tokens_total{endpoint="support",version="v1",kind="output"} 5',
      'cutover_tokens_cost_total{endpoint="support",version="v1"} 0.25',
      'cutover_time_to_first_token_seconds_sum{endpoint="support",version="v1"} 0.3',
      'cutover_time_to_first_token_seconds_count{endpoint="support",version="v1"} 1',
    ]),
  )
})

it('tells nothing of versions and endpoints that are gone, and goes on counting the others', async () => {
  const spec = endpointSpec()
  const { v2: _gone, ...versions } = spec.versions
  let state = having(spec, endpointSpec({ name: 'support' }))
  const page = createMetricsPage(() => ({ ...quiet, state }))
  const answered = (endpoint: string, version: string) =>
    page.observe({
      ...{ endpoint, version, latencyMs: 1 },
      measures: { 'input-tokens': 1, cost: 1, 'time-to-first-token-ms': 1 },
    })
  const seriesOf = async () =>
    [...(await page.text()).matchAll(/^cutover_(\w+)\{endpoint="(\w+)",version="(\w+)"[^}]*\} (\d+)$/gm)].flatMap(
      ([, family = '', endpoint, version, value]) =>
        /seconds_count|cost_total/.test(family) ? [`${endpoint}/${version} ${value}`] : [],
    )
  for (const version of ['v1', 'v2']) answered('digits', version)
  answered('support', 'v1')
  const three = ['digits/v1 1', 'digits/v2 1', 'support/v1 1']
  expect((await seriesOf()).toSorted()).toEqual([...three, ...three, ...three].toSorted())
  state = having({ ...spec, versions })
  answered('digits', 'v1')
  expect(await seriesOf()).toEqual(['digits/v1 2', 'digits/v1 2', 'digits/v1 2'])
  state = having(spec)
  answered('digits', 'v2')
  expect((await seriesOf()).toSorted()).toEqual(
    ['digits/v1 2', 'digits/v1 2', 'digits/v1 2', 'digits/v2 1', 'digits/v2 1', 'digits/v2 1'].toSorted(),
  )
})
