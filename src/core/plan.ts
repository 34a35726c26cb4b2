/** A release as it will run: every default filled in, every unit converted, alpha budgets written down. Plain data. */
import type { FlagGate } from './flags/flag-gates.ts'
import type { FreezeWindow } from './freeze.ts'
import type { GoalCheck, MetricCheck } from './metric-check.ts'
import type { ScopeRule } from './scope.ts'
import { type StagePlan, versionsOf } from './stage-plans.ts'
import type { Gate } from './webhook.ts'

export type ReleasePlan = {
  /** The behaviour that this plan was made for; recorded releases replay under their own. */
  planVersion: 1
  endpoint: string
  from: string
  to: string
  stages: readonly StagePlan[]
  /** A breach rolls back. */
  guardrails: readonly MetricCheck[]
  /** A breach holds. */
  signals: readonly MetricCheck[]
  /** All must be shown before the candidate is promoted; one that is refuted does what `onFail` says. */
  goals?: readonly GoalCheck[]
  /** The candidate is not promoted before the release is this old. */
  minimumAgeMs?: number
  /** Different shares of labelled predictions are called at this chance of a false alarm. */
  coverageAlpha?: number
  /** Who is asked before the release goes on. */
  gates?: readonly Gate[]
  onFail: 'rollback' | 'hold'
  /** While another release of the endpoint runs: wait for its end, or take its place. Refused where it is left out. */
  onConflict?: 'queue' | 'replace'
  /** How long the old version is kept warm and watched after the candidate has all traffic. */
  probationMs: number
  /** A sample-ratio mismatch is called at this chance of a false alarm. */
  sampleRatioAlpha: number
  /** Left out where the candidate's version says it. */
  readyTimeoutMs?: number
  drainMs: number
  /** Releases of these endpoints under one name move or return as one. */
  group?: { name: string; endpoints: readonly string[] }
  /** Only requests that one of these rules fits take part; the others stay on the stable version and are no evidence. */
  match?: readonly ScopeRule[]
  /** Inside one of these the release takes no step forward and is not promoted; it can always go back. */
  freeze?: readonly FreezeWindow[]
  /** While one of these flags is off the release, or its stage, stands still; it can always go back. */
  flags?: readonly FlagGate[]
  /** The age at which predictions are judged by their labels, as the endpoint had learned it by then; left out where it had not. */
  labelWindowMs?: number
  /** Why Cutover started it by itself; left out where somebody asked for it. */
  reason?: string
}

/** The versions that a release tries: its candidate and whatever its stages name beside the stable one. */
export function triedVersions({ to, stages }: Pick<ReleasePlan, 'to' | 'stages'>): string[] {
  return [...new Set([to, ...stages.flatMap(stage => versionsOf(stage, to))])]
}
