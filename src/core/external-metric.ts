/**
 * Numbers that another system measures: a query that names the version, asked now and then. Nothing is known of how they
 * vary, so they are held against a bound, several times in a row, and never tested.
 */
export type ExternalSource =
  /** An instant query; `{{version}}` and `{{endpoint}}` are replaced. It must answer one number. */
  | { from: 'prometheus'; url: string; query: string }
  /** GET of an address that answers JSON, in which the pointer leads to a number. */
  | { from: 'http'; url: string; pointer: string }

export type ExternalMetric = { source: ExternalSource; everyMs: number; timeoutMs: number }

/** One answer; `value` is null where there was none, and `detail` says why. */
export type Reading = { atMs: number; value: number | null; detail: string }

/** Newest last. By metric, then version. */
export type Readings = Readonly<Record<string, Readonly<Record<string, readonly Reading[]>>>>

/** How a reading of the candidate is held against a bound, or against stable's reading of the same time. */
export type ExternalBound =
  | { kind: 'max' | 'min'; bound: number }
  /** Greater is worse: stable's reading plus the margin, or times one and the margin, is not to be passed. */
  | { kind: 'margin'; margin: number; scale: 'absolute' | 'relative' }

/** Readings of one metric that are kept and shown. */
export const readingsKept = 20
