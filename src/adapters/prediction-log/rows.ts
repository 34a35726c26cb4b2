/** Predictions and outcomes as rows of the tables, and back. */
import type { SQLOutputValue } from 'node:sqlite'
import type { Measures } from '../../core/measures.ts'
import type {
  Answer,
  Feature,
  JoinedOutcome,
  Outcome,
  OutcomeValues,
  Payload,
  Prediction,
  SentHead,
  Truth,
} from '../../core/prediction.ts'

/** All but the bodies, for a query in which `predictions` is called `p` and its kind `k`. */
export const predictionColumns = `p.id, k.endpoint, k.epoch, k.release, p.unit, k.assigned, k.version, k.propensity, k.pinned, p.at_ms, p.latency_ms,
  k.status, k.failed, p.answer, p.scores, p.features, p.shadow_of, k.by_context, p.measures`

export type SqlRow = Record<string, SQLOutputValue>

/** Wants `predictionColumns`; `request`, `response` and `sent` where the payload is asked for. */
export function rowToPrediction(row: SqlRow): Prediction {
  return {
    id: String(row['id']),
    endpoint: String(row['endpoint']),
    epoch: Number(row['epoch']),
    release: textOrNull(row['release']),
    unit: String(row['unit']),
    assigned: String(row['assigned']),
    version: String(row['version']),
    propensity: Number(row['propensity']),
    pinned: row['pinned'] === 1,
    atMs: Number(row['at_ms']),
    latencyMs: Number(row['latency_ms']),
    status: Number(row['status']),
    failed: row['failed'] === 1,
    answer: fromJson<readonly Answer[]>(row['answer']),
    scores: fromJson<readonly (readonly number[])[]>(row['scores']),
    features: fromJson<Record<string, Feature>>(row['features']),
    payload: payloadOf(row),
    ...shadowOfRow(row),
    ...byContextOfRow(row),
    ...measuresOfRow(row),
  }
}

function payloadOf({ request, response, sent: text }: SqlRow): Payload | null {
  if (!(request instanceof Uint8Array) || !(response instanceof Uint8Array)) return null
  const sent = fromJson<SentHead>(text)
  return sent === null ? { request, response } : { request, response, sent }
}

/** Wants the columns of `outcomes` from `outcome_id` to `outcome_at_ms` as `outcomeColumns` names them. */
export function rowToOutcome(row: SqlRow): Outcome {
  return {
    id: String(row['outcome_id']),
    prediction: String(row['prediction']),
    row: Number(row['row']),
    label: fromJson<Truth>(row['label']),
    reward: row['reward'] === null ? null : Number(row['reward']),
    metrics: fromJson<Record<string, number>>(row['metrics']) ?? {},
    atMs: Number(row['outcome_at_ms']),
  }
}

/** For a query in which `outcomes` is called `o`, its prediction `p` and the kind of that `k`. */
export const outcomeColumns =
  'o.id AS outcome_id, coalesce(p.shadow_of, p.id) AS prediction, o.row, o.label, o.reward, o.metrics, o.at_ms AS outcome_at_ms'

/** The same, with what is read of the outcome's row of the prediction. */
export const joinedColumns = `${outcomeColumns}, o.seq, p.answer -> o.row AS predicted, p.scores -> o.row AS scores, o.before,
  k.endpoint, k.epoch, k.release, k.version, p.unit, k.propensity, p.latency_ms, k.status, p.at_ms, p.shadow_of, p.features,
  k.by_context, p.measures, (k.pinned = 0 AND k.version = k.assigned) AS counts`

export function rowToJoined(row: SqlRow): JoinedOutcome {
  return {
    outcome: rowToOutcome(row),
    endpoint: String(row['endpoint']),
    epoch: Number(row['epoch']),
    release: textOrNull(row['release']),
    version: String(row['version']),
    unit: String(row['unit']),
    propensity: Number(row['propensity']),
    latencyMs: Number(row['latency_ms']),
    status: Number(row['status']),
    counts: row['counts'] === 1,
    predicted: fromJson<Answer>(row['predicted']),
    scores: fromJson<readonly number[]>(row['scores']),
    predictedAtMs: Number(row['at_ms']),
    before: fromJson<OutcomeValues>(row['before']),
    ...shadowOfRow(row),
    ...featuresOfRow(row),
    ...byContextOfRow(row),
    ...measuresOfRow(row),
  }
}

function shadowOfRow(row: SqlRow): { shadowOf?: string } {
  const shadowOf = textOrNull(row['shadow_of'])
  return shadowOf === null ? {} : { shadowOf }
}

function featuresOfRow(row: SqlRow): { features?: Readonly<Record<string, Feature>> } {
  const features = fromJson<Record<string, Feature>>(row['features'])
  return features === null ? {} : { features }
}

function byContextOfRow(row: SqlRow): { byContext?: true } {
  return row['by_context'] === 1 ? { byContext: true } : {}
}

function measuresOfRow(row: SqlRow): { measures?: Measures } {
  const measures = fromJson<Measures>(row['measures'])
  return measures === null ? {} : { measures }
}

export function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

/** The caller names the type that the column was written with. */
export function fromJson<T>(text: SQLOutputValue | undefined): T | null {
  return typeof text === 'string' ? JSON.parse(text) : null
}

function textOrNull(value: SQLOutputValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}
