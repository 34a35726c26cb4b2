/** What the log says, as rows of the analytical tables. */
import { type Label, labelText, type OutcomeValues } from '../../core/prediction.ts'
import { latencyBucket } from './latency-buckets.ts'
import { answerKinds, type OutcomeFacts, type PredictionFacts } from './log-reader.ts'
import type { NameNumbers } from './name-numbers.ts'

export type Cell = number | string | null

/** A row of `predictions`. */
export function predictionCells(facts: PredictionFacts, names: NameNumbers): Cell[] {
  const [seq, endpoint, version, epoch, release, unit, propensity, atMs, latencyMs, kind] = facts
  return [
    seq,
    names.numberOf(endpoint),
    names.numberOf(version),
    epoch,
    names.numberOf(release),
    unitHash(unit),
    propensity,
    atMs,
    kind === answerKinds.answered ? latencyBucket(latencyMs) : null,
    kind,
  ]
}

export type RowCells = {
  rowValues: Cell[]
  metricValues: Cell[][]
  /** Set if something was known of the row before: what stands in the tables goes. */
  corrected: Cell[] | null
}

/** The row that an outcome belongs to, with all that is known of it once the outcome is joined. */
export function rowCells(facts: OutcomeFacts, names: NameNumbers): RowCells {
  const [seq, row, endpointName, versionName, epoch, releaseName, propensity, atMs, label, reward] = facts
  const [metrics, before, predicted] = [facts[10], facts[11], facts[12]]
  const earlier: OutcomeValues | null = before === null ? null : JSON.parse(before)
  const truth = label ?? (earlier === null ? null : JSON.stringify(earlier.label))
  const measured: OutcomeValues['metrics'] = metrics === '{}' ? {} : JSON.parse(metrics)
  const endpoint = names.numberOf(endpointName)
  const version = names.numberOf(versionName)
  const release = names.numberOf(releaseName)
  const place = [seq, row, endpoint, version]
  return {
    rowValues: [
      ...place,
      epoch,
      release,
      propensity,
      atMs,
      correctness(truth, predicted),
      reward ?? earlier?.reward ?? null,
    ],
    metricValues: Object.entries({ ...earlier?.metrics, ...measured }).map(([name, value]) => [
      ...place,
      release,
      propensity,
      atMs,
      name,
      value,
    ]),
    corrected: earlier === null ? null : [seq, row],
  }
}

/** 1 if two labels in JSON are the same, 0 if not; null if one is missing or a ranking. */
function correctness(truth: string | null, predicted: string | null): number | null {
  if (!isScalar(truth) || !isScalar(predicted)) return null
  if (truth === predicted) return 1
  return labelText(JSON.parse(truth) as Label) === labelText(JSON.parse(predicted) as Label) ? 1 : 0
}

function isScalar(json: string | null): json is string {
  return json !== null && json !== 'null' && !json.startsWith('[')
}

/** 53 bits of two multiplicative hashes with a finaliser each (the constants of murmur3): for counting, not for keeping apart. */
export function unitHash(text: string): number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 0x9e3779b1)
    low = Math.imul(low ^ code, 0x5f356495)
  }
  const mixed = finalise(high) ^ low
  return (finalise(mixed) & 0x1fffff) * 2 ** 32 + (finalise(low ^ mixed) >>> 0)
}

function finalise(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35)
  return second ^ (second >>> 16)
}
