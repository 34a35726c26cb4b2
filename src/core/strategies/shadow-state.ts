/** Where a stage with challengers stands. */
import type { ReturnCause } from '../state-words.ts'
import type { TrialReport } from '../trial.ts'

export type Dropped = {
  version: string
  cause: Extract<ReturnCause, 'guardrail' | 'kept' | 'fleet-lost'>
  reason: string
}

/** Recorded requests of one challenger: its fleet of one instance is awaited, then its report. */
export type Replay = { state: 'starting' | 'asked' | 'reported'; runs: number; sinceMs: number; report?: TrialReport }

export type ShadowState = {
  kind: 'shadow'
  /** Null before it is entered. */
  sinceMs: number | null
  challengers: readonly string[]
  /** In the order in which they were dropped. */
  dropped: readonly Dropped[]
  /** The release's own candidate. */
  candidate: string | null
  held: boolean
  /** By challenger, where recorded requests are answered; one at a time. */
  replays?: Readonly<Record<string, Replay>>
  /** Passed, and its whole fleet is awaited: a replay runs one instance. */
  winner?: { version: string; reason: string }
  /** Dropped with traffic of the stage before: they end once the gateway sends nothing there. Left out where there are none. */
  leaving?: readonly string[]
}

/** Those that are still compared, in the order of the plan. */
export function runningChallengers({ challengers, dropped }: ShadowState): string[] {
  return challengers.filter(version => dropped.every(one => one.version !== version))
}
