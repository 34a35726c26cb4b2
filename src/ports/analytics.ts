/**
 * Questions over the whole recorded log. They tell of evidence alone, as the controller counts it: predictions whose
 * version the caller chose itself are left out, as are shadows, and outcomes of those that another version answered in
 * its place.
 */
export interface Analytics {
  /** One row per group that has predictions, in the order of its key. */
  summarise(query: SummaryQuery): Promise<readonly SummaryRow[]>
  /** What estimates of other policies need, in bounded batches; the groups come in no order. If `each` throws, it rejects so. */
  offPolicyRows(query: OffPolicyQuery, each: (batch: readonly OffPolicyRow[]) => void): Promise<void>
  close(): Promise<void>
}

/** Predictions made from `sinceMs` on and before `untilMs`; outcomes belong to the time of their prediction. */
export type AnalyticsRange = { endpoint: string; release?: string; sinceMs?: number; untilMs?: number }

export type SummaryDimension = 'version' | 'epoch' | 'release' | 'hour' | 'day'

/** Everything committed when it is called is in the answer. Without dimensions there is one row. */
export type SummaryQuery = AnalyticsRange & { groupBy: readonly SummaryDimension[] }

export type SummaryRow = {
  /** Those of the dimensions that were asked for. */
  key: SummaryKey
  /** Answers that a caller waited for. */
  requests: number
  /** The server failed, or answered 400 and above, or the version was not there and another answered in its place. */
  errors: number
  /** Distinct units. They are told apart by 53 bits: of ten million units fewer than one is expected to be missed. */
  units: number
  /** Rows with a predicted value and a true one, and those where they differ; of corrected rows the last value. Rankings are neither. */
  labelled: number
  wrong: number
  rewards: { count: number; sum: number }
  /** Of answers without error, within 0.5 %; null if there are none. */
  latencyMs: { p50: number; p95: number; p99: number } | null
  firstMs: number
  lastMs: number
}

export type SummaryKey = {
  /** The version that was chosen. */
  version?: string
  epoch?: number
  release?: string | null
  /** Where the hour, or the day, begins in UTC. */
  hour?: number
  day?: number
}

/** `correct` is 1 where the label and the predicted value agree, otherwise 0. */
export type OffPolicyValue = { kind: 'reward' } | { kind: 'metric'; name: string } | { kind: 'correct' }

export type OffPolicyQuery = AnalyticsRange & { value: OffPolicyValue }

/**
 * All predictions in which a version was chosen with one probability. As an importance weight depends on nothing else,
 * these are sufficient for weighted estimates of any policy that ignores the request.
 */
export type OffPolicyRow = {
  version: string
  propensity: number
  predictions: number
  /** Of rows whose value is known, each as it was last corrected; null if none is. `m2` is the sum of (value - mean)^2. */
  values: { n: number; mean: number; m2: number; min: number; max: number } | null
}

/** Rows of one batch of `offPolicyRows`. */
export const offPolicyBatchMax = 2_048
