/** Sufficient statistics per epoch and version. What a tick reads, whatever the number of predictions behind it. */
import { DDSketch } from '../stats/summaries/ddsketch.ts'

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
}

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
  }
}
