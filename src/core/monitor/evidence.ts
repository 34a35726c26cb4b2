/** What is kept of the predictions of a stable version while it is watched: windows and counts, bounded. */

import type { FeatureDrift } from '../../stats/drift/binned-drift.ts'
import type { ChangeVerdict } from '../../stats/drift/change-detector.ts'
import type { Result } from '../../stats/result.ts'
import type { FeatureSpecs, FeatureType } from '../features.ts'
import type { Counts } from '../judge/judgement.ts'
import type { Period } from '../period.ts'
import type { DriftSpec, MonitorSpec } from './spec.ts'

/** What is to be watched of which version; a new one starts anew. */
export type Watched = {
  version: string
  sinceMs: number
  /** The epoch in which watching began; within it, predictions count from `sinceMs` on. Clocks are put back, epochs are not. */
  since: { epoch: number; isWithin: boolean }
  /** What came within these counts for nothing. */
  restarts: readonly Period[]
  features: FeatureSpecs
  /** How the predicted value is read; null where it is not one value. */
  answer: 'number' | 'category' | null
  drift: DriftSpec | null
  monitor: MonitorSpec | null
}

/** Predictions that make up a window, and the times of the first and the last. */
export type WindowSpan = { predictions: number; fromMs: number; toMs: number }

export type StreamEvidence = {
  name: string
  source: 'feature' | 'answer'
  type: FeatureType | null
  reference: WindowSpan
  /** The newest complete window; null before there is any. */
  current: WindowSpan | null
  /** Of these two; a refusal while one of them is missing. */
  drift: Result<FeatureDrift>
}

export type QualityEvidence = {
  reference: { labelled: number; wrong: number }
  rateMax: number | null
  labelled: number
  /** An alarm was raised, and no full window has passed since in which the rate was kept. */
  isAlarmed: boolean
  /** The verdict of the alarm while it lasts, otherwise the newest. */
  change: Result<ChangeVerdict>
}

export type LimitEvidence = {
  metric: string
  /** Of the running window, of the newest complete one, and of all since the watch began or a breach ended. */
  window: Counts
  last: Counts | null
  stretch: Counts
  /** What showed the breach that lasts, until windows have kept the limit; left out where there is none. */
  broken?: Counts
}

export type WatchEvidence = {
  version: string
  sinceMs: number
  streams: readonly StreamEvidence[]
  quality: QualityEvidence | null
  limits: readonly LimitEvidence[]
}
