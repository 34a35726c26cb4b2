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
  /** Requests beside those above that met this version by their features. */
  byContext?: number
  /** Columns of features, then the reward, of every row with both, whatever chose its version. */
  context?: VectorMoments
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

export type EpochEvidence = {
  epoch: number
  versions: Readonly<Record<string, VersionEvidence>>
  /** By challenger, where one got copies of requests in this epoch. */
  pairs?: Readonly<Record<string, PairEvidence>>
}

/** What champion and challenger did with the same requests. */
export type PairEvidence = {
  /** Requests of which it is known what both did. */
  pairs: number
  /** Those that only the one, or both, did not answer or answered with an error. */
  failures: { challenger: number; champion: number; both: number }
  /** Pairs of answers that the stage's comparator could compare, and those it found alike. */
  compared: number
  agreed: number
  /** Of pairs that both answered, in milliseconds, without those of the warm-up. */
  latencyMs: { champion: DDSketch; challenger: DDSketch }
  /** Rows whose true label is known. No answer is a wrong one. */
  labelled: { bothRight: number; challengerOnly: number; championOnly: number; bothWrong: number }
  /**
   * Of the metrics that pairs can tell, by name: moments of vectors with the champion's parts before the challenger's, of
   * rows, or of units where the metric says so. Units of a stage stand in its first epoch, however many they were met in.
   */
  metrics: Readonly<Record<string, VectorMoments>>
  /** The disagreements that are greatest, greatest first. */
  examples: readonly PairExample[]
  /** Answers and labels of a challenger whose champion was not at hand any more: they are in no number above. */
  lost: number
}

/** The champion's prediction, how far the challenger's answer is from it (0 to 1), and what differs. */
export type PairExample = { prediction: string; distance: number; note: string }

export function emptyPairEvidence(): PairEvidence {
  return {
    pairs: 0,
    failures: { challenger: 0, champion: 0, both: 0 },
    compared: 0,
    agreed: 0,
    latencyMs: { champion: new DDSketch(), challenger: new DDSketch() },
    labelled: { bothRight: 0, challengerOnly: 0, championOnly: 0, bothWrong: 0 },
    metrics: {},
    examples: [],
    lost: 0,
  }
}

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
