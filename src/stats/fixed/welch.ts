import { studentUpperQuantile } from '../numerics/student.ts'
import { insufficient, invalid, type Result } from '../result.ts'
import { type Moments, variance } from '../summaries/moments.ts'
import { checkIntervalAlpha, type Interval } from './interval.ts'
import { type SidedPValues, studentPValues } from './p-value.ts'

/** Moments of both versions, and the error probability of the question. */
export type MeanQuestion = { readonly candidate: Moments; readonly stable: Moments; readonly alpha: number }

/** The comparison of two means at one planned look. */
export type WelchTest = SidedPValues & {
  /** (difference - margin) / standard error. */
  readonly t: number
  /** Degrees of freedom, seldom whole. */
  readonly df: number
  /** Of the difference, in units of the values. */
  readonly standardError: number
  /** The difference of the means, candidate minus stable, in units of the values. */
  readonly difference: Interval
}

/**
 * Welch's t test of whether the difference of two means, candidate minus stable, is `margin` (0 unless given, in units
 * of the values), with the interval of the difference.
 *
 * @use For means of independent units at one planned look. `less` at a positive margin is the p value of
 *   non-inferiority where larger is worse. With skewed values (money, latency) have some hundreds in each version.
 * @assumes Independent values with a finite variance in each version, means near normal; variances may differ.
 * @formula t = (m_c - m_s - margin) / sqrt(v_c/n_c + v_s/n_s), df = (v_c/n_c + v_s/n_s)^2 / ((v_c/n_c)^2/(n_c-1) +
 *   (v_s/n_s)^2/(n_s-1)).
 * @source B. L. Welch, "The generalization of Student's problem when several different population variances are
 *   involved", Biometrika 34 (1947) 28-35; df after F. E. Satterthwaite, Biometrics Bulletin 2 (1946) 110-114.
 * @degenerate Fewer than 2 values in a version, or no variance in either, are insufficient: constant values do not show
 *   how far a mean may be off. No variance in one version alone is answered.
 */
export function welchTest({
  candidate,
  stable,
  alpha,
  margin = 0,
}: MeanQuestion & { margin?: number }): Result<WelchTest> {
  if (!Number.isFinite(margin)) return invalid(`margin is ${margin}; it must be a finite number`)
  const errors = meanErrors({ candidate, stable, alpha })
  if (!errors.ok) return errors
  const { standardError, df } = satterthwaite(errors.candidate, errors.stable)
  const estimate = candidate.mean - stable.mean
  const t = (estimate - margin) / standardError
  const half = studentUpperQuantile(alpha / 2, df) * standardError
  const [lower, upper] = [estimate - half, estimate + half]
  if (![t, lower, upper].every(Number.isFinite)) return invalid('the difference of the means is too large for a double')
  return { ok: true, ...studentPValues(t, df), t, df, standardError, difference: { estimate, lower, upper } }
}

/** The standard error of one mean and its degrees of freedom. */
export type MeanError = { readonly se: number; readonly df: number }

/** The errors of both means, or why they say nothing about a difference. */
export function meanErrors({
  candidate,
  stable,
  alpha,
}: MeanQuestion): Result<{ candidate: MeanError; stable: MeanError }> {
  const bad = checkIntervalAlpha(alpha)
  if (bad !== undefined) return bad
  const own = variance(candidate)
  if (!own.ok) return { ...own, reason: `candidate: ${own.reason}` }
  const other = variance(stable)
  if (!other.ok) return { ...other, reason: `stable: ${other.reason}` }
  const errors = {
    candidate: { se: Math.sqrt(own.variance) / Math.sqrt(candidate.n), df: candidate.n - 1 },
    stable: { se: Math.sqrt(other.variance) / Math.sqrt(stable.n), df: stable.n - 1 },
  }
  if (errors.candidate.se > 0 || errors.stable.se > 0) return { ok: true, ...errors }
  return insufficient('the values of each version are all the same; without variance there is no test')
}

/** The standard error of a sum of two independent errors with its approximate degrees of freedom; one at least is not 0. */
export function satterthwaite(first: MeanError, second: MeanError): { standardError: number; df: number } {
  const standardError = Math.hypot(first.se, second.se)
  const share = (first.se / standardError) ** 2
  const rest = (second.se / standardError) ** 2
  return { standardError, df: 1 / (share ** 2 / first.df + rest ** 2 / second.df) }
}
