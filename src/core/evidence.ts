/** Sufficient statistics per epoch and version. What a tick reads, whatever the number of predictions behind it. */
import { DDSketch } from '../stats/summaries/ddsketch.ts'
import type { VectorMoments } from '../stats/summaries/exact-moments.ts'

export type VersionEvidence = {
  /** Requests that the table sent to this version, and how many of them ended in an error, of whatever kind. */
  requests: number
  errors: number
  /** Requests that the version itself answered without an error. */
  answered: number
  /** Their latency in milliseconds, without those of the warm-up. */
  latencyMs: DDSketch
  /** Rows whose true label is known, and how many were predicted wrongly. */
  labelled: number
  wrong: number
  /** Units that the release first met on this version in this epoch. */
  newUnits: number
  /** Distinct units that met this version for the first time in the release in this epoch. */
  unitsMet: number
  /** Distinct units that this version was the first to serve in this epoch, and those of them that another one served too. */
  unitsServed: number
  unitsShared: number
  /** Rows of predictions that are older than the label window, and how many of them were labelled within it. */
  matured: number
  maturedLabelled: number
  /** Predictions that are older than the label window, and how many had a reward or a reported value within it. */
  rewards?: { matured: number; labelled: number }
  /** The metrics that the endpoint declares, by name; one without an observation may be missing. */
  metrics: Readonly<Record<string, MetricEvidence>>
}

/** Sufficient statistics of one metric of one version in one epoch, in the form that `formOf` names. */
export type MetricEvidence =
  /** Rows that say yes or no, and how many of them the harmful thing. */
  | { form: 'counts'; trials: number; events: number }
  /** Of rows or units; `shared` says what a unit-level metric's units have in common with earlier epochs. */
  | { form: 'moments'; moments: VectorMoments; shared: readonly SharedUnits[] }
  | { form: 'sketch'; sketch: DDSketch }
  /** Rows by score, in `scoreBins` equal bins from 0 to 1. */
  | { form: 'scores'; positives: readonly number[]; negatives: readonly number[] }
  /** Rows by true class, then predicted class, in the order of the metric's classes. */
  | { form: 'confusion'; matrix: readonly (readonly number[])[] }

/** Units that are also in an earlier epoch's evidence: what makes the two dependent. */
export type SharedUnits = {
  epoch: number
  version: string
  units: number
  /** The sum over those units of (here - mean here)(there - mean there), by components, with the means of all units. */
  products: readonly (readonly number[])[]
}

/** Bins of scores from 0 to 1: their width bounds the error of an AUC. */
export const scoreBins = 1_000

export type EpochEvidence = { epoch: number; versions: Readonly<Record<string, VersionEvidence>> }

export function emptyVersionEvidence(): VersionEvidence {
  return {
    requests: 0,
    errors: 0,
    answered: 0,
    latencyMs: new DDSketch(),
    labelled: 0,
    wrong: 0,
    newUnits: 0,
    unitsMet: 0,
    unitsServed: 0,
    unitsShared: 0,
    matured: 0,
    maturedLabelled: 0,
    metrics: {},
  }
}
