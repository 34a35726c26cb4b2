/** Outcomes and joins as flat rows: cheap to send between the threads, and what the tables take. */

import {
  type Answer,
  idOfOutcomeKey,
  type JoinedOutcome,
  mayBeOf,
  type Outcome,
  type OutcomeReceipt,
  type OutcomeValues,
  outcomeKey,
  type Prediction,
  type Truth,
  withoutSender,
} from '../../core/prediction.ts'
import type { AppendedOutcomes } from '../../ports/prediction-log.ts'
import type { SqlValue } from '../sql/database.ts'
import { fromJson, toJson } from './rows.ts'

/** Label, metrics and endpoints are JSON. */
export type OutcomeRow = readonly [
  /** By which it is known again. */
  key: string,
  prediction: string,
  row: number,
  label: string | null,
  reward: number | null,
  metrics: string,
  atMs: number,
  endpoints: string | null,
]

/** What a prediction, and what was known before, tell of one outcome. Features, measures, predicted value, scores and `before` are JSON. */
export type JoinRow = readonly [
  endpoint: string,
  epoch: number,
  release: string | null,
  version: string,
  unit: string,
  propensity: number,
  latencyMs: number,
  status: number,
  counts: number,
  predictedAtMs: number,
  shadowOf: string | null,
  byContext: number,
  features: string | null,
  measures: string | null,
  predicted: string | null,
  scores: string | null,
  before: string | null,
]

/** The receipts in order, and for each that says `joined` a join, which those of its shadows follow. */
export type AppendedRows = {
  statuses: readonly OutcomeReceipt['status'][]
  joins: readonly JoinRow[]
  upToSeq: number
}

export function outcomeToRow(outcome: Outcome): OutcomeRow {
  const { prediction, row, label, reward, metrics, atMs, endpoints = null } = outcome
  return [outcomeKey(outcome), prediction, row, toJson(label), reward, JSON.stringify(metrics), atMs, toJson(endpoints)]
}

/** Whether its sender may speak of the endpoint. */
export function rowMayBeOf(outcome: OutcomeRow, endpoint: string): boolean {
  const endpoints = outcome[7]
  return endpoints === null || mayBeOf({ endpoints: JSON.parse(endpoints) as string[] }, endpoint)
}

/** As it is told: without whose predictions it may be of. */
export function outcomeFromRow([key, prediction, row, label, reward, metrics, atMs]: OutcomeRow): Outcome {
  return {
    id: idOfOutcomeKey(key),
    prediction,
    row,
    label: fromJson<Truth>(label),
    reward,
    metrics: JSON.parse(metrics),
    atMs,
  }
}

/** Wants the columns in the order of `OutcomeRow`. */
export function readOutcomeRow(columns: readonly SqlValue[]): OutcomeRow {
  return columns as unknown as OutcomeRow
}

/** What a prediction tells of the outcome of one of its rows, of which `before` was known. */
export function joinRow(prediction: Prediction, row: number, before: string | null): JoinRow {
  const { endpoint, epoch, release, version, assigned, unit, propensity, latencyMs, status, pinned, atMs } = prediction
  const { shadowOf = null, features, measures = null } = prediction
  return [
    ...([endpoint, epoch, release, version, unit, propensity, latencyMs, status] as const),
    ...([pinned || version !== assigned ? 0 : 1, atMs, shadowOf, prediction.byContext === true ? 1 : 0] as const),
    ...([toJson(features), toJson(measures)] as const),
    ...([toJson(prediction.answer?.[row] ?? null), toJson(prediction.scores?.[row] ?? null), before] as const),
  ]
}

export function joinFromRow(outcome: Outcome, join: JoinRow): JoinedOutcome {
  const [endpoint, epoch, release, version, unit, propensity, latencyMs, status, counts, predictedAtMs] = join
  const [shadowOf, byContext] = [join[10], join[11]]
  const [features = null, measures = null, predicted, scores, before] = join.slice(12) as unknown as readonly (
    | string
    | null
  )[]
  return {
    outcome,
    endpoint,
    epoch,
    release,
    version,
    unit,
    propensity,
    latencyMs,
    status,
    counts: counts === 1,
    predicted: fromJson<Answer>(predicted),
    scores: fromJson<readonly number[]>(scores),
    predictedAtMs,
    before: fromJson<OutcomeValues>(before),
    ...(shadowOf !== null && { shadowOf }),
    ...(features !== null && { features: JSON.parse(features) }),
    ...(byContext === 1 && { byContext: true as const }),
    ...(measures !== null && { measures: JSON.parse(measures) }),
  }
}

/** `outcomes` are those whose append gave these rows. */
export function appendedOutcomes(
  outcomes: readonly Outcome[],
  { statuses, joins, upToSeq }: AppendedRows,
): AppendedOutcomes {
  const accepted = outcomes.filter((_, index) => statuses[index] === 'joined').map(withoutSender)
  let champions = 0
  return {
    receipts: statuses.map(status => ({ status })),
    joined: joins.flatMap(join => {
      if (!isOfShadow(join)) champions += 1
      const outcome = accepted[champions - 1]
      return outcome === undefined ? [] : [joinFromRow(outcome, join)]
    }),
    upToSeq,
  }
}

function isOfShadow(join: JoinRow): boolean {
  return join[10] !== null
}
