import { checkAlpha, type Failure, invalid } from '../result.ts'

/** A point estimate with the limits of its confidence interval. */
export type Interval = { readonly estimate: number; readonly lower: number; readonly upper: number }

/** Below it a quantile of Student's t with one degree of freedom leaves the range of a double. */
const ALPHA_MIN = 1e-300

/** Refuses an error probability that no interval can have. */
export function checkIntervalAlpha(alpha: number): Failure | undefined {
  const bad = checkAlpha(alpha)
  if (bad !== undefined || alpha >= ALPHA_MIN) return bad
  return invalid(`alpha is ${alpha}; an interval needs at least ${ALPHA_MIN}`)
}
