import { expect, it } from 'vitest'
import { createMetricsPage, type MetricReadings } from '../../src/adapters/metrics/prometheus.ts'
import type { MonitorReport } from '../../src/core/monitor/report.ts'
import type { MonitorSpec } from '../../src/core/monitor/spec.ts'
import { fold } from '../../src/core/step.ts'
import { endpointSpec, happen } from '../support/releases.ts'

const monitor: MonitorSpec = { checks: [], alpha: 0.01, window: 100, atMostMs: 1, onBreach: 'alert' }

function pageOf(report: MonitorReport | null, spec = endpointSpec({ monitor })) {
  const events = [
    happen.applied(spec),
    ...(report === null ? [] : [{ type: 'monitored' as const, endpoint: 'digits', report }]),
  ]
  const state = fold(events.map((event, seq) => ({ seq, atMs: seq, event })))
  const readings: MetricReadings = {
    requests: [],
    inFlight: [],
    held: [],
    errors: [],
    recorder: { recorded: 0, dropped: 0, queued: 0, featuresMalformed: 3 },
    readyInstances: [],
    state,
  }
  return createMetricsPage(() => readings).text()
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

it('tells nothing of endpoints that are not watched', async () => {
  expect(await linesOf(pageOf(null, endpointSpec()))).toEqual(['cutover_features_malformed_total 3'])
})
