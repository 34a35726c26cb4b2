/** How an endpoint is described to a person: what it is, what is watched of it, how late its labels come. */
import type { WireEndpoint } from '../contract/wire/endpoint.ts'
import type { WireMonitoring, WireSignal } from '../contract/wire/monitoring.ts'
import { duration } from '../contract/words/quantities.ts'
import { block, type Colour, type Paint, printable, table } from './text.ts'

export type DescribedEndpoint = WireEndpoint & { monitoring: WireMonitoring; labels: WireSignal[] }

export function endpointText(
  { monitoring, labels, monitored: _, ...endpoint }: DescribedEndpoint,
  paint: Paint,
): string {
  return [block(endpoint), monitoringText(monitoring, paint), ...labels.map(signalText)].join('\n')
}

function monitoringText(monitoring: WireMonitoring, paint: Paint): string {
  const { status, version, since, alarms, drift, limits } = monitoring
  if (status === 'unwatched') return 'watched: no (declare `drift` or `monitor`)\n'
  const lines = [`watched: ${version} since ${since}: ${paint(colourOf[status], status)}\n`]
  for (const { reason } of alarms) lines.push(`  ${paint('red', printable(reason))}\n`)
  if (drift !== null) lines.push('\n', driftTable(drift))
  if (limits.length > 0) lines.push('\n', limitTable(limits))
  return lines.join('')
}

const colourOf: Readonly<Record<WireMonitoring['status'], Colour | null>> = {
  unwatched: null,
  ok: 'green',
  drifting: 'yellow',
  breached: 'red',
}

function driftTable({ features, quality }: NonNullable<WireMonitoring['drift']>): string {
  const rows = features.map(one => [
    one.name,
    one.method === null ? '-' : `${one.method} ${short(one.statistic)}`,
    short(one.pValue),
    `${short(one.psi)} (${short(one.psiThreshold)})`,
    `${one.current?.predictions ?? 0}/${one.reference?.predictions ?? 0}`,
    one.verdict,
    one.method === null ? one.reason : '',
  ])
  const head = ['DRIFT OF', 'TEST', 'P', 'PSI (NOISE)', 'PREDICTIONS', 'VERDICT', '']
  return table(head, quality === null ? rows : [...rows, qualityRow(quality)])
}

function qualityRow(quality: NonNullable<NonNullable<WireMonitoring['drift']>['quality']>): string[] {
  const { logEvidence, threshold, labelled, reference, verdict, reason } = quality
  const test = logEvidence === null ? '-' : `e-detector ${short(logEvidence)} of ${short(threshold)}`
  return ['accuracy', test, '-', '-', `${labelled}/${reference.labelled}`, verdict, reason]
}

function limitTable(limits: WireMonitoring['limits']): string {
  const rows = limits.map(one => [
    one.metric,
    `${one.events} of ${one.trials}`,
    percentOf(one.rate),
    percentOf(one.rateMax),
    `${short(one.logEvidence)} of ${short(one.threshold)}`,
    one.verdict,
  ])
  return table(['LIMIT', 'EVENTS', 'RATE', 'AT MOST', 'EVIDENCE', 'VERDICT'], rows)
}

function signalText({ name, metrics, delay, maturity, versions }: WireSignal): string {
  const waiting = metrics.length === 0 ? '' : `, for ${metrics.join(', ')}`
  const late =
    delay === null
      ? 'delays not known yet'
      : `half within ${duration(delay.p50Ms)}, 90 % within ${duration(delay.p90Ms)}, 99 % within ${duration(delay.p99Ms)}`
  const age = maturity.known ? `mature at ${duration(maturity.ageMs)} (${maturity.source})` : maturity.reason
  const rows = versions.map(one => [
    one.version,
    `${one.arrived} of ${one.predicted}`,
    `${one.maturedArrived} of ${one.matured}`,
    percentOf(one.coverage),
    percentOf(one.maturity),
  ])
  return `${printable(`${name}${waiting}: ${late}; ${age}`)}\n${table(['VERSION', 'ARRIVED', 'OF MATURE', 'COVERAGE', 'MATURITY'], rows)}`
}

function percentOf(share: number | null): string {
  return share === null ? '-' : `${Number((share * 100).toFixed(2))} %`
}

function short(value: number | null): string {
  return value === null ? '-' : Number(value.toPrecision(3)).toString()
}
