/** Analytics by reading a prediction log from its beginning for every question: for tests, and for logs that are small. */
import {
  type JoinedOutcome,
  type Label,
  labelText,
  type OutcomeValues,
  type Prediction,
  valuesAfter,
} from '../../core/prediction.ts'
import {
  type Analytics,
  type AnalyticsRange,
  type OffPolicyQuery,
  type OffPolicyRow,
  type OffPolicyValue,
  offPolicyBatchMax,
  type SummaryQuery,
  type SummaryRow,
} from '../../ports/analytics.ts'
import type { PredictionLog } from '../../ports/prediction-log.ts'
import { dayMs, hourMs, inOrder, keyOf, refuseTooMany } from './summary-rows.ts'

/** The log stays the caller's. */
export function createMemoryAnalytics({ log }: { log: PredictionLog }): Analytics {
  return {
    summarise: query => summarise(log, query),
    offPolicyRows: (query, each) => offPolicyRows(log, query, each),
    close: async () => {},
  }
}

/** A row with a known value, and all that is known of it. */
type Row = { joined: JoinedOutcome; values: OutcomeValues }

async function summarise(log: PredictionLog, query: SummaryQuery): Promise<SummaryRow[]> {
  const groupBy = [...new Set(query.groupBy)]
  const { predictions, rows } = await read(log, query)
  const keyed = (facts: Parameters<typeof dimensions>[0]) => keyOf(dimensions(facts), groupBy)
  const ofGroup = Map.groupBy(rows, ({ joined }) => JSON.stringify(keyed({ ...joined, atMs: joined.predictedAtMs })))
  const groups = Map.groupBy(predictions, prediction =>
    JSON.stringify(keyed({ ...prediction, version: prediction.assigned })),
  )
  refuseTooMany(groups.size)
  return inOrder(
    [...groups].map(([key, members]) => ({ key: JSON.parse(key), ...numbersOf(members, ofGroup.get(key) ?? []) })),
    groupBy,
  )
}

function dimensions({ version, epoch, release, atMs }: Pick<Prediction, 'version' | 'epoch' | 'release' | 'atMs'>) {
  return { version, epoch, release, hour: Math.floor(atMs / hourMs) * hourMs, day: Math.floor(atMs / dayMs) * dayMs }
}

function numbersOf(predictions: readonly Prediction[], rows: readonly Row[]): Omit<SummaryRow, 'key'> {
  const waited = predictions.filter(({ status, failed }) => status !== 0 || failed)
  const answered = waited.filter(prediction => !isError(prediction))
  const correct = rows.map(correctness).filter(value => value !== null)
  const rewards = rows.map(({ values }) => values.reward).filter(reward => reward !== null)
  const times = predictions.map(({ atMs }) => atMs)
  return {
    requests: waited.length,
    errors: waited.length - answered.length,
    units: new Set(predictions.map(({ unit }) => unit)).size,
    labelled: correct.length,
    wrong: correct.filter(value => value === 0).length,
    rewards: { count: rewards.length, sum: rewards.reduce((sum, reward) => sum + reward, 0) },
    latencyMs: quantiles(answered.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b)),
    firstMs: times.reduce((least, atMs) => Math.min(least, atMs), Number.POSITIVE_INFINITY),
    lastMs: times.reduce((greatest, atMs) => Math.max(greatest, atMs), Number.NEGATIVE_INFINITY),
  }
}

function isError({ failed, status, version, assigned }: Prediction): boolean {
  return failed || status >= 400 || version !== assigned
}

function quantiles(sorted: readonly number[]): SummaryRow['latencyMs'] {
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0
  return sorted.length === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

function correctness({ joined, values }: Row): number | null {
  const { predicted } = joined
  if (!isScalar(values.label) || !isScalar(predicted)) return null
  return labelText(values.label) === labelText(predicted) ? 1 : 0
}

function isScalar(value: Label | readonly Label[] | null): value is Label {
  return value !== null && typeof value !== 'object'
}

async function offPolicyRows(
  log: PredictionLog,
  query: OffPolicyQuery,
  each: (batch: readonly OffPolicyRow[]) => void,
): Promise<void> {
  const { predictions, rows } = await read(log, query)
  const known = Map.groupBy(rows, ({ joined }) => `${joined.propensity} ${joined.version}`)
  const groups = [...Map.groupBy(predictions, ({ propensity, assigned }) => `${propensity} ${assigned}`)]
  for (let start = 0; start < groups.length; start += offPolicyBatchMax) {
    each(
      groups.slice(start, start + offPolicyBatchMax).flatMap(([key, members]) => {
        const values = (known.get(key) ?? []).map(row => chosenValue(row, query.value)).filter(value => value !== null)
        return members.slice(0, 1).map(({ assigned, propensity }) => ({
          version: assigned,
          propensity,
          predictions: members.length,
          values: momentsOf(values),
        }))
      }),
    )
  }
}

function chosenValue(row: Row, value: OffPolicyValue): number | null {
  if (value.kind === 'reward') return row.values.reward
  return value.kind === 'correct' ? correctness(row) : (row.values.metrics[value.name] ?? null)
}

function momentsOf(values: readonly number[]): OffPolicyRow['values'] {
  if (values.length === 0) return null
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    n: values.length,
    mean,
    m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0),
    min: values.reduce((least, value) => Math.min(least, value)),
    max: values.reduce((greatest, value) => Math.max(greatest, value)),
  }
}

async function read(log: PredictionLog, range: AnalyticsRange): Promise<{ predictions: Prediction[]; rows: Row[] }> {
  const { endpoint, release, sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = range
  const within = (atMs: number, of: string | null) =>
    atMs >= sinceMs && atMs < untilMs && (release === undefined || of === release)
  const predictions: Prediction[] = []
  const rows = new Map<string, Row>()
  await log.replay({ tails: [{ endpoint, fromEpoch: 0 }] }, batch => {
    for (const prediction of batch.predictions) {
      const counts = !prediction.pinned && prediction.shadowOf === undefined
      if (counts && within(prediction.atMs, prediction.release)) predictions.push(prediction)
    }
    for (const joined of batch.joined) {
      if (!joined.counts || joined.shadowOf !== undefined || !within(joined.predictedAtMs, joined.release)) continue
      rows.set(`${joined.outcome.row} ${joined.outcome.prediction}`, { joined, values: valuesAfter(joined) })
    }
  })
  return { predictions, rows: [...rows.values()] }
}
