/**
 * What watching a stable version says. A report is written into the log when it changes something, so its shape must stay
 * readable for ever; the numbers behind it are shown live and can be made again from the log of predictions.
 */

import type { FeatureType } from '../features.ts'
import type { Verdict } from '../judge/judgement.ts'
import type { Period } from '../period.ts'
import type { WindowSpan } from './evidence.ts'

export type MonitorStatus = 'ok' | 'drifting' | 'breached'

/** What is wrong: a feature or the predicted value drifted, accuracy fell, a limit is broken. */
export type Alarm = {
  kind: 'feature' | 'answer' | 'quality' | 'limit'
  name: string
  /** One sentence with the numbers, for a person. */
  reason: string
}

export type MonitorReport = {
  /** The stable version that it is about. */
  version: string
  status: MonitorStatus
  alarms: readonly Alarm[]
}

/** A fold of the log: since when which version is watched, and what the last report said. */
export type MonitoringState = MonitorReport & {
  /** Predictions after this are watched, from this epoch on. */
  sinceMs: number
  sinceEpoch: number
  /** It began within that epoch, so that of its predictions only those after `sinceMs` count; left out where the epoch began with it. */
  withinEpoch?: true
  /** From a start of the server until the version was ready again: what callers get then tells nothing of it. */
  restarts?: readonly Period[]
  /** When the status or the alarms last changed. */
  changedAtMs: number
  /** While it is breached: how many releases the endpoint had had when that began. Times would not tell, clocks are put back. */
  breachedAfter?: number
  /** How many changes came soon after the one before, in a row; left out where the last one did not. */
  restless?: number
}

/** One feature, or the predicted value, of the newest complete window against the reference. */
export type FeatureReport = {
  name: string
  source: 'feature' | 'answer'
  type: FeatureType | null
  verdict: Verdict
  reason: string
  /** The test with the least p value, and its statistic; null where there is none. */
  method: 'ks' | 'chi-square' | null
  statistic: number | null
  /** Corrected for the number of features; a drift at alpha. */
  pValue: number | null
  /** Sizes of the drift: PSI with what it exceeds without drift with probability alpha, Jensen-Shannon distance, Wasserstein distance in standard deviations. */
  psi: number | null
  psiThreshold: number | null
  jensenShannon: number | null
  wasserstein: number | null
  missing: { reference: number; current: number } | null
  reference: WindowSpan
  current: WindowSpan | null
}

/** Whether labelled predictions are wrong more often than in the reference. */
export type QualityReport = {
  verdict: Verdict
  reason: string
  reference: { labelled: number; wrong: number }
  /** The upper limit of the reference's rate, which the detector guards. */
  rateMax: number | null
  /** Labelled since the reference, and the rate since the likeliest change. */
  labelled: number
  rateSince: number | null
  logEvidence: number | null
  threshold: number | null
}

export type DriftReport = {
  version: string
  sinceMs: number
  alpha: number
  verdict: Verdict
  features: readonly FeatureReport[]
  /** Null where labels cannot be compared with the predicted value. */
  quality: QualityReport | null
}

export type LimitReport = {
  metric: string
  verdict: Verdict
  reason: string
  rateMax: number
  /** The newest complete window, or the running one before there is any. */
  trials: number
  events: number
  rate: number | null
  /** The logarithm of the greatest evidence that the limit is broken, null without any, and what it must reach. */
  logEvidence: number | null
  threshold: number
}

export type Look = { drift: DriftReport | null; limits: readonly LimitReport[]; report: MonitorReport }
