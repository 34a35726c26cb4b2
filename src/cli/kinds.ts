/** The kinds of thing that can be asked for by name, and how a list of each is shown. */
import type { WireEndpoint, WireVersion } from '../contract/wire/endpoint.ts'
import type { WireDelivery, WireEvent } from '../contract/wire/event.ts'
import type { WireMetric, WirePrediction } from '../contract/wire/prediction.ts'
import type { WireReleaseSummary } from '../contract/wire/release.ts'
import { duration, percent } from '../contract/words/quantities.ts'
import { fleetWord } from '../contract/words/readiness.ts'
import { stageText } from '../contract/words/stages.ts'
import { usageError } from './errors.ts'
import { flagTable, segmentTable } from './flags-text.ts'
import { table } from './text.ts'

export const kinds = [
  'endpoints',
  'versions',
  'releases',
  'flags',
  'segments',
  'metrics',
  'predictions',
  'events',
  'deliveries',
] as const
export type Kind = (typeof kinds)[number]

/** Singular, plural, `Endpoint` as in documents. */
export function kindOf(text: string, allowed: readonly Kind[]): Kind {
  const word = text.toLowerCase()
  const kind = allowed.find(known => [word, `${word}s`, word.replace(/y$/, 'ies')].includes(known))
  if (kind !== undefined) return kind
  throw usageError(`${text} is not a kind`, [
    { path: 'KIND', message: 'is not a kind that this command knows', value: text, allowed },
  ])
}

export const tables: { [K in Kind]: (items: readonly never[]) => string } = {
  endpoints: endpointTable,
  versions: versionTable,
  releases: releaseTable,
  flags: flagTable,
  segments: segmentTable,
  metrics: metricTable,
  predictions: predictionTable,
  events: eventTable,
  deliveries: deliveryTable,
}

export function weightsText(weightsPpm: Readonly<Record<string, number>>): string {
  const serving = Object.entries(weightsPpm).filter(([, ppm]) => ppm > 0)
  return serving.map(([version, ppm]) => `${version} ${percent(ppm)}`).join(', ')
}

export function endpointTable(items: readonly WireEndpoint[]): string {
  const rows = items.map(one => [
    one.name,
    one.stable,
    weightsText(one.weightsPpm),
    one.activeRelease ?? '-',
    String(one.versions.length),
    one.protocol,
  ])
  return table(['NAME', 'STABLE', 'TRAFFIC', 'RELEASE', 'VERSIONS', 'PROTOCOL'], rows)
}

export function versionTable(items: readonly WireVersion[]): string {
  const rows = items.map(one => [
    one.endpoint,
    one.name,
    one.role,
    percent(one.weightPpm),
    one.fleet === 'absent' ? '-' : `${one.instancesReady}/${one.instancesWanted} ${fleetWord(one)}`,
    backendText(one.backend),
  ])
  return table(['ENDPOINT', 'VERSION', 'ROLE', 'WEIGHT', 'INSTANCES', 'BACKEND'], rows)
}

function backendText(backend: WireVersion['backend']): string {
  if (backend.kind === 'onnx') {
    const batches = backend.batch === undefined ? '' : ` in batches of up to ${backend.batch.rowsMax} rows`
    return `onnx ${backend.path}${batches}`
  }
  return backend.kind === 'command' ? `command ${backend.argv.join(' ')}` : `url ${backend.addresses.join(' ')}`
}

export function releaseTable(items: readonly WireReleaseSummary[]): string {
  const rows = items.map(one => [
    one.id,
    one.endpoint,
    one.from,
    one.to,
    one.state,
    percent(one.candidatePpm),
    one.endedAt === null ? stageText(one) : '-',
    one.startedAt,
  ])
  return table(['ID', 'ENDPOINT', 'FROM', 'TO', 'STATE', 'WEIGHT', 'STAGE', 'STARTED'], rows)
}

function metricTable(items: readonly WireMetric[]): string {
  const rows = items.map(one => [
    one.endpoint,
    one.name,
    one.type,
    one.marginUnit === 'pp' ? 'percentage points (0.5pp)' : 'relative (20%)',
    one.declared ? 'declared' : 'built in',
  ])
  return table(['ENDPOINT', 'METRIC', 'TYPE', 'MARGIN', 'ORIGIN'], rows)
}

function predictionTable(items: readonly WirePrediction[]): string {
  const rows = items.map(one => [
    one.id,
    one.endpoint,
    answeredBy(one),
    one.at,
    duration(one.latencyMs),
    `${one.status}${one.failed ? ' failed' : ''}`,
    one.answer === null ? '-' : one.answer.slice(0, 5).join(', '),
    one.outcomes
      .flatMap(({ label }) => (label === null ? [] : [String(label)]))
      .slice(0, 5)
      .join(', ') || '-',
  ])
  return table(['ID', 'ENDPOINT', 'VERSION', 'TIME', 'LATENCY', 'STATUS', 'ANSWER', 'LABEL'], rows)
}

function answeredBy({ version, assigned, shadowOf }: WirePrediction): string {
  if (shadowOf !== null) return `${version} in shadow`
  return version === assigned ? version : `${version} for ${assigned}`
}

function eventTable(items: readonly WireEvent[]): string {
  const rows = items.map(one => [String(one.seq), one.at, one.type, one.release ?? one.endpoint ?? '-'])
  return table(['SEQ', 'TIME', 'TYPE', 'OF'], rows)
}

function deliveryTable(items: readonly WireDelivery[]): string {
  const rows = items.map(one => [
    one.at,
    one.endpoint,
    one.webhook,
    `${one.release ?? '-'} ${one.event}`,
    one.state,
    String(one.attempts),
    one.detail || '-',
  ])
  return table(['TIME', 'ENDPOINT', 'WEBHOOK', 'OF', 'STATE', 'ATTEMPTS', 'LAST'], rows)
}
