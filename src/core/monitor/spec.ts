/** What is asked of a version that serves without a release: no drift, and limits of its own. Plain data. */

/** Every window after the first is compared with the reference, once, when it is complete. */
export type DriftSpec = {
  /** With `unit` only the first prediction of each unit counts in the reference and in every window: rows of one unit are not independent. */
  by: 'unit' | 'request'
  /** The first predictions of the stable version: what the later ones are compared with. */
  reference: number
  /** Predictions of one window. It and the reference also end with the first prediction that is `atMostMs` younger than their first one. */
  window: number
  atMostMs: number
  /** The chance of a false alarm at each look. */
  alpha: number
  /** A population stability index up to this is no drift, however certain; 0 by default. */
  toleratedPsi: number
  onDrift: 'alert' | 'ignore'
}

/** One limit. All three kinds are rates of something that should be rare, so that one exact test judges them all. */
export type MonitorCheck = {
  /** The name it was declared under: error-rate, latency-p99, accuracy. */
  metric: string
  /** What counts: an error; an answer slower than `maxMs`; a wrong answer among the labelled. */
  event: { kind: 'error' } | { kind: 'slow'; quantile: number; maxMs: number } | { kind: 'wrong' }
  /** The greatest share that is allowed, as a probability. */
  rateMax: number
}

export type MonitorSpec = {
  checks: readonly MonitorCheck[]
  /** The chance of a false breach in each window, for each check. */
  alpha: number
  /** Trials of one window, which also ends with the first trial that is `atMostMs` younger than its first one. */
  window: number
  atMostMs: number
  onBreach: 'alert' | 'return'
}
