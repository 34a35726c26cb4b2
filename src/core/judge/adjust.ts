/**
 * Means less what a covariate from before the release explains of them (CUPED: Deng, Xu, Kohavi & Walker, WSDM 2013).
 * A unit without the covariate enters with 0 and a flag, and both are regressed on, so that none is dropped.
 */
import type { VectorMoments } from '../../stats/summaries/exact-moments.ts'
import type { MetricEvidence } from '../evidence.ts'
import { quadratic } from './arms.ts'
import type { ArmPair } from './means.ts'

export function adjusted(epoch: number, evidence: { candidate: MetricEvidence; stable: MetricEvidence }): ArmPair[] {
  const { candidate, stable } = evidence
  if (candidate.form !== 'moments' || stable.form !== 'moments') return []
  if (candidate.moments.n < 2 || stable.moments.n < 2) return []
  const slope = pooledSlope(candidate.moments, stable.moments)
  const centre = pooledCentre(candidate.moments, stable.moments)
  const arm = ({ n, mean, covariance }: VectorMoments) => {
    const gradient = [1, -slope[0], -slope[1]]
    const shift = slope[0] * ((mean[1] ?? 0) - centre[0]) + slope[1] * ((mean[2] ?? 0) - centre[1])
    return { n, mean: (mean[0] ?? 0) - shift, variance: quadratic(covariance, gradient), gradient }
  }
  return [{ epoch, candidate: arm(candidate.moments), stable: arm(stable.moments), evidence }]
}

/** Of the value on the covariate and on whether it is known, over both versions: the same for both, so it favours none. */
function pooledSlope(a: VectorMoments, b: VectorMoments): readonly [number, number] {
  const pooled = (i: number, j: number) =>
    ((a.n - 1) * (a.covariance[i]?.[j] ?? 0) + (b.n - 1) * (b.covariance[i]?.[j] ?? 0)) / (a.n + b.n - 2)
  const [xx, xk, kk, xy, ky] = [pooled(1, 1), pooled(1, 2), pooled(2, 2), pooled(1, 0), pooled(2, 0)]
  const determinant = xx * kk - xk * xk
  // All units have it, or none: one variable is left, or nothing.
  if (!(determinant > 1e-12 * xx * kk)) return xx > 0 ? [xy / xx, 0] : [0, 0]
  return [(xy * kk - ky * xk) / determinant, (ky * xx - xy * xk) / determinant]
}

function pooledCentre(a: VectorMoments, b: VectorMoments): readonly [number, number] {
  const centre = (i: number) => ((a.mean[i] ?? 0) * a.n + (b.mean[i] ?? 0) * b.n) / (a.n + b.n)
  return [centre(1), centre(2)]
}
