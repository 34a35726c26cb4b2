/** The story of a release: its events told in order, each decision with the numbers it rests on. A fold of the log. */
import type { Judgement } from './judge/judgement.ts'
import type { TrialReport } from './trial.ts'

export const timelineEntryKinds = [
  'queued',
  'started',
  'ready',
  'weight',
  /** A stage says where it stands. */
  'stage',
  'hold',
  'resumed',
  'paused',
  'promoting',
  'promoted',
  'rolling-back',
  'rolled-back',
  'operator',
  'server-started',
  /** After its end: what is watched of the version that it made stable. */
  'monitored',
] as const
export type TimelineKind = (typeof timelineEntryKinds)[number]

/** What is watched of a version that no release has made stable: in no story, and told to webhooks all the same. */
export type VersionEntry = Omit<TimelineEntry, 'release' | 'candidatePpm' | 'trial'> & {
  release: null
  candidatePpm: null
}

export type TimelineEntry = {
  seq: number
  atMs: number
  release: string
  kind: TimelineKind
  /** One sentence for a person. */
  text: string
  /** The candidate's share after this entry. */
  candidatePpm: number
  /** The look at the evidence that decided it; null where none did. */
  judgement: Judgement | null
  /** The trial whose end the entry tells of; left out where none ended. */
  trial?: TrialReport
  /** How many requests and units had met the candidate, and for how long; on the entries that end a release. */
  exposure: { requests: number; units: number; durationMs: number } | null
}
