/** Evidence of one version in one epoch as an arm of a comparison: how many clusters, the metric's value, its variance. */
import { insufficient, type Result } from '../../stats/result.ts'
import type { MeanArm } from '../../stats/sequential/compare-means.ts'
import type { VectorMoments } from '../../stats/summaries/exact-moments.ts'
import { assertNever } from '../errors.ts'
import type { MetricEvidence } from '../evidence.ts'
import { isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import { armOfCounts } from './collapse.ts'

/** `gradient` leads from the components of a moments vector to the value; empty for other forms. */
export type Arm = MeanArm & { readonly gradient: readonly number[] }

export function armOf(spec: MetricSpec, evidence: MetricEvidence | undefined): Result<{ arm: Arm }> {
  if (evidence === undefined) return insufficient('there are no observations yet')
  switch (evidence.form) {
    case 'moments':
      return momentsArm(spec, evidence.moments)
    case 'scores':
      return aucArm(evidence)
    case 'confusion':
      return macroF1Arm(evidence.matrix)
    case 'counts':
      return countsArm(spec, evidence)
    case 'sketch':
      throw new Error(`evidence in the form ${evidence.form} has a comparison of its own`)
    default:
      return assertNever(evidence)
  }
}

/** Counts are of harmful rows; the metric's own value is what a relative margin is a share of. */
function countsArm(spec: MetricSpec, { trials, events }: { trials: number; events: number }): Result<{ arm: Arm }> {
  if (trials === 0) return insufficient('there are no observations yet')
  const counted = isHigherBetter(spec) ? trials - events : events
  return { ok: true, arm: { ...armOfCounts({ trials, events: counted }), gradient: [] } }
}

/** A smooth function of means, and its variance by the delta method (first order; van der Vaart 1998, chapter 3). */
function momentsArm(spec: MetricSpec, moments: VectorMoments): Result<{ arm: Arm }> {
  if (moments.n === 0) return insufficient('there are no observations yet')
  const derived = valueAndGradient(spec, moments.mean)
  if (!derived.ok) return derived
  const { value, gradient } = derived
  return { ok: true, arm: { n: moments.n, mean: value, variance: quadratic(moments.covariance, gradient), gradient } }
}

/** A share is of two parts: what is in it and what it is of. */
export function valueAndGradient(
  spec: MetricSpec,
  mean: readonly number[],
): Result<{ value: number; gradient: number[] }> {
  const [first = 0, second = 0, third = 0] = mean
  switch (spec.type) {
    case 'ratio':
    case 'f1':
    case 'precision':
    case 'recall':
      if (second === 0) return insufficient('the denominator of the ratio is 0 so far')
      return { ok: true, value: first / second, gradient: [1 / second, -first / second / second] }
    case 'rmse': {
      const root = Math.sqrt(first)
      return { ok: true, value: root, gradient: [root === 0 ? 0 : 1 / (2 * root)] }
    }
    case 'r2': {
      const spread = second - first * first
      if (!(spread > 0)) return insufficient('the true values are all alike so far, and R2 is not defined')
      const unexplained = third / spread
      const gradient = [(-2 * first * unexplained) / spread, unexplained / spread, -1 / spread]
      return { ok: true, value: 1 - unexplained, gradient }
    }
    default:
      // A covariate's components follow the value's own; their part is the adjustment's.
      return { ok: true, value: first, gradient: mean.map((_, index) => (index === 0 ? 1 : 0)) }
  }
}

export function quadratic(matrix: readonly (readonly number[])[], vector: readonly number[]): number {
  return Math.max(0, bilinear(matrix, vector, vector))
}

export function bilinear(
  matrix: readonly (readonly number[])[],
  left: readonly number[],
  right: readonly number[],
): number {
  let sum = 0
  for (const [i, row] of matrix.entries())
    for (const [j, entry] of row.entries()) sum += (left[i] ?? 0) * entry * (right[j] ?? 0)
  return sum
}

/** Ties, which are the rows of one bin, count half; variance of DeLong, DeLong & Clarke-Pearson (Biometrics 44, 1988). */
function aucArm({ positives, negatives }: { positives: readonly number[]; negatives: readonly number[] }) {
  const [p, n] = [total(positives), total(negatives)]
  if (p < 2 || n < 2) return insufficient('an AUC needs at least 2 rows of both classes')
  const above = placements(negatives)
  const below = placements(positives)
  const auc = weighted(positives, above, place => place) / p
  const spreadAbove = weighted(positives, above, place => (place - auc) ** 2) / (p - 1)
  const spreadBelow = weighted(negatives, below, place => (place - (1 - auc)) ** 2) / (n - 1)
  const variance = (spreadAbove / p + spreadBelow / n) * (p + n)
  return { ok: true as const, arm: { n: p + n, mean: auc, variance, gradient: [] } }
}

/** For each bin the share of the other class that lies below it, its own bin by half. */
function placements(others: readonly number[]): number[] {
  const all = total(others)
  let seen = 0
  return others.map(count => {
    const place = (seen + count / 2) / all
    seen += count
    return place
  })
}

function weighted(counts: readonly number[], places: readonly number[], of: (place: number) => number): number {
  return counts.reduce((sum, count, bin) => (count === 0 ? sum : sum + count * of(places[bin] ?? 0)), 0)
}

/** The mean over classes of 2 tp / (true + predicted); variance by the delta method for multinomial cells. */
function macroF1Arm(matrix: readonly (readonly number[])[]): Result<{ arm: Arm }> {
  const classes = matrix.map((row, k) => ({ hits: row[k] ?? 0, size: total(row) + total(matrix.map(r => r[k] ?? 0)) }))
  const missing = classes.findIndex(({ size }) => size === 0)
  if (missing >= 0) return insufficient(`class ${missing + 1} of ${classes.length} has neither been seen nor predicted`)
  const f1 = classes.map(({ hits, size }) => (2 * hits) / size)
  const rows = total(matrix.flat())
  let variance = 0
  for (const [i, row] of matrix.entries()) {
    for (const [j, count] of row.entries()) {
      const part = (k: number) => (f1[k] ?? 0) / (classes[k]?.size ?? 1)
      const gain = i === j ? 2 / (classes[i]?.size ?? 1) : 0
      variance += count * ((gain - part(i) - part(j)) / classes.length) ** 2
    }
  }
  return { ok: true, arm: { n: rows, mean: total(f1) / f1.length, variance: variance * rows, gradient: [] } }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
