import { studentUpperQuantile } from '../numerics/student.ts'
import { insufficient, invalid, type Result } from '../result.ts'
import type { Interval } from './interval.ts'
import { type MeanError, type MeanQuestion, meanErrors, satterthwaite } from './welch.ts'

/**
 * The delta method needs a stable mean at least this many standard errors from 0: nearer, the ratio is far from normal
 * and its interval too short on one side.
 */
export const DELTA_METHOD_FROM = 4

const NO_BASE = 'the mean of stable cannot be told from 0 at this level; the lift has no finite interval'

/** A relative lift: 0.05 says that the mean of the candidate is 5 % further from 0 than that of stable. */
export type RelativeLift = {
  readonly lift: Interval
  readonly method: 'delta' | 'fieller'
  /** Degrees of freedom of the ratio's error. */
  readonly df: number
}

/**
 * Estimates the relative lift of a mean, m_c / m_s - 1, with its interval: by the delta method, or by Fieller's theorem
 * when the stable mean is within 4 standard errors of 0.
 *
 * @use For a relative statement about means that are clearly not 0. If both means are negative, a positive lift means
 *   a more negative candidate.
 * @assumes Independent values with a finite variance in each version, means near normal; variances may differ.
 * @formula Delta: r = m_c/m_s, se^2 = v_c/(n_c m_s^2) + v_s m_c^2/(n_s m_s^4), r - 1 -+ t se. Fieller: all r with
 *   (m_c - r m_s)^2 <= t^2 (v_c/n_c + r^2 v_s/n_s). t the upper alpha/2 quantile of Student's distribution at Welch's
 *   degrees of freedom of m_c - r m_s.
 * @source E. C. Fieller, "Some problems in interval estimation", JRSS B 16 (1954) 175-185; the delta method for metrics:
 *   A. Deng, U. Knoblich & J. Lu, "Applying the delta method in metric analytics", KDD 2018, arXiv 1803.06336.
 * @degenerate A stable mean of 0, or one that at this level cannot be told from 0 (Fieller's set has no end then), is
 *   insufficient, as are fewer than 2 values in a version and no variance in either.
 */
export function relativeLift({ candidate, stable, alpha }: MeanQuestion): Result<RelativeLift> {
  const errors = meanErrors({ candidate, stable, alpha })
  if (!errors.ok) return errors
  if (stable.mean === 0) return insufficient('the mean of stable is 0; a relative lift has no base')
  const scale = Math.abs(stable.mean)
  const ratio = candidate.mean / stable.mean
  const base = errors.stable.se / scale
  const own = errors.candidate.se / scale
  const relative = { ratio, lift: (candidate.mean - stable.mean) / stable.mean, own, base }
  // Beside a mean this close to 0 its error is beyond a double.
  if (base === Number.POSITIVE_INFINITY) return insufficient(NO_BASE)
  if (![ratio, own, relative.lift].every(Number.isFinite))
    return invalid(`the mean ${candidate.mean} is too large for a double in units of ${stable.mean}`)
  if (base * Math.abs(ratio) === Number.POSITIVE_INFINITY) return insufficient(NO_BASE)
  const { standardError, df } = ratioError(relative, errors)
  if (standardError === 0)
    return insufficient('the mean of the candidate is 0 without variance; its ratio has no error')
  const t = studentUpperQuantile(alpha / 2, df)
  const near = relative.base * DELTA_METHOD_FROM > 1
  const limits = near ? fieller(relative, t) : delta(relative, t * standardError)
  if (!limits.ok) return limits
  const { lower, upper } = limits
  if (!Number.isFinite(lower) || !Number.isFinite(upper)) return invalid('the interval of the lift exceeds a double')
  return { ok: true, lift: { estimate: relative.lift, lower, upper }, method: near ? 'fieller' : 'delta', df }
}

/** The ratio of the means, that ratio less 1 without its rounding, and both standard errors in units of the stable mean. */
type RelativeMeans = { readonly ratio: number; readonly lift: number; readonly own: number; readonly base: number }

function ratioError(
  { ratio, own, base }: RelativeMeans,
  { candidate, stable }: { candidate: MeanError; stable: MeanError },
): { standardError: number; df: number } {
  const scaled = base * Math.abs(ratio)
  if (own === 0 && scaled === 0) return { standardError: 0, df: 0 }
  return satterthwaite({ se: own, df: candidate.df }, { se: scaled, df: stable.df })
}

function delta({ lift }: RelativeMeans, half: number): Result<{ lower: number; upper: number }> {
  return { ok: true, lower: lift - half, upper: lift + half }
}

function fieller({ ratio, lift, own, base }: RelativeMeans, t: number): Result<{ lower: number; upper: number }> {
  const g = (t * base) ** 2
  if (g >= 1) return insufficient(NO_BASE)
  const centre = (lift + g) / (1 - g)
  const half = (t * Math.hypot(own * Math.sqrt(1 - g), base * ratio)) / (1 - g)
  return { ok: true, lower: centre - half, upper: centre + half }
}
